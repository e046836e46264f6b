"""The numbers of the wire, by model and mode, each with its source where sources differ."""

from dataclasses import dataclass
from typing import Literal

API_VERSION = "v1.3"

# Upstream speaks of MB throughout and never of MiB.
MB = 1_000_000

Mode = Literal["sync", "async"]


@dataclass(frozen=True, slots=True)
class TokenRange:
    """What `max_tokens` may be, and what it is when left out."""

    least: int
    most: int
    default: int


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What a model name lets a client send. `prompt_tokens` of None: only the context window bounds a prompt."""

    general: TokenRange
    segmentation: TokenRange | None
    window_tokens: int
    prompt_tokens: int | None
    shortest: float
    video_id: bool
    windows: bool
    images: bool
    time_arrays: bool
    unlimited: bool


# The pages disagree on the top for 1.5 (65,536 and 98,304): the wider refuses no client (contract 19.2).
# The window of 1.6 is not published; it is taken to be that of 1.5. That of 1.2 is the engine's.
RULES = {
    "pegasus1.2": ModelRules(
        general=TokenRange(1, 4_096, 4_096),
        segmentation=None,
        window_tokens=261_120,
        prompt_tokens=2_000,
        shortest=4.0,
        video_id=True,
        windows=False,
        images=False,
        time_arrays=False,
        unlimited=False,
    ),
    "pegasus1.5": ModelRules(
        general=TokenRange(512, 98_304, 4_096),
        segmentation=TokenRange(2_048, 98_304, 32_768),
        window_tokens=261_120,
        prompt_tokens=None,
        shortest=4.0,
        video_id=False,
        windows=True,
        images=False,
        time_arrays=False,
        unlimited=False,
    ),
    "pegasus1.6": ModelRules(
        general=TokenRange(512, 98_304, 4_096),
        segmentation=TokenRange(2_048, 98_304, 32_768),
        window_tokens=261_120,
        prompt_tokens=None,
        shortest=1.0,
        video_id=False,
        windows=True,
        images=True,
        time_arrays=True,
        unlimited=True,
    ),
}
MODELS = tuple(RULES)
# The names that every server knows; an operator may add names of his own, each with one of these rule sets.
STANDARD = {name: name for name in MODELS}
DEFAULT_MODEL = "pegasus1.2"

# From this version on the SDKs document another default and can no longer name the first one (contract 19.1).
SDK_NAMES = ("twelvelabs", "twelvelabs-js")
NEWER_SDK = (1, 3, 2)
NEWER_DEFAULT_MODEL = "pegasus1.5"

# A prompt of this many characters fits no window of any model; it is refused before its tokens are counted.
LONGEST_PROMPT = 2_000_000
# A parsed value takes some fifty times the room of the two bytes that may stand for it.
MOST_JSON_PARTS = 1_000_000
LONGEST_URL = 8_192

TEMPERATURE = (0.0, 1.0)
DEFAULT_TEMPERATURE = 0.2

# Sizes of the picture, either way up. The ratio is a fraction so that 5184x2160 is judged exactly.
SMALLEST_SIDE = 360
LARGEST_SIZE = (5_184, 2_160)
WIDEST_RATIO = (12, 5)

LONGEST_VIDEO: dict[Mode, float] = {"sync": 3_600.0, "async": 7_200.0}
# A longer video is taken by a task that asks about a part of it which is no longer than the bound above (contract 2).
LONGEST_WINDOWED = {"pegasus1.6": 14_400.0}
# A window may end this much after the video does: clients round durations up.
END_TOLERANCE = 0.5
# A video of four seconds may decode to a frame less, and its sound to a block less.
LENGTH_TOLERANCE = 0.05
# Differences of decimal seconds are a little off in binary: 4.1 - 0.1 is less than 4.
ROUNDING = 1e-6

# The pages say 30 MB; 36 MB (video) and 32 MB (picture) were seen to pass (contract 19.18, 10.3).
BASE64_VIDEO_BYTES = 36 * MB
BASE64_IMAGE_BYTES = 32 * MB
MEDIA_SOURCES = 4
# Pictures that are asked about by themselves. Their pixels are counted once they are decoded.
IMAGES = 20
IMAGE_BYTES = 20 * MB
IMAGE_PIXELS = 16_777_216

CUSTOM_ID = 64
# The word a client may send in place of a number of `max_tokens`.
UNLIMITED = "unlimited"
# Pages disagree on the most definitions (10, 20) and values (50, 100), and name no most of fields any more
# (once 20): the wider refuses no client (contract 9, 17).
DEFINITIONS = 20
DEFINITION_FIELDS = 50
FIELD_VALUES = 100
SHORTEST_SEGMENT = 2.0
SHORTEST_RANGE = 2.0
PREVIEW = 30

IDEMPOTENCY_KEY = 255
WEBHOOK_SECRET = (16, 200)
# No source bounds them; every end of a task writes a message to each.
WEBHOOKS = 50

# Uploads in chunks: the largest picture, how many chunks a file may be cut into, and URLs at the beginning and a call.
UPLOAD_IMAGE_BYTES = 32 * MB
UPLOAD_CHUNKS = 10_000
UPLOAD_FIRST_URLS = 10
UPLOAD_URLS = 50

# No source bounds it. As JSON, and of an asset or video in all: merging may not let it grow for ever.
METADATA_BYTES = 256 * 1024
METADATA_FILTERS = 50

# No source bounds a schema; these keep one request from costing more than its answer.
SCHEMA_DEPTH = 16
SCHEMA_PROPERTIES = 2_000
SCHEMA_PARTS = 10_000
SCHEMA_ITEMS = 1_000
SCHEMA_PATTERN = 1_000
SCHEMA_NAME = 256
SCHEMA_VALUES = 4_000
SCHEMA_CHARACTERS = 400_000
# Whole numbers beyond this are not kept exactly by the readers of JSON that clients are written in.
LARGEST_INTEGER = 2**53 - 1

# No source bounds these of an index.
INDEX_NAME = 512
INDEX_MODELS = 8
INDEX_ADDONS = 32

PAGE_LIMIT = 50
DEFAULT_PAGE_LIMIT = 10


def context_window(model_name: str) -> int:
    """Tokens of input and output together that the model's documents promise at most."""
    return RULES[model_name].window_tokens

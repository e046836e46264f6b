"""The words between a decode process and its caller: what may be asked, and the pieces that come back.

Times are seconds on the container's own clock. Everything is encoded as MessagePack by `msgspec`.
"""

from typing import Literal

import msgspec

from kinoscribe.contract.video import VideoFacts

THUMB_WIDTH, THUMB_HEIGHT = 64, 36
THUMB_BYTES = 3 * THUMB_WIDTH * THUMB_HEIGHT
GRID_WIDTH, GRID_HEIGHT = 160, 90
SAMPLE_RATE = 16_000


class PictureFacts(msgspec.Struct, frozen=True, tag="picture_facts"):
    """A still picture as it is shown: pixels of the file, `mime_type` by content."""

    width: int
    height: int
    mime_type: str


class SoundFacts(msgspec.Struct, frozen=True, tag="sound_facts"):
    """A file of sound alone: `duration` in seconds, by its packets."""

    duration: float
    container: str
    codec: str
    sample_rate: int
    channels: int
    streams: int


class FileKind(msgspec.Struct, frozen=True, tag="file_kind"):
    """What a file is by its content. `facts` for a video, `picture` for an image, `sound` for a sound.

    `reason` says in a sentence why a file that looks like media could not be taken for it.
    """

    kind: Literal["video", "image", "audio", "other"]
    mime_type: str
    facts: VideoFacts | None = None
    picture: PictureFacts | None = None
    sound: SoundFacts | None = None
    reason: str | None = None


class ReadPlan(msgspec.Struct, frozen=True):
    """What one pass over a video is to bring.

    `start` and `end` bound what comes back (the whole video when `None`). Pictures are taken when the scene has
    changed, at least `min_gap` and at most `max_gap` seconds apart; the gaps grow when `most_pictures` would not
    be enough for `length`, the seconds the video has by probing (`None`: by its header). `max_side` bounds the
    longer side of a picture. With `min_gap` no smaller than `max_gap` pictures come evenly, whatever they show.

    With `border_every` a `Border` comes about every so many seconds of the video. A pass with its `state` as
    `resume`, the rest of the plan being the same, brings what came after it. `alone` is for a file without pictures,
    of which only the sound is wanted.
    """

    pictures: bool = True
    sound: bool = True
    thumbs: bool = True
    start: float | None = None
    end: float | None = None
    min_gap: float = 0.5
    max_gap: float = 10.0
    most_pictures: int = 400
    max_side: int = 1280
    length: float | None = None
    border_every: float | None = None
    resume: bytes | None = None
    alone: bool = False


class Thumb(msgspec.Struct, frozen=True, tag="thumb"):
    """A frame made tiny: `THUMB_WIDTH` x `THUMB_HEIGHT`, the planes Y, U, V one after another, full size each."""

    time: float
    pixels: bytes


class Picture(msgspec.Struct, frozen=True, tag="picture"):
    """A picture as it is shown: upright, square pixels, RGB24 row by row without padding.

    `since` is when what it shows came up: the last change worth a picture before `time`. `changed_at` tells the
    same for each cell of a grid `cells_across` wide over it, to be read by `kinoscribe.media.changes`.
    """

    time: float
    since: float
    width: int
    height: int
    pixels: bytes
    changed_at: bytes = b""
    cells_across: int = 0


class Cutout(msgspec.Struct, frozen=True, tag="cutout"):
    """A still picture with what is see-through in it: RGBA row by row without padding, upright."""

    width: int
    height: int
    pixels: bytes


class Sound(msgspec.Struct, frozen=True, tag="sound"):
    """Up to a second of mono sound: float32 little endian, `SAMPLE_RATE`; `time` is that of the first sample.

    Chunks touch: where sound is missing for up to ten minutes, silence stands in.
    """

    time: float
    samples: bytes


class Border(msgspec.Struct, frozen=True, tag="border"):
    """A place to begin at again: no picture or thumb of `time` or later has come yet."""

    time: float
    state: bytes


class Read(msgspec.Struct, frozen=True, tag="read"):
    """The last piece: where picture and sound ended (`None` when there were none) and what went wrong.

    `frames` counts the pictures that were looked at in this pass.
    """

    end_of_pictures: float | None
    end_of_sound: float | None
    frames: int
    warnings: tuple[str, ...] = ()


Piece = Thumb | Picture | Sound | Border | Read


class Bars(msgspec.Struct, frozen=True, tag="bars"):
    """Black bars around a picture, each in shares (0..1) of its width or height."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


class StillsPlan(msgspec.Struct, frozen=True):
    """Which pictures of a video are wanted, and how.

    Each fits a box of `width` x `height` pixels, made smaller but never larger, after `bars` were cut where nothing
    stands in them. `begins` is the time of the video's first frame. None is of `end` or later; one that came up
    before `start` counts as shown from there on. A picture that shows what the one before did is left out unless more
    than `longest_gap` seconds would lie between two (0: none is left out). `numbered` paints the seconds into the
    corner. `jumps` tells of time stamps that jump.
    """

    instants: tuple[float, ...]
    width: int
    height: int
    begins: float = 0.0
    start: float | None = None
    end: float | None = None
    bars: Bars = Bars()
    longest_gap: float = 0.0
    numbered: bool = False
    jumps: bool = False


class Still(msgspec.Struct, frozen=True, tag="still"):
    """One picture as a JPEG, upright, square pixels, and its own time."""

    time: float
    width: int
    height: int
    jpeg: bytes


class Stills(msgspec.Struct, frozen=True, tag="stills"):
    """The last piece: how many pictures were left out because they showed nothing new."""

    dropped: int


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """Work goes on."""

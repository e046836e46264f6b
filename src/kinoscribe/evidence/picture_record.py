"""The words between a search for pictures and the process that does it."""

import msgspec

from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import Cutout
from kinoscribe.notes import Sighting

VERSION = "1"
"""Of the way pictures are matched: what another version has found is not used again."""


class SearchConfig(msgspec.Struct, frozen=True):
    """What the parent tells the process. `weights` is the folder of all weights; those for naming may be absent."""

    decode_memory: int
    decode_seconds: float
    max_pixels: int
    weights: str


class Search(msgspec.Struct, frozen=True):
    """A video and the pictures to look for in it."""

    path: str
    facts: VideoFacts
    references: tuple[tuple[str, Cutout], ...]


class Course(msgspec.Struct, frozen=True, tag="course"):
    """How far the search is, 0 to 1."""

    done: float


class Found(msgspec.Struct, frozen=True, tag="found"):
    """What became of one reference: where it was seen, in how many pictures it was looked for, what it shows."""

    name: str
    sightings: tuple[Sighting, ...]
    looks: int
    kind: str | None = None


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The video cannot be decoded."""

    reason: str


Told = Course | Found | Broken

encode = msgspec.msgpack.Encoder().encode
read_told = msgspec.msgpack.Decoder(Course | Found | Broken).decode

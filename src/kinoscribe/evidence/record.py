"""The words between the server and a perception process: what to collect, how far it is, what was found."""

from pathlib import Path
from typing import Any

import msgspec

from kinoscribe.contract.video import VideoFacts
from kinoscribe.notes import Notes


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """One video to perceive. `content` is its SHA-256; which collectors run is the process's own configuration.

    `milestone` is the last one an earlier process has told of: the work begins there.
    """

    path: str
    content: str
    facts: VideoFacts
    milestone: bytes | None = None


class Stage(msgspec.Struct, frozen=True, tag="stage"):
    """How far a stage (`look`, `speech`, `screen_text`, `visual_tags`) is: a share of 0 to 1."""

    stage: str
    done: float


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """A milestone: everything that came before `time` is known."""

    time: float
    milestone: bytes


class Collected(msgspec.Struct, frozen=True, tag="collected"):
    """The last piece: everything that was perceived."""

    notes: Notes


class Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    """The last piece in place of notes: nothing of the file could be decoded. `reason` is a sentence."""

    reason: str


Piece = Stage | Reached | Collected | Unreadable

_encode = msgspec.msgpack.Encoder().encode
_wanted = msgspec.msgpack.Decoder(Wanted)
_piece = msgspec.msgpack.Decoder(Stage | Reached | Collected | Unreadable)


def pack(message: Wanted | Piece) -> bytes:
    return _encode(message)


def unpack_wanted(body: bytes) -> Wanted:
    return _wanted.decode(body)


def unpack_piece(body: bytes) -> Piece:
    found: Any = _piece.decode(body)
    assert isinstance(found, Stage | Reached | Collected | Unreadable)
    return found


PART_SECONDS = 120.0
TELL_SECONDS = 0.5


class PerceptionConfig(msgspec.Struct, frozen=True):
    """What a perception process is started with. `weights` is the folder of all weights.

    Of a video longer than `part_seconds` a milestone is told of each time so much more of it is known; the parent
    hears news every `tell_seconds` at most.
    """

    collectors: tuple[str, ...]
    weights: str
    speech_model: str
    decode_memory: int
    decode_seconds: float
    max_pixels: int
    threads: int
    part_seconds: float = PART_SECONDS
    tell_seconds: float = TELL_SECONDS


# Threads that wait sleep instead of spinning, for the collectors share few cores; few heaps keep the process from
# growing by half over twenty videos. (Trimming the heaps at once saves 100 MiB more and costs half the speed.)
ENVIRONMENT = (
    ("KMP_BLOCKTIME", "0"),
    ("OMP_WAIT_POLICY", "PASSIVE"),
    ("MALLOC_ARENA_MAX", "2"),
)


def read_config(body: bytes) -> PerceptionConfig:
    return msgspec.msgpack.decode(body, type=PerceptionConfig)


def perception_config(
    *,
    collectors: tuple[str, ...],
    weights: Path,
    speech_model: str,
    decode_memory: int,
    decode_seconds: float,
    max_pixels: int,
    threads: int,
    part_seconds: float = PART_SECONDS,
    tell_seconds: float = TELL_SECONDS,
) -> bytes:
    """The bytes for `ChildSpec.config`."""
    config = PerceptionConfig(
        collectors=collectors,
        weights=str(weights),
        speech_model=speech_model,
        decode_memory=decode_memory,
        decode_seconds=decode_seconds,
        max_pixels=max_pixels,
        threads=threads,
        part_seconds=part_seconds,
        tell_seconds=tell_seconds,
    )
    return msgspec.msgpack.encode(config)

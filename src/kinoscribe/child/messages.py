"""The words between a child process and its parent: what a child is, what is said, and how it may fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

Handler = Callable[[bytes], Iterator[bytes]]

NO_LIMIT = -1
LONGEST_MESSAGE = 256 * 1024 * 1024
OUT_OF_MEMORY = "MemoryError"


class ChildDied(Exception):
    """The process ended or was killed for its limits. `reason` is a short sentence.

    `timed_out` says that it was given up because it took too long.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


class ChildNotStarted(ChildDied):
    """The process never became ready: what was asked of it has nothing to do with that."""


class ChildFailed(Exception):
    """The handler raised. `kind` is the class name of what it raised, `reason` its text."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a process runs and what it may use.

    `address_space` and `file_size` are hard limits in bytes (`file_size` 0: it may write no file at all);
    `silence` is the longest time in seconds without a piece before the process is taken for hung; `start` the
    longest time until it is ready. `environment` is added to ours.
    """

    target: str
    config: bytes = b""
    address_space: int | None = None
    file_size: int | None = None
    silence: float = 120.0
    start: float = 120.0
    niceness: int = 0
    environment: tuple[tuple[str, str], ...] = ()


class Request(msgspec.Struct, tag="request"):
    body: bytes


class Stop(msgspec.Struct, tag="stop"):
    pass


class Ready(msgspec.Struct, tag="ready"):
    pass


class Piece(msgspec.Struct, tag="piece"):
    body: bytes


class Done(msgspec.Struct, tag="done"):
    pass


class Raised(msgspec.Struct, tag="raised"):
    kind: str
    reason: str


FromChild = Ready | Piece | Done | Raised

encode = msgspec.msgpack.Encoder().encode
read_from_parent = msgspec.msgpack.Decoder(Request | Stop).decode
read_from_child: Callable[[bytes], FromChild] = msgspec.msgpack.Decoder(FromChild).decode

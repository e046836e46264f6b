"""Turns streams of bytes into whole files on this machine, and a full disk into an error of ours."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.beside import Digest, ToDisk

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}
_PIECE = 1024 * 1024
_TO_DISK_BYTES = 32 * _PIECE
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def our_errors() -> Iterator[None]:
    """A disk or quota that is full becomes `StorageFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull from error
        raise


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a content as one object of a store that is away."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A whole file on disk and what it holds; and the objects that hold the same, where a store that is away has it."""

    path: Path
    sha256: str
    bytes: int
    pieces: tuple[Piece, ...] = ()


class Incoming:
    """A file that is being written. Leaving its `with` block without `Blobs.keep` removes it.

    One that is not `durable` is only on its way to another place, and need not outlive a power cut.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._durable = durable
        self._most: int | None = None
        self._more: Callable[[int], int] = lambda size: size
        self._promised = 0
        self._gone: Callable[[], None] = lambda: None
        self._digest = Digest()
        self._size = 0
        with our_errors():
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115  closed by `finish` and `discard`
        self._to_disk = ToDisk(self._file.fileno(), _TO_DISK_BYTES)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def bound(self, most: int, more: Callable[[int], int], gone: Callable[[], None]) -> Self:
        """Has `more` asked before the file has more than `most` bytes: for how many it may have, or it raises.

        `gone` is called when the file was kept or removed.
        """
        self._most, self._more, self._gone = most, more, gone
        return self

    def promise(self, size: int) -> Self:
        """Tells others who look at the disk how many bytes will come, as a hole that is that long."""
        self._promised = size
        with our_errors():
            os.truncate(self._file.fileno(), size)
        return self

    def expect(self, size: int) -> None:
        """Hears how many bytes will come, before the first does. Raises what `write` would raise of so many."""
        if self._most is not None and size > self._most:
            self._most = self._more(size)

    def write(self, data: bytes | memoryview) -> None:
        """Appends `data`. Raises `StorageFull`, and where the file is bound what was said there."""
        view = memoryview(data)
        self.expect(self._size + len(view))
        self._digest.update(view)
        self._size += len(view)
        with our_errors():
            while view:
                done = self._file.write(view)
                view = view[done:]
                if self._durable:
                    self._to_disk.wrote(done)

    def finish(self) -> Stored:
        """Closes the file after its bytes have reached the disk. Raises `StorageFull`."""
        with our_errors():
            if not self._file.closed:
                if self._promised > self._size:
                    os.truncate(self._file.fileno(), self._size)
                self._to_disk.wait()
                if self._durable:
                    os.fsync(self._file.fileno())
                self._file.close()
        return Stored(self.path, self._digest.hexdigest(), self._size)

    def discard(self) -> None:
        """Removes the file; does nothing when it was kept or removed before."""
        with contextlib.suppress(OSError):
            self._to_disk.wait()
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)
        gone, self._gone = self._gone, lambda: None
        gone()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def settle(folder: Path) -> None:
    """Makes the names in `folder` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def second_name(path: Path, name: Path) -> Path:
    """Gives a file `name` beside `path` and returns it; `path` itself where the file system has no links.

    Raises `FileNotFoundError`.
    """
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in _NO_LINKS | FULL:
            raise
        return path
    return name


def digest(path: Path, cancel: Cancel) -> str:
    """The SHA-256 of a file. Raises `Canceled`."""
    whole = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            cancel.check()
            whole.update(piece)
    return whole.hexdigest()

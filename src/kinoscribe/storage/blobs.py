"""Turns streams of bytes into files known by the SHA-256 of their content, written once and never half."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.data_folder import held

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}


@contextmanager
def our_errors() -> Iterator[None]:
    """A disk or quota that is full becomes `StorageFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull from error
        raise


@dataclass(frozen=True, slots=True)
class Stored:
    """A whole file on disk and what it holds."""

    path: Path
    sha256: str
    bytes: int


class Incoming:
    """A file that is being written. Leaving its `with` block without `Blobs.keep` removes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hash = hashlib.sha256()
        self._size = 0
        with our_errors():
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115  closed by `finish` and `discard`

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, data: bytes | memoryview) -> None:
        """Appends `data`. Raises `StorageFull`."""
        view = memoryview(data)
        self._hash.update(view)
        self._size += len(view)
        with our_errors():
            while view:
                view = view[self._file.write(view) :]

    def finish(self) -> Stored:
        """Closes the file after its bytes have reached the disk. Raises `StorageFull`."""
        with our_errors():
            if not self._file.closed:
                os.fsync(self._file.fileno())
                self._file.close()
        return Stored(self.path, self._hash.hexdigest(), self._size)

    def discard(self) -> None:
        """Removes the file; does nothing when it was kept or removed before."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


class Blobs:
    """Two folders: `incoming/` for files that may vanish, `media/` for contents that assets refer to.

    Every process writes to a folder of its own below `incoming/` and holds it with a lock. What dead processes
    left there is swept when the next one starts. No name of a client's ever becomes a name on disk.
    """

    def __init__(self, folder: Path) -> None:
        self._media = folder / "media"
        self._incoming = folder / "incoming"
        for path in (self._media, self._incoming):
            path.mkdir(mode=0o700, exist_ok=True)
        with held(self._incoming / "sweep.lock"):
            _sweep(self._incoming)
            self._own = self._incoming / secrets.token_hex(8)
            self._own.mkdir(mode=0o700)
            self._lock = os.open(self._own / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._closing = threading.Lock()

    def begin(self, expected: int = 0) -> Incoming:
        """A new, empty file to write to. Raises `StorageFull`, also when `expected` bytes could never fit."""
        if expected > self.room():
            raise StorageFull
        return Incoming(self._own / secrets.token_hex(16))

    def path(self, sha256: str) -> Path:
        """Where a kept content lies."""
        return self._media / sha256[:2] / sha256

    def keep(self, stored: Stored) -> Path:
        """Moves a finished file to its content's place; the same content kept before is simply replaced.

        Call it inside the transaction that writes the row referring to it, so that `drop` cannot come between.
        """
        place = self.path(stored.sha256)
        with our_errors():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            os.replace(stored.path, place)
            _settle(place.parent)
        return place

    def drop(self, sha256: str) -> None:
        """Removes a content that no row refers to; inside the transaction that removed the last one."""
        self.path(sha256).unlink(missing_ok=True)

    @contextmanager
    def borrow(self, sha256: str) -> Iterator[Path]:
        """A path to a kept content that stays good for the whole block, even when the content is dropped.

        Raises `FileNotFoundError` when the content is not there.
        """
        place, link = self.path(sha256), self._own / secrets.token_hex(16)
        try:
            os.link(place, link)
        except OSError as error:
            if error.errno not in _NO_LINKS | _FULL:
                raise
            link = place  # a file system without links: a content dropped meanwhile is then gone at once
        try:
            yield link
        finally:
            if link is not place:
                link.unlink(missing_ok=True)

    def kept(self) -> Iterator[str]:
        """Every content that lies in `media/`, whether a row refers to it or not."""
        for folder in self._media.iterdir():
            yield from (file.name for file in folder.iterdir())

    def room(self) -> int:
        """Bytes that can still be written."""
        return shutil.disk_usage(self._own).free

    def close(self) -> None:
        """Removes this process's incoming files. Nothing can be written afterwards."""
        with self._closing:
            if self._lock >= 0:
                shutil.rmtree(self._own, ignore_errors=True)
                os.close(self._lock)
                self._lock = -1


def _sweep(incoming: Path) -> None:
    """Removes the folders whose process has died; the lock of a living one cannot be had."""
    for folder in incoming.iterdir():
        if not folder.is_dir():
            continue
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def _settle(folder: Path) -> None:
    """Makes the names in `folder` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

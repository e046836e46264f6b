"""Turns streams of bytes into files known by the SHA-256 of their content, written once and never half."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.data_folder import held
from kinoscribe.storage.files import Incoming, Stored, our_errors, second_name, settle
from kinoscribe.storage.listing import below
from kinoscribe.storage.parts import PartFolder, Parts

__all__ = ("Blobs", "Incoming", "Stored", "our_errors")

_CONTENT = re.compile(r"[0-9a-f]{64}")
_BLOCK = 512


class Blobs:
    """Two folders: `incoming/` for files that may vanish, `media/` for contents that assets refer to.

    Every process writes to a folder of its own below `incoming/` and holds it with a lock. What dead processes
    left there is swept when the next one starts. No name of a client's ever becomes a name on disk.
    `when_dropped` hears of every content that is kept no longer.
    """

    def __init__(self, folder: Path, *, tidy: bool = True) -> None:
        """With `tidy`, what dead processes left goes at once; else it stays until the next `sweep`."""
        self._media = folder / "media"
        self._incoming = folder / "incoming"
        for path in (self._media, self._incoming):
            path.mkdir(mode=0o700, exist_ok=True)
        with held(self._incoming / "sweep.lock"):
            if tidy:
                _sweep(self._incoming, dry=False)
            self._own = self._incoming / secrets.token_hex(8)
            self._own.mkdir(mode=0o700)
            self._lock = os.open(self._own / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._closing = threading.Lock()
        self.when_dropped: Callable[[str], None] = lambda _content: None
        self.parts: Parts = PartFolder(folder / "parts", self._own)

    def begin(self, expected: int = 0) -> Incoming:
        """A new, empty file to write to.

        Raises `StorageFull`, also when `expected` bytes could never fit beside what other files have still to get.
        """
        return self._begin(expected, durable=True)

    def path(self, sha256: str) -> Path:
        """Where a kept content lies."""
        return self._place(sha256)

    def keep(self, stored: Stored) -> Path:
        """Moves a finished file to its content's place; the same content kept before is simply replaced.

        Call it inside the transaction that writes the row referring to it, so that `drop` cannot come between.
        """
        place = self._place(stored.sha256)
        with our_errors():
            if not place.parent.exists():
                place.parent.mkdir(mode=0o700, exist_ok=True)
                settle(self._media)
            os.replace(stored.path, place)
            settle(place.parent)
        return place

    def ship(self, stored: Stored) -> Stored:
        """Brings a file to where it is kept, if that is away; before the transaction, since it takes its time."""
        return stored

    def keep_in(self, db: Connection, stored: Stored) -> None:
        """Keeps a file that was shipped, in the transaction that writes the row referring to it."""
        self.keep(stored)

    def landed(self, shipped: Sequence[Stored]) -> None:
        """After that transaction, however it ended."""

    def drop_in(self, db: Connection, content: str) -> Callable[[], None]:
        """Removes a content that no row refers to; what it returns is to be called after the transaction."""
        self.drop(content)
        return lambda: None

    def drop(self, sha256: str) -> None:
        """Removes a content that no row refers to; inside the transaction that removed the last one."""
        self._place(sha256).unlink(missing_ok=True)

    @contextmanager
    def borrow(self, sha256: str, cancel: Cancel | None = None) -> Iterator[Path]:
        """A path to a kept content that stays good for the whole block, even when the content is dropped.

        Raises `FileNotFoundError` when the content is not there. A store that is away also raises `StoreUnavailable`,
        `StorageFull` and `Canceled`.
        """
        place = self._place(sha256)
        # On a file system without links a content that is dropped meanwhile is gone at once.
        link = second_name(place, self._own / secrets.token_hex(16))
        try:
            yield link
        finally:
            if link != place:
                link.unlink(missing_ok=True)

    @contextmanager
    def lending(self, path: Path, content: str) -> Iterator[str]:
        """A word by which `reach` finds the file in any process of this store for as long as the block lasts."""
        yield str(path)

    @contextmanager
    def reach(self, word: str, content: str, cancel: Cancel) -> Iterator[Path]:
        """A path to a file of which `word` was told. Raises what `borrow` does."""
        if not Path(word).exists():
            raise FileNotFoundError(word)
        yield Path(word)

    def there(self, word: str, content: str) -> bool:
        """Whether `reach` would find it."""
        return Path(word).exists()

    def sweep(self, *, dry: bool = False) -> int:
        """Removes what dead processes left; says how much, or with `dry` would go."""
        with held(self._incoming / "sweep.lock"):
            return _sweep(self._incoming, dry=dry)

    def kept(self) -> Iterator[str]:
        """Every content that lies in `media/`, whether a row refers to it or not."""
        found = below(self._media, "??", "*")
        yield from (path.name for path in found if _CONTENT.fullmatch(path.name))

    def room(self) -> int:
        """Bytes that can still be written."""
        return shutil.disk_usage(self._own).free

    def _place(self, sha256: str) -> Path:
        return self._media / sha256[:2] / sha256

    def _begin(self, expected: int, *, durable: bool) -> Incoming:
        if expected > self.room() - sum(map(_hole, below(self._incoming, "*", "*"))):
            raise StorageFull
        incoming = Incoming(self._own / secrets.token_hex(16), durable=durable)
        return incoming.promise(expected) if expected else incoming

    def close(self) -> None:
        """Removes this process's incoming files. Nothing can be written afterwards."""
        with self._closing:
            if self._lock >= 0:
                shutil.rmtree(self._own, ignore_errors=True)
                os.close(self._lock)
                self._lock = -1


def _hole(path: Path) -> int:
    """Bytes of a file that were promised and have not come."""
    with contextlib.suppress(OSError):
        told = path.stat()
        return max(0, told.st_size - told.st_blocks * _BLOCK)
    return 0


def _sweep(incoming: Path, *, dry: bool) -> int:
    """Removes the folders whose process has died; the lock of a living one cannot be had. Says of how many files."""
    left = 0
    for folder in below(incoming, "*"):
        if not folder.is_dir():
            continue
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left += sum(path.name != "lock" for path in below(folder, "*"))
                if not dry:
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
    return left

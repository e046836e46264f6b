"""Turns objects that are away into files on this machine, and keeps those that were used last within a quota."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.data_folder import held
from kinoscribe.storage.files import second_name

_LOOK_AGAIN = 0.1

Fill = Callable[[Path], None]


class ObjectCache:
    """Whole files by content, shared by all processes of this machine that have the same folder.

    Who borrows a file gets a name of its own for it in `own`, the folder of the process: the file may lose its place
    here meanwhile, and yet stays as long as it is borrowed. Above `quota` bytes, what was not used for longest goes.
    """

    def __init__(self, folder: Path, quota: int, own: Path) -> None:
        self._files = folder / "files"
        self._locks = folder / "locks"
        self._quota = quota
        self._own = own
        for path in (self._files, self._locks):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def place(self, content: str) -> Path:
        """Where the file lies if it is here."""
        return self._files / content

    def has_place(self, path: Path) -> bool:
        """Whether `path` is one of those that files have here."""
        return path.parent == self._files

    @contextmanager
    def borrow(self, content: str, size: int, fill: Fill, cancel: Cancel) -> Iterator[Path]:
        """A file that holds a content of `size` bytes for the whole block.

        One that is not here is made by `fill`, which must write and check all of it, by one of those who want it at a
        time. Raises what `fill` does, `StorageFull` and `Canceled`.
        """
        name = self._own / secrets.token_hex(16)
        try:
            if not self._lend(content, size, name):
                with self._alone(content, cancel):
                    if not self._lend(content, size, name):
                        self._make_room(size)
                        fill(name)
                        self.adopt(content, name)
            yield name
        finally:
            name.unlink(missing_ok=True)

    def adopt(self, content: str, path: Path) -> None:
        """Keeps a whole and checked file of this file system under its content; `path` stays another name for it."""
        size = path.stat().st_size
        if size > self._quota:
            return
        spare = self._own / secrets.token_hex(16)
        try:
            if second_name(path, spare) == spare:
                os.replace(spare, self.place(content))
                self._evict(self._quota)
        finally:
            spare.unlink(missing_ok=True)

    def forget(self, content: str) -> None:
        """Removes a content's file; who has borrowed it keeps it."""
        self.place(content).unlink(missing_ok=True)

    def contents(self) -> tuple[str, ...]:
        return tuple(path.name for path in self._files.iterdir())

    def _lend(self, content: str, size: int, name: Path) -> bool:
        """Gives a file that is here another name. One of another size was cut by a power failure, and goes."""
        place = self.place(content)
        with suppress(OSError):
            os.link(place, name)
            if name.stat().st_size == size:
                with suppress(FileNotFoundError):
                    os.utime(place)
                return True
            name.unlink()
            place.unlink(missing_ok=True)
        return False

    def _make_room(self, size: int) -> None:
        free = shutil.disk_usage(self._own).free
        if size > free:
            self._evict(max(0, self._used() - (size - free)))
            if size > shutil.disk_usage(self._own).free:
                raise StorageFull

    def _evict(self, most: int) -> None:
        with held(self._locks / "evict"):
            files = sorted(self._sizes(), key=lambda file: file[0])
            used = sum(size for _, size, _ in files)
            for _, size, path in files:
                if used <= most:
                    return
                path.unlink(missing_ok=True)
                used -= size

    def _used(self) -> int:
        return sum(size for _, size, _ in self._sizes())

    def _sizes(self) -> Iterator[tuple[int, int, Path]]:
        """When each file was used last, its bytes, and where it lies."""
        for path in self._files.iterdir():
            with suppress(FileNotFoundError):
                told = path.stat()
                yield told.st_mtime_ns, told.st_size, path

    @contextmanager
    def _alone(self, content: str, cancel: Cancel) -> Iterator[None]:
        """Holds a content's lock, of which there are few: they stay, where a lock of its own would have to go."""
        handle = os.open(self._locks / content[:2], os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    cancel.wait(_LOOK_AGAIN)
                    cancel.check()
            yield
        finally:
            os.close(handle)

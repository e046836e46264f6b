"""Writes to places of a large file, past the page cache of the system where the bytes lie so that this can be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kinoscribe.storage.beside import to_disk

SECTOR = 4096
"""What is written past the cache begins at a multiple of this, in the file and in memory, and has such a length."""
_WORTH_IT = 256 * 1024


class PlacedFile:
    """An open file. May be used by one thread at a time; others may have it open as well.

    Past the cache the disk works while bytes still come, in place of all at once at the end, and what others have in
    the cache stays there. File systems that know no such thing are written to as usual.
    """

    def __init__(self, path: Path, *, past_cache: bool) -> None:
        """Raises `OSError` where the file cannot be opened."""
        self._handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._past = _open_past(path) if past_cache else None

    def write(self, data: memoryview, at: int) -> int:
        """Writes from the byte `at` on; says how many bytes. Raises `OSError`."""
        if self._past is not None and at % SECTOR == 0 and len(data) >= _WORTH_IT:
            try:
                return os.pwrite(self._past, data[: len(data) - len(data) % SECTOR], at)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._close_past()  # the bytes lie elsewhere in memory, and so will the next ones
        return os.pwrite(self._handle, data, at)

    def to_disk(self) -> None:
        """Returns when all that was written is there after a power cut. Raises `OSError`."""
        to_disk(self._handle)

    def close(self) -> None:
        self._close_past()
        os.close(self._handle)

    def _close_past(self) -> None:
        if self._past is not None:
            os.close(self._past)
            self._past = None


def _open_past(path: Path) -> int | None:
    direct: int | None = getattr(os, "O_DIRECT", None)
    if direct is None:
        return None
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | direct)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return None

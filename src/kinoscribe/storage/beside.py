"""Hashes what is written to a file, and has it reach the disk, in threads beside the one that takes in what follows."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor

# Less than this is hashed sooner than handed over.
_WORTH_A_THREAD = 128 * 1024

to_disk = getattr(os, "fdatasync", os.fsync)
_threads = ThreadPoolExecutor(4, thread_name_prefix="beside")


class Digest:
    """The SHA-256 of bytes that come in pieces. The last piece may still be read until the next call."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._running: Future[None] | None = None

    def update(self, data: memoryview) -> None:
        """Adds `data`: here, unless they are many and nobody can change them meanwhile."""
        self._wait()
        if len(data) >= _WORTH_A_THREAD and isinstance(data.obj, bytes):
            self._running = _threads.submit(self._hash.update, data)
        else:
            self._hash.update(data)

    def hexdigest(self) -> str:
        self._wait()
        return self._hash.hexdigest()

    def _wait(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.result()


class ToDisk:
    """Has what was written to an open file reach the disk while more is written, so that little is left for its end.

    `wait` must be called before the file is closed.
    """

    def __init__(self, handle: int, step: int) -> None:
        """Each `step` bytes are a reason to begin."""
        self._handle, self._step = handle, step
        self._waiting = 0
        self._running: Future[None] | None = None

    def wrote(self, size: int) -> None:
        """Raises `OSError` where what was written before did not reach the disk."""
        self._waiting += size
        if self._waiting >= self._step and (self._running is None or self._running.done()):
            self.wait()
            self._waiting = 0
            self._running = _threads.submit(to_disk, self._handle)

    def wait(self) -> None:
        """Nothing is under way any more when this returns. Raises `OSError`, which the system tells only once."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

"""A fixed number of child processes of one kind, lent to one call at a time and replaced when they die."""

from __future__ import annotations

import threading
from collections.abc import Generator

from kinoscribe.cancel import Cancel
from kinoscribe.child.messages import ChildNotStarted, ChildSpec
from kinoscribe.child.process import POLL, Process


class Children:
    """A fixed number of processes of one kind, started when first needed and replaced when they die."""

    def __init__(self, spec: ChildSpec, most: int = 1) -> None:
        self._spec = spec
        self._slots = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._busy: list[Process] = []
        self._closed = False

    def call(
        self, body: bytes, *, cancel: Cancel | None = None, wall: float | None = None
    ) -> Generator[bytes, None, None]:
        """Yields the pieces the handler makes of `body`.

        Waits for a free process. Raises `ChildDied`, `ChildFailed` or `Canceled`. Closing the generator stops
        the work; a process that does not stop within a second is killed. `wall` bounds the seconds spent waiting
        for the process in all; the time the caller takes over a piece does not count.
        """
        cancel = cancel or Cancel()
        while not self._slots.acquire(timeout=POLL):
            cancel.check()
        process: Process | None = None
        try:
            process = self._take(cancel)
            while not process.send_request(body):
                self._give_back(process)
                process = None
                process = self._take(cancel)
            yield from process.pieces(cancel, wall)
        finally:
            if process is not None:
                self._give_back(process)
            self._slots.release()

    def warm(self) -> None:
        """Starts one process and waits until it is ready. Raises `ChildNotStarted`."""
        with self._slots:
            self._give_back(self._take(Cancel()))

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of all living processes, idle and busy, for people who watch or test."""
        with self._lock:
            return tuple(p.pid for p in (*self._idle, *self._busy))

    def close(self) -> None:
        """Ends every idle process; busy ones end when their call does."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _take(self, cancel: Cancel) -> Process:
        while True:
            with self._lock:
                if self._closed:
                    raise ChildNotStarted("no process is started any more")
                process = self._idle.pop() if self._idle else None
                if process is not None:
                    self._busy.append(process)
            if process is None:
                process = Process(self._spec, cancel)
                with self._lock:
                    self._busy.append(process)
                return process
            if process.alive:
                return process
            self._give_back(process)

    def _give_back(self, process: Process) -> None:
        alive = process.usable and process.alive
        with self._lock:
            self._busy.remove(process)
            keep = alive and not self._closed
            if keep:
                self._idle.append(process)
        if not keep:
            process.end()

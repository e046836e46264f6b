"""The places of a worker and the attempts that run in them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.storage.task_queue import Task

_TELL_EVERY = 1.0


class Running:
    """One attempt at work. `held_until` is when its lease passes, on the steady clock, as far as is known."""

    def __init__(self, task: Task, held_until: float, work: Callable[[Running], None]) -> None:
        self.task = task
        self.held_until = held_until
        self.cancel = Cancel()
        self._progress: tuple[str, float] | None = None
        self._told: tuple[str, float] | None = None
        self._told_at = clock.steady() - _TELL_EVERY
        self._thread = threading.Thread(target=work, args=(self,), name=f"task-{task.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def tell(self, stage: str, done: float) -> None:
        """What the work says of itself, as often as it likes."""
        self._progress = stage, round(done, 2)

    def news(self, now: float) -> tuple[str, float] | None:
        """What has changed since the last time anything was returned, at most once a second."""
        if self._progress == self._told or now - self._told_at < _TELL_EVERY:
            return None
        self._told, self._told_at = self._progress, now
        return self._told


class Slots:
    """At most `most` attempts. One that is given up frees its place at once; `freed` is called whenever one is free.

    Work that does not stop when it is told to is bounded too: never more than `most` attempts are leaving.
    """

    def __init__(self, most: int, freed: Callable[[], None]) -> None:
        self.most = most
        self._freed = freed
        self._changed = threading.Condition()
        self._running: list[Running] = []
        self._leaving: list[Running] = []
        self._woken = False

    def running(self) -> tuple[Running, ...]:
        with self._changed:
            return tuple(self._running)

    def leaving(self) -> tuple[Running, ...]:
        with self._changed:
            return tuple(self._leaving)

    def ids(self) -> frozenset[str]:
        """The tasks of which an attempt still runs here, given up or not."""
        with self._changed:
            return frozenset(running.task.id for running in (*self._running, *self._leaving))

    def free(self) -> int:
        with self._changed:
            return max(0, self.most - len(self._running) - max(0, len(self._leaving) - self.most))

    def enter(self, running: Running) -> None:
        """Starts the attempt. Raises `RuntimeError` when no thread can be had."""
        with self._changed:
            self._running.append(running)
            self._changed.notify_all()
        try:
            running.start()
        except RuntimeError:
            self.leave(running)
            raise

    def give_up(self, running: Running) -> None:
        """Tells the attempt to stop; its place is free. Does nothing to one that has ended."""
        with self._changed:
            if running not in self._running:
                return
            self._running.remove(running)
            self._leaving.append(running)
        running.cancel.throw()
        self._freed()

    def leave(self, running: Running) -> None:
        """The attempt has ended."""
        with self._changed:
            for group in (self._running, self._leaving):
                if running in group:
                    group.remove(running)
        self._freed()

    def wait_until_busy(self) -> bool:
        """Sleeps while nothing runs; false when it was only woken."""
        with self._changed:
            while not self._running and not self._woken:
                self._changed.wait()
            self._woken = False
            return bool(self._running)

    def wake_keeper(self) -> None:
        """Lets whoever sleeps in `wait_until_busy` look around."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

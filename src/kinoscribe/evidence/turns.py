"""Decides which collections run: what somebody waits for goes first, and in the place of what nobody waits for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kinoscribe.evidence.jobs import CollectingJob

_POLL = 0.2


class Turns:
    """At most `most` jobs run at once. Those that wait for their turn come in the order they were asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._queue: list[CollectingJob] = []
        self._running: list[CollectingJob] = []

    @contextmanager
    def of(self, job: CollectingJob) -> Iterator[None]:
        """Holds a place while the block runs. Raises `Canceled` when the job was stopped before its turn came."""
        self._wait(job)
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(job)
                self._changed.notify_all()

    def reconsider(self) -> None:
        """To be called when somebody has begun or ceased to wait for a job."""
        with self._changed:
            self._make_way()
            self._changed.notify_all()

    def _wait(self, job: CollectingJob) -> None:
        with self._changed:
            self._queue.append(job)
            try:
                while not self._is_next(job):
                    self._make_way()
                    self._changed.wait(_POLL)
                    job.cancel.check()
                self._running.append(job)
            finally:
                self._queue.remove(job)
                self._changed.notify_all()

    def _is_next(self, job: CollectingJob) -> bool:
        if len(self._running) >= self._most:
            return False
        return job is min(self._queue, key=lambda queued: queued.waiting == 0)

    def _make_way(self) -> None:
        """Stops as many jobs that nobody waits for as are in the way of others, the youngest first."""
        eager = sum(job.waiting > 0 for job in self._queue)
        leaving = sum(job.cancel.thrown for job in self._running)
        short = min(eager, self._most) - (self._most - len(self._running)) - leaving
        in_the_way = [job for job in self._running if job.waiting == 0 and not job.cancel.thrown]
        for job in in_the_way[::-1][: max(0, short)]:
            job.cancel.throw()

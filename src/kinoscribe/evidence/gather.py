"""Turns a video into its notes: kept ones at once, else collected by one job that all who ask share."""

import math
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import Children
from kinoscribe.contract.errors import ApiError, ServerEnding, ServiceUnavailable, VideoFileBroken
from kinoscribe.contract.events import Progress
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.collect import collect
from kinoscribe.evidence.jobs import CollectingJob, Gone, Interrupted, Outcome
from kinoscribe.evidence.keep import Away
from kinoscribe.evidence.pace import Pace, Waiter
from kinoscribe.evidence.shelf import Found, Shelf
from kinoscribe.evidence.turns import Turns
from kinoscribe.notes import Notes
from kinoscribe.storage.evidence_rows import FAILURE_KEPT, Steps

_POLL = 0.2
_REMEMBERED = 1000  # failures
_log = structlog.get_logger(__name__)

Waits = Callable[[], bool]


class Gatherer:
    """Evidence by content hash. `versions` name the collectors and weights: other versions are other notes.

    At most `most` videos are perceived at once. `pace` keeps accounts apart. `missing` says in sentences what the
    collectors lack on this machine.
    """

    def __init__(
        self,
        folder: Path,
        children: Children,
        versions: tuple[str, ...],
        missing: Callable[[], list[str]] = list,
        *,
        most: int = 1,
        away: Away | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._shelf = Shelf(folder, versions, away)
        self._shelf.files.sweep()
        self._pace = pace or Pace()
        self._children = children
        self._missing = missing
        self._lock = threading.Lock()
        self._turns = Turns(most)
        self._jobs: dict[str, CollectingJob] = {}
        self._threads: set[threading.Thread] = set()
        self._background = ThreadPoolExecutor(1, "evidence-early")
        self._closing = Cancel()
        self._failures: dict[str, tuple[float, ApiError]] = {}

    def missing(self) -> list[str]:
        """What has to be fetched before anything can be collected, in sentences."""
        return self._missing()

    def key(self, content: str) -> str:
        """The key of a content's notes: its hash and the versions of all that perceives it."""
        return self._shelf.key(content)

    def kept(self, content: str) -> Notes | None:
        """The notes of a content that was perceived before; nothing is decoded."""
        found = self._shelf.find(content)
        return None if found is None else found.notes

    def kept_for(self, account: str, content: str) -> Notes | None:
        """The same, as far as this account may know of them. Raises `DatabaseUnavailable`."""
        found = self._shelf.find(content)
        if found is None:
            return None
        waiter = self._pace.waiter(account, self.key(content), content, self._closing)
        return found.notes if waiter.may_have(found.making) else None

    def failure(self, account: str, content: str) -> ApiError | None:
        """Why there are no notes, when their making failed a short while ago while nobody waited for it."""
        with self._lock:
            when, error = self._failures.get(self.key(content), (-math.inf, ApiError()))
        return error if clock.steady() - when < FAILURE_KEPT else None

    def steps(self, content: str) -> Steps:
        """How the making of a content's notes went so far; nothing when there is none under way."""
        with self._lock:
            job = self._jobs.get(self.key(content))
        return () if job is None else job.steps()

    def kept_for_others(self, content: str) -> bool:
        """Whether all other processes find the notes as well. Raises `StoreUnavailable`.

        Notes that only this process has, because another has forgotten the content since, are kept once more.
        """
        return self._shelf.share(content)

    def gather(
        self,
        path: Path,
        content: str,
        facts: VideoFacts,
        cancel: Cancel,
        waits: Waits = lambda: True,
        *,
        account: str | None = None,
    ) -> Generator[Progress, None, Notes]:
        """Yields how far the collectors are and returns the notes, to an `account` at its pace.

        `waits` tells whether somebody waits at this moment; whoever does not lets others go first, and may meet
        `Interrupted`. Raises `VideoFileBroken` when nothing decodes, `ServiceUnavailable` when weights are missing,
        `EngineFailed` when the perception process dies twice, `DatabaseUnavailable`, `ServerEnding` or `Canceled`.
        """
        waiter = self._pace.waiter(account, self.key(content), content, self._closing)
        try:
            while True:
                found = self._shelf.find(content)
                if found is not None:
                    yield from waiter.wait_out(found.making, cancel)
                    return found.notes
                waiter.ask()
                outcome = yield from self._share(path, content, facts, cancel, waits, waiter)
                match outcome:
                    case Found(notes=notes):
                        yield from waiter.wait_out(outcome.making, cancel)
                        return notes
                    case ApiError():
                        yield from waiter.wait_out(None, cancel)
                        raise outcome
                    case Gone():
                        cancel.check()
                        if not path.exists():
                            raise VideoFileBroken(reason="The file was removed while it was looked at.")
                        if not waits():
                            raise Interrupted
        finally:
            waiter.leave()

    def forget(self, content: str) -> None:
        """Removes all that is known of a content. Raises `StoreUnavailable`."""
        self._shelf.forget(content)

    def start(self, path: Path, content: str, facts: VideoFacts, account: str | None = None) -> None:
        """Collects in the background, before anybody asks: one content after another, in the order they came.

        Whoever asks for a content that still waits here does not wait with it.
        """
        if self.missing():
            return
        self._pace.ask_early(account, self.key(content), content)
        with self._lock:
            self._failures.pop(self.key(content), None)
            if not self._closing.thrown:
                self._background.submit(self._early, path, content, facts)

    def close(self) -> None:
        """Stops all jobs and ends the perception processes."""
        self._closing.throw()
        with self._lock:
            jobs, threads = list(self._jobs.values()), list(self._threads)
        for job in jobs:
            job.cancel.throw()
        for thread in threads:
            thread.join(10)
        self._background.shutdown(cancel_futures=True)
        self._children.close()

    def _early(self, path: Path, content: str, facts: VideoFacts) -> None:
        if not path.exists() or self.kept(content) is not None or self.missing():
            return
        try:
            for _ in self.gather(path, content, facts, self._closing, waits=lambda: False):
                continue
        except Interrupted:
            self.start(path, content, facts)
        except (ServerEnding, Canceled):
            return
        except ApiError as error:
            with self._lock:
                if len(self._failures) >= _REMEMBERED:
                    self._failures.clear()
                self._failures[self.key(content)] = clock.steady(), error
            _log.warning("evidence_failed", content=content[:12], reason=error.message)

    def _share(
        self, path: Path, content: str, facts: VideoFacts, cancel: Cancel, waits: Waits, waiter: Waiter
    ) -> Generator[Progress, None, Outcome]:
        """Joins the job for a content and tells of its progress until it has ended or this waiter leaves."""
        waiting = waits()
        job = self._join(path, content, facts, waits=waiting)
        seen: dict[str, float] = {}
        try:
            while True:
                stages, outcome = job.look(seen, _POLL)
                cancel.check()
                yield from waiter.news(stages, job.steps())
                seen = stages
                if outcome is not None:
                    return outcome
                if waits() != waiting:
                    self._change_mind(job, waits=not waiting)
                    waiting = not waiting
        finally:
            self._leave(job, waits=waiting)

    def _join(self, path: Path, content: str, facts: VideoFacts, *, waits: bool) -> CollectingJob:
        key = self.key(content)
        with self._lock:
            if self._closing.thrown:
                raise ServerEnding
            job = self._jobs.get(key)
            if job is None or job.cancel.thrown:
                job = CollectingJob(key, path, content, facts)
                thread = threading.Thread(
                    target=self._run, args=(job,), name=f"evidence-{content[:8]}", daemon=True
                )
                thread.start()  # when the system has no room for it, nobody must wait for this job
                self._jobs[key] = job
                self._threads.add(thread)
            job.count(+1, waits=waits)
        self._turns.reconsider()
        return job

    def _change_mind(self, job: CollectingJob, *, waits: bool) -> None:
        with self._lock:
            job.count(+1, waits=waits)
            job.count(-1, waits=not waits)
        self._turns.reconsider()

    def _leave(self, job: CollectingJob, *, waits: bool) -> None:
        with self._lock:
            job.count(-1, waits=waits)
            if job.waiting == job.patient == 0:
                job.cancel.throw()
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]
        self._turns.reconsider()

    def _run(self, job: CollectingJob) -> None:
        outcome: Outcome = ApiError()
        try:
            outcome = self._outcome(job)
        except Exception:  # noqa: BLE001  the edge of this thread: whoever waits must hear of it
            _log.exception("unexpected", content=job.content[:12])
        finally:
            with self._lock:
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]
                self._threads.discard(threading.current_thread())
            job.end(outcome)

    def _outcome(self, job: CollectingJob) -> Outcome:
        for sentence in self.missing():
            return ServiceUnavailable(reason=sentence)
        try:
            with self._alone(job):
                found = self._shelf.find(job.content)
                if found is not None:
                    return found
                with self._turns.of(job):
                    notes = collect(job, self._children, self._shelf.files)
                    making = job.made()
                    return Found(self._shelf.keep(job.key, notes, making), making)
        except Canceled:
            return Gone()
        except ApiError as error:
            return error if job.path.exists() else Gone()

    @contextmanager
    def _alone(self, job: CollectingJob) -> Iterator[None]:
        """Keeps other processes on this data folder from doing the same work, where the disk lets us.

        The lock's file goes with the lock. Who waited for it finds the notes, or at worst collects beside another.
        """
        lock: FileLock | None = None
        while lock is None or not lock.is_locked:
            job.cancel.check()
            try:
                lock = lock or FileLock(self._shelf.files.lock(job.key))
                lock.acquire(timeout=_POLL)
            except Timeout:
                continue
            except OSError as error:
                _log.warning("collecting_without_lock", content=job.content[:12], reason=error.strerror)
                break
        try:
            yield
        finally:
            if lock is not None and lock.is_locked:
                self._shelf.files.unlock(job.key)
                lock.release()

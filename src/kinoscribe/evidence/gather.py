"""Turns a video into its notes: kept ones at once, else collected by one job that all who ask share."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import ChildDied, ChildFailed, ChildNotStarted, Children
from kinoscribe.contract.errors import (
    ApiError,
    EngineFailed,
    ServerEnding,
    ServiceUnavailable,
    StorageFull,
    VideoFileBroken,
)
from kinoscribe.contract.events import Progress
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.jobs import CollectingJob, Gone
from kinoscribe.evidence.keep import NotesFolder, key_of
from kinoscribe.evidence.record import Collected, Stage, Unreadable, Wanted, pack, unpack_piece
from kinoscribe.notes import Notes

_POLL = 0.2
_TRIES = 2
_AT_HAND = 8
# Notes of which a collector failed are not kept on disk, but a question asked soon after uses them again.
_PATIENCE_WITH_FAILURES = 300.0
_log = structlog.get_logger(__name__)


class Gatherer:
    """Evidence by content hash. `versions` name the collectors and weights: other versions are other notes.

    `missing` says in sentences what the collectors lack on this machine.
    """

    def __init__(
        self,
        folder: Path,
        children: Children,
        versions: tuple[str, ...],
        missing: Callable[[], list[str]] = list,
    ) -> None:
        self._kept = NotesFolder(folder)
        self._kept.sweep()
        self._children = children
        self._versions = versions
        self._missing = missing
        self._lock = threading.Lock()
        self._jobs: dict[str, CollectingJob] = {}
        self._threads: set[threading.Thread] = set()
        self._at_hand: OrderedDict[str, tuple[Notes, float | None]] = OrderedDict()
        self._background = ThreadPoolExecutor(1, "evidence-early")
        self._closing = Cancel()

    def missing(self) -> list[str]:
        """What has to be fetched before anything can be collected, in sentences."""
        return self._missing()

    def kept(self, content: str) -> Notes | None:
        """The notes of a content that was perceived before; nothing is decoded."""
        key = key_of(content, self._versions)
        with self._lock:
            found = self._at_hand.get(key)
            if found is not None and (found[1] is None or clock.steady() < found[1]):
                self._at_hand.move_to_end(key)
                return found[0]
        notes = self._kept.load(key)
        if notes is not None:
            self._hold(key, notes, None)
        return notes

    def gather(
        self, path: Path, content: str, facts: VideoFacts, cancel: Cancel
    ) -> Generator[Progress, None, Notes]:
        """Yields how far the collectors are and returns the notes.

        Raises `VideoFileBroken` when nothing decodes, `ServiceUnavailable` when weights are missing,
        `EngineFailed` when the perception process dies twice, `ServerEnding` or `Canceled`.
        """
        while True:
            notes = self.kept(content)
            if notes is not None:
                return notes
            job = self._join(path, content, facts, pinned=False)
            try:
                outcome = yield from _follow(job, cancel)
            finally:
                self._leave(job)
            match outcome:
                case Notes():
                    return outcome
                case ApiError():
                    raise outcome
                case Gone():
                    cancel.check()

    def start(self, path: Path, content: str, facts: VideoFacts) -> None:
        """Collects in the background, before anybody asks: one content after another, in the order they came.

        Whoever asks for a content that still waits here does not wait with it.
        """
        with self._lock:
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
            job = self._join(path, content, facts, pinned=True)
        except ServerEnding:
            return
        seen: dict[str, float] = {}
        outcome = None
        while outcome is None and not self._closing.thrown:
            seen, outcome = job.look(seen, _POLL)

    def _join(self, path: Path, content: str, facts: VideoFacts, *, pinned: bool) -> CollectingJob:
        key = key_of(content, self._versions)
        with self._lock:
            if self._closing.thrown:
                raise ServerEnding
            job = self._jobs.get(key)
            if job is None:
                job = CollectingJob(key, path, content, facts)
                self._jobs[key] = job
                thread = threading.Thread(
                    target=self._run, args=(job,), name=f"evidence-{content[:8]}", daemon=True
                )
                self._threads.add(thread)
                thread.start()
            job.pinned = job.pinned or pinned
            job.waiting += not pinned
            return job

    def _leave(self, job: CollectingJob) -> None:
        with self._lock:
            job.waiting -= 1
            if job.waiting == 0 and not job.pinned:
                job.cancel.throw()
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]

    def _run(self, job: CollectingJob) -> None:
        outcome: Notes | ApiError | Gone = ApiError()
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
        if isinstance(outcome, ApiError) and job.pinned and job.waiting == 0:
            _log.warning("evidence_failed", content=job.content[:12], reason=outcome.message)

    def _outcome(self, job: CollectingJob) -> Notes | ApiError | Gone:
        for sentence in self.missing():
            return ServiceUnavailable(reason=sentence)
        try:
            with self._alone(job):
                return self.kept(job.content) or self._keep(job, self._collect(job))
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
                lock = lock or FileLock(self._kept.lock(job.key))
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
                self._kept.unlock(job.key)
                lock.release()

    def _collect(self, job: CollectingJob) -> Notes:
        wanted = pack(Wanted(str(job.path), job.content, job.facts))
        for attempt in range(1, _TRIES + 1):
            try:
                return self._perceive(job, wanted)
            except ChildDied as error:
                _log.warning(
                    "perception_died", content=job.content[:12], attempt=attempt, reason=error.reason
                )
                # Why a process could not start is for the log: it may name files of this machine.
                reason = "could not be started" if isinstance(error, ChildNotStarted) else error.reason
            except ChildFailed as error:
                _log.error("perception_failed", content=job.content[:12], reason=str(error))
                raise EngineFailed(reason=f"perception failed ({error.kind}).") from error
        raise EngineFailed(reason=f"the process that perceives the video {reason}.")

    def _perceive(self, job: CollectingJob, wanted: bytes) -> Notes:
        pieces = self._children.call(wanted, cancel=job.cancel)
        try:
            for body in pieces:
                match unpack_piece(body):
                    case Stage(stage=stage, done=done):
                        job.tell(stage, done)
                    case Collected(notes=notes):
                        return notes
                    case Unreadable(reason=reason):
                        raise VideoFileBroken(reason=reason)
        finally:
            pieces.close()
        raise ChildDied("ended without notes")

    def _keep(self, job: CollectingJob, notes: Notes) -> Notes:
        failed = any(report.state == "failed" for report in notes.reports)
        if not failed:
            try:
                self._kept.save(job.key, notes)
            except StorageFull as error:
                _log.warning("notes_not_kept", content=job.content[:12], reason=str(error.__cause__))
        self._hold(job.key, notes, clock.steady() + _PATIENCE_WITH_FAILURES if failed else None)
        return notes

    def _hold(self, key: str, notes: Notes, until: float | None) -> None:
        with self._lock:
            self._at_hand[key] = (notes, until)
            self._at_hand.move_to_end(key)
            while len(self._at_hand) > _AT_HAND:
                self._at_hand.popitem(last=False)


def _follow(job: CollectingJob, cancel: Cancel) -> Generator[Progress, None, Notes | ApiError | Gone]:
    """Tells of a job's progress until it has ended or this waiter has lost interest."""
    seen: dict[str, float] = {}
    while True:
        stages, outcome = job.look(seen, _POLL)
        cancel.check()
        for stage, done in stages.items():
            if seen.get(stage) != done:
                yield Progress(stage, done)
        seen = stages
        if outcome is not None:
            return outcome

"""Turns wanted evidence into kept notes, in the worker process: claims jobs, perceives them, says how far they are."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Canceled
from kinoscribe.contract.errors import (
    ApiError,
    ServerEnding,
    ServiceUnavailable,
    StorageFull,
    VideoFileBroken,
)
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.jobs import Interrupted
from kinoscribe.evidence.queued import TELL_EVERY
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.evidence_rows import EvidenceJob, EvidenceRows
from kinoscribe.tasks.crew import Crew, Work

_POLL = 0.25
# Without work, and without anybody who rings, the queue is looked at this often.
_REST = 1.0
_OTHER_VERSIONS = (
    "The workers of this server perceive with other versions or settings than it does. Restart both."
)
_log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True, kw_only=True)
class _Work(Work):
    """A claimed job, by its key, and how far it is."""

    job: EvidenceJob
    waited: bool
    stages: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)


class EvidenceLoop:
    """Does evidence jobs beside the tasks of a worker. `most` jobs at once that somebody waits for, or in their
    absence others; the gatherer decides which of all its work runs.
    """

    def __init__(
        self,
        rows: EvidenceRows,
        gatherer: Gatherer,
        blobs: Blobs,
        owner: str,
        *,
        most: int = 1,
        lease: float = 30.0,
    ) -> None:
        """`owner` names this process among all workers; `lease` is that of `rows`."""
        self._rows = rows
        self._gatherer = gatherer
        self._blobs = blobs
        self._owner = owner
        self._most = most
        self._beat_every = lease / 3
        self._beaten = clock.steady()
        self._crew = Crew("evidence", self.turn, self._do, self._rest, least=_POLL)

    def start(self) -> None:
        self._crew.start()

    def ring(self) -> None:
        """Says that there may be something to do: it need not wait for the next look."""
        self._crew.ring()

    def stop(self) -> None:
        """Stops all work and gives every job back at once: another worker goes on with what was kept."""
        self._crew.stop(lambda: self._rows.release(self._owner))

    def _rest(self) -> float:
        return 0.0 if self._crew.running() else _REST

    def turn(self) -> None:
        """One look at the queue: says how far the work is, drops what nobody wants, takes what is due."""
        running = self._crew.running()
        if running:
            self._attend(running)
            waited = sum(work.waited for work in running.values())
            self._take(self._rows.claim(self._owner, self._most - waited, early=False))
        free = self._most - len(self._crew.running())
        if free > 0:
            self._take(self._rows.claim(self._owner, free, early=True))

    def _attend(self, running: dict[str, _Work]) -> None:
        """Only what ran before the database was asked may be taken for lost."""
        held = self._held(running)
        for key, work in running.items():
            if key in held:
                work.waited = held[key]
            else:
                work.cancel.throw()

    def _held(self, running: dict[str, _Work]) -> dict[str, bool]:
        since = clock.steady() - self._beaten
        stages = {key: dict(work.stages) for key, work in running.items()}
        news = any(stages[key] != work.told for key, work in running.items())
        if since < self._beat_every and not (news and since >= TELL_EVERY):
            return self._rows.held(self._owner)
        steps = {key: self._gatherer.steps(work.job.content) for key, work in running.items()}
        held = self._rows.beat(self._owner, stages, {key: came for key, came in steps.items() if came})
        self._beaten = clock.steady()
        for key, work in running.items():
            work.told = stages[key]
        return held

    def _take(self, jobs: tuple[EvidenceJob, ...]) -> None:
        for job in jobs:
            if not self._crew.begin(_Work(job.key, job=job, waited=job.waited)):
                self._rows.put_back(job.key, self._owner)

    def _do(self, work: _Work) -> None:
        job = work.job
        try:
            self._collect(work)
            self._rows.done(job.key, self._owner)
        except (Canceled, Interrupted, ServerEnding):
            self._end(work, None)
        except ApiError as error:
            self._end(work, error)
        except Exception:  # noqa: BLE001  the edge of this thread: whoever waits must hear of it
            _log.exception("unexpected", content=job.content[:12])
            self._end(work, ApiError())

    def _collect(self, work: _Work) -> None:
        """Returns when the notes lie where other processes find them. Raises what `Gatherer.gather` does."""
        job = work.job
        if self._gatherer.key(job.content) != job.key:
            raise ServiceUnavailable(reason=_OTHER_VERSIONS)
        with ExitStack() as held:
            try:
                path = held.enter_context(self._blobs.reach(job.path, job.content, work.cancel))
            except FileNotFoundError as error:
                raise VideoFileBroken(reason="The file was removed before it was looked at.") from error
            pieces = self._gatherer.gather(
                path, job.content, job.facts, work.cancel, waits=lambda: work.waited
            )
            held.callback(pieces.close)
            for progress in pieces:
                work.stages[progress.stage] = progress.done or 0.0
        if not self._gatherer.kept_for_others(job.content):
            raise StorageFull

    def _end(self, work: _Work, error: ApiError | None) -> None:
        """Tells the row what came of it. Where the database is away, the row goes back when its lease ends."""
        job = work.job
        try:
            if error is None:
                self._rows.put_back(job.key, self._owner)
            elif not self._blobs.there(job.path, job.content):
                self._rows.gone(job.key, self._owner, job.path)
            else:
                if not work.waited:
                    _log.warning("evidence_failed", content=job.content[:12], reason=error.message)
                self._rows.failed(job.key, self._owner, error)
        except ApiError as trouble:
            _log.warning("evidence_job_not_ended", content=job.content[:12], reason=trouble.message)

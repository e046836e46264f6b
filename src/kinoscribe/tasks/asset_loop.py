"""Turns waiting assets into ready or failed ones, in the worker process: claims them, fetches, looks, tells."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Canceled
from kinoscribe.contract.errors import ApiError
from kinoscribe.sources.intake import Intake, Unusable
from kinoscribe.storage.asset_queue import AssetJob, AssetQueue
from kinoscribe.tasks.crew import Crew, Work
from kinoscribe.tasks.retry import wait_between

# Without anybody who rings, the queue is looked at this often: beside work, and without any. New assets ring; what
# waits for another try, or was left by a dead worker, may wait so much longer.
_REST = 1.0
_IDLE = 3.0
# How long an asset waits for which no thread could be had.
_PAUSE = 5.0

_log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True, kw_only=True)
class _Work(Work):
    """A claimed asset, by its id."""

    job: AssetJob


class AssetLoop:
    """Processes assets beside the tasks of a worker: at once `arrivals` whose file has to be brought, which wait
    for the network, and `looks` whose file is here.

    What fails in a way that passes is begun with again, `attempts` times in all; the first wait is `retry` seconds.
    `when_decided` is called after each asset that was brought to its end.
    """

    def __init__(
        self,
        queue: AssetQueue,
        intake: Intake,
        owner: str,
        *,
        lease: float,
        attempts: int,
        retry: float,
        when_decided: Callable[[], None],
        arrivals: int = 8,
        looks: int = 2,
    ) -> None:
        """`owner` names this process among all workers; `lease` is that of `queue`."""
        self._queue = queue
        self._intake = intake
        self._owner = owner
        self._beat_every = lease / 3
        self._attempts = attempts
        self._retry = retry
        self._when_decided = when_decided
        self._arrivals = arrivals
        self._looks = looks
        self._beaten = clock.steady()
        self._crew = Crew("asset", self.turn, self._do, self._rest)

    def start(self) -> None:
        self._crew.start()

    def ring(self) -> None:
        """Says that there may be something to do: it need not wait for the next look."""
        self._crew.ring()

    def stop(self) -> None:
        """Stops all work and gives every asset back at once: another worker begins with it."""
        self._crew.stop(lambda: self._queue.release(self._owner))

    def _rest(self) -> float:
        return min(_REST if self._crew.running() else _IDLE, self._beat_every)

    def turn(self) -> None:
        """One look at the queue: keeps the leases, drops what was deleted, takes what is due."""
        running = self._crew.running()
        if running:
            self._attend(running)
        looks = sum(work.job.content is not None for work in running.values())
        arrivals = self._arrivals - (len(running) - looks)
        for job in self._queue.claim(self._owner, arrivals=arrivals, looks=self._looks - looks):
            if not self._crew.begin(_Work(job.id, job=job)):
                self._queue.again(job, _PAUSE)

    def _attend(self, running: dict[str, _Work]) -> None:
        """Only what ran before the database was asked may be taken for lost."""
        if clock.steady() - self._beaten >= self._beat_every:
            held = self._queue.beat(self._owner, list(running))
            self._beaten = clock.steady()
        else:
            held = self._queue.held(self._owner)
        for asset_id, work in running.items():
            if asset_id not in held:
                work.cancel.throw()

    def _do(self, work: _Work) -> None:
        job = work.job
        try:
            asset = self._intake.process(job, work.cancel, patient=job.attempt < self._attempts)
            if asset is not None:
                self._when_decided()
        except Canceled:
            self._tell(lambda: self._queue.put_back(job))
        except Unusable as trouble:
            wait = wait_between(job.attempt, first=self._retry, chance=random.random())  # noqa: S311
            _log.warning("asset_again", asset=job.id, seconds=round(wait, 1), reason=trouble.reason)
            self._tell(lambda: self._queue.again(job, wait))
        except ApiError as error:
            _log.warning("asset_not_decided", asset=job.id, reason=error.message)
            self._tell(lambda: self._queue.again(job, self._retry))
        except Exception:  # noqa: BLE001  the edge of this thread: the asset must not stay with it
            _log.exception("unexpected", asset=job.id)
            self._tell(lambda: self._queue.again(job, self._retry))

    def _tell(self, end: Callable[[], None]) -> None:
        """Where the database is away, the asset goes back when its lease ends."""
        try:
            end()
        except ApiError as error:
            _log.warning("asset_not_given_back", reason=error.message)

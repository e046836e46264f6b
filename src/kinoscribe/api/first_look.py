"""Looks into a file as soon as it was uploaded, so that most clients read `ready` at once; a worker does the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ServiceUnavailable
from kinoscribe.media.pieces import FileKind
from kinoscribe.sources.intake import Intake, Unusable
from kinoscribe.storage.asset_queue import AssetJob, AssetQueue
from kinoscribe.storage.asset_rows import Asset, Hold

Decided = Future[Asset | None]

# An upload that has waited longer for a free thread is left to a worker.
_PATIENCE = 1.0
# A look that takes longer is broken off; nobody else may begin with the asset before it surely is.
_LONGEST_LOOK = 10.0
_HOLD = 20.0

_log = structlog.get_logger(__name__)


class FirstLook:
    """Processes uploads in the server's own process, a few at once, where that is quick.

    What is not decided goes back to the queue; `ring` then wakes the workers. An asset whose process is killed
    meanwhile is a worker's after some seconds.
    """

    def __init__(
        self, intake: Intake, queue: AssetQueue, owner: str, ring: Callable[[], None], *, most: int = 2
    ) -> None:
        self.hold = Hold(owner, _HOLD)
        self.ring = ring
        self._intake = intake
        self._queue = queue
        self._lock = threading.Lock()
        self._closed = False
        self._looking: set[Cancel] = set()
        self._threads = ThreadPoolExecutor(most, "first-look")

    def take(self, asset: Asset) -> Decided:
        """Begins with an asset added with `hold`. The future brings it when it was decided here, else `None`."""
        decided = Decided()
        decided.set_running_or_notify_cancel()  # whoever waits may give up; the work goes on
        self._threads.submit(self._do, self._job(asset), clock.steady() + _PATIENCE, decided)
        return decided

    def kind(self, path: Path) -> FileKind | None:
        """What a file that belongs to no asset yet is; None when that would take too long to tell."""
        with self._switch() as cancel:
            try:
                return self._intake.kind(path, cancel)
            except (Canceled, ServiceUnavailable):
                return None

    def accept(self, asset: Asset, found: FileKind) -> Asset:
        """The asset, added with `hold`, made ready with what its file was found to be."""
        assert asset.content is not None, "its file was looked at"
        try:
            return self._intake.accept(self._job(asset), asset.content, found, asset.size or 0) or asset
        except (ApiError, Unusable) as error:
            _log.warning("asset_not_decided", asset=asset.id, reason=str(error))
            self._leave(self._job(asset))
            return asset

    def close(self) -> None:
        """Stops, and leaves what is undecided to the workers."""
        with self._lock:
            self._closed = True
            for cancel in self._looking:
                cancel.throw()
        self._threads.shutdown()
        try:
            if self._queue.release(self.hold.owner):
                self.ring()
        except ApiError as error:
            _log.warning("assets_not_released", reason=error.message)

    def _job(self, asset: Asset) -> AssetJob:
        return AssetJob(
            id=asset.id,
            account=asset.account,
            owner=self.hold.owner,
            content=asset.content,
            url=None,
            upload_id=None,
            wants_thumbnail=asset.wants_thumbnail,
            attempt=1,
        )

    def _do(self, job: AssetJob, begin_until: float, decided: Decided) -> None:
        asset: Asset | None = None
        try:
            if self._closed or clock.steady() > begin_until:
                self._leave(job)
            else:
                asset = self._look(job)
        finally:
            decided.set_result(asset)

    def _look(self, job: AssetJob) -> Asset | None:
        with self._switch() as cancel:
            try:
                return self._intake.process(job, cancel)
            except (Canceled, Unusable):
                self._leave(job)
            except ApiError as error:
                _log.warning("asset_not_decided", asset=job.id, reason=error.message)
                self._leave(job)
            except Exception:  # noqa: BLE001  the edge of this thread: a worker meets the same, and says so
                _log.exception("unexpected", asset=job.id)
                self._leave(job)
        return None

    @contextmanager
    def _switch(self) -> Iterator[Cancel]:
        """A switch that is thrown when the look takes too long, and when the server ends."""
        cancel = Cancel()
        watch = threading.Timer(_LONGEST_LOOK, cancel.throw)
        watch.daemon = True
        with self._lock:
            self._looking.add(cancel)
            if self._closed:
                cancel.throw()
        watch.start()
        try:
            yield cancel
        finally:
            watch.cancel()
            with self._lock:
                self._looking.discard(cancel)

    def _leave(self, job: AssetJob) -> None:
        try:
            self._queue.put_back(job)
        except ApiError as error:
            _log.warning("asset_not_given_back", asset=job.id, reason=error.message)
        else:
            self.ring()

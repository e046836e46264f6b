"""Turns new assets, uploaded or only named by a URL, into ready or failed ones, behind the backs of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import structlog

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ServiceUnavailable
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.pieces import FileKind
from kinoscribe.sources.technical import examined
from kinoscribe.sources.url_fetch import FetchFailed, UrlFetcher
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.asset_rows import Asset, AssetRows
from kinoscribe.storage.blobs import Blobs

WhenReady = Callable[[Path, str, VideoFacts], None]
Decided = Future[Asset | None]

# Seconds between attempts to look into a file while no decoder can be started.
_PAUSES = (1.0, 5.0, 25.0)

_log = structlog.get_logger(__name__)


class Looks(Protocol):
    """What can tell what a file is."""

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind: ...


class Intake:
    """Looks into every asset that is `processing`: a few at once, fetching and decoding in threads of their own.

    `when_ready` is called with the path, the content hash and the facts of every video that became ready.
    """

    def __init__(
        self,
        assets: AssetRows,
        blobs: Blobs,
        fetcher: UrlFetcher,
        looks: Looks,
        *,
        when_ready: WhenReady | None = None,
        fetches: int = 8,
        examinations: int = 2,
    ) -> None:
        self.assets = assets
        self.blobs = blobs
        self._fetcher = fetcher
        self._looks = looks
        self._when_ready = when_ready
        self._cancel = Cancel()
        self._fetching = ThreadPoolExecutor(fetches, "fetch")
        self._examining = ThreadPoolExecutor(examinations, "examine")

    def take(self, asset: Asset) -> Decided:
        """Begins with an asset. The future brings it when it is decided, or `None` when it is gone or `close` came."""
        decided = Decided()
        decided.set_running_or_notify_cancel()  # whoever waits may give up; the work goes on
        if asset.content is None:
            self._fetching.submit(self._fetch, asset, decided)
        else:
            self._examining.submit(self._examine, asset.id, asset.content, decided)
        return decided

    def resume(self) -> int:
        """Begins with all that an earlier process left `processing`; says how many. Removes files nothing refers to."""
        self.assets.sweep()
        left = self.assets.processing()
        for asset in left:
            self.take(asset)
        return len(left)

    def close(self) -> None:
        """Stops. Assets that are not decided stay `processing` until the next `resume`."""
        self._cancel.throw()
        for pool in (self._fetching, self._examining):
            pool.shutdown(cancel_futures=True)

    def _fetch(self, asset: Asset, decided: Decided) -> None:
        with self._failing(asset.id, decided), self.blobs.begin() as incoming:
            self._fetcher.fetch(asset.url or "", incoming, self._cancel)
            stored = incoming.finish()
            if self.assets.arrived(asset.id, stored):
                self._examining.submit(self._examine, asset.id, stored.sha256, decided)
            else:
                decided.set_result(None)

    def _examine(self, asset_id: str, content: str, decided: Decided) -> None:
        with self._failing(asset_id, decided):
            with self.blobs.borrow(content) as path:
                found = self._look(path)
                verdict = examined(found, path.stat().st_size)
            if isinstance(verdict, str):
                decided.set_result(self.assets.failed(asset_id, verdict, found.mime_type))
                return
            asset = self.assets.ready(asset_id, verdict)
            decided.set_result(asset)
            if asset is not None and found.facts is not None and self._when_ready is not None:
                self._when_ready(self.blobs.path(content), content, found.facts)

    def _look(self, path: Path) -> FileKind:
        """A decoder that cannot be started now may be later: that is no fault of the file."""
        for pause in _PAUSES:
            try:
                return self._looks.kind(path, self._cancel)
            except ServiceUnavailable:
                self._cancel.wait(pause)
        return self._looks.kind(path, self._cancel)

    @contextmanager
    def _failing(self, asset_id: str, decided: Decided) -> Iterator[None]:
        """The edge of this background work: whatever goes wrong becomes the asset's failure."""
        try:
            yield
            return
        except Canceled:
            decided.set_result(None)
            return
        except (UrlRefused, FetchFailed) as error:
            reason = f"The URL could not be fetched. {error}"
        except ApiError as error:
            reason = error.message
        except Exception:  # noqa: BLE001  the edge: nobody above would see it
            _log.exception("asset_not_examined", asset=asset_id)
            reason = ApiError().message
        failed = self.assets.failed(asset_id, reason)
        if not decided.done():
            decided.set_result(failed)

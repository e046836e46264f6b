"""Turns a new asset, uploaded or only named, into a ready or a failed one: brings its file and looks into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import structlog

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.video import VideoFacts, sound_facts
from kinoscribe.media.pieces import FileKind
from kinoscribe.sources.technical import examined
from kinoscribe.sources.url_fetch import FetchFailed, UrlFetcher
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.asset_queue import AssetJob
from kinoscribe.storage.asset_rows import Asset, AssetRows, Examined
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.reservations import Reservation

WhenReady = Callable[[Path, str, VideoFacts, str], None]
Assemble = Callable[[str, Cancel], AbstractContextManager[Stored]]
Depict = Callable[[Path, FileKind, Cancel], bytes | None]

_log = structlog.get_logger(__name__)


class Looks(Protocol):
    """What can tell what a file is."""

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind: ...


class Unusable(Exception):
    """An asset cannot become ready. `passes`: it may in a while, and nothing has been decided."""

    def __init__(self, reason: str, *, passes: bool = False, file_type: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passes = passes
        self.file_type = file_type


class Intake:
    """Processes assets in the thread of whoever holds them; may be shared between threads.

    `assemble` gives the file of an upload for as long as its block lasts. `depict` makes the JPEG of a thumbnail, or
    None where there is nothing to show. `when_ready` is called with the path, the content hash, the facts and the
    account of every video and sound that became ready.
    """

    def __init__(
        self,
        assets: AssetRows,
        blobs: Blobs,
        fetcher: UrlFetcher,
        looks: Looks,
        *,
        assemble: Assemble | None = None,
        depict: Depict | None = None,
        when_ready: WhenReady | None = None,
    ) -> None:
        self.assets = assets
        self.blobs = blobs
        self._fetcher = fetcher
        self._looks = looks
        self._assemble = assemble
        self._depict = depict
        self._when_ready = when_ready

    def process(self, job: AssetJob, cancel: Cancel, *, patient: bool = True) -> Asset | None:
        """Brings the asset to its end and returns it, or None when it is gone or its owner's no more.

        Raises `Canceled`, and for one who is `patient` an `Unusable` that passes.
        """
        try:
            with _sentences(job):
                content = job.content or self._bring(job, cancel)
                if content is None:
                    return None
                found, verdict = self._look(content, job, cancel)
        except Unusable as trouble:
            if trouble.passes and patient:
                raise
            return self.assets.failed(job.id, trouble.reason, trouble.file_type, owner=job.owner)
        return self._ready(job, content, found, verdict)

    def kind(self, path: Path, cancel: Cancel) -> FileKind:
        """What a file that belongs to no asset yet is. Raises `ServiceUnavailable` or `Canceled`."""
        return self._looks.kind(path, cancel)

    def accept(self, job: AssetJob, content: str, found: FileKind, size: int) -> Asset | None:
        """The asset, made ready with what its file of `size` bytes was found to be before it was added.

        Raises `Unusable` when that is nothing an asset can be.
        """
        verdict = examined(found, size)
        if isinstance(verdict, str):
            raise Unusable(verdict, file_type=found.mime_type)
        return self._ready(job, content, found, verdict)

    def _ready(self, job: AssetJob, content: str, found: FileKind, verdict: Examined) -> Asset | None:
        asset = self.assets.ready(job.id, verdict, owner=job.owner)
        facts = found.facts
        if found.sound is not None:
            facts = sound_facts(found.mime_type, found.sound.duration, asset.size or 0 if asset else 0)
        if asset is not None and facts is not None:
            self._tell(content, facts, asset.account)
        return asset

    def _bring(self, job: AssetJob, cancel: Cancel) -> str | None:
        """Gets the file and gives it to the asset. None when that is gone or its owner's no more."""
        if job.url is not None:
            room = self.assets.room
            with self.blobs.begin() as incoming, room.reserve(job.account) as reserved:
                if room.is_limited:
                    incoming.bound(0, reserved.grow, reserved.close)
                self._fetcher.fetch(job.url, incoming, cancel, expect=incoming.expect)
                return self._keep(job, incoming.finish(), reserved)
        assert job.upload_id is not None, "it has a file, a URL or an upload"
        assert self._assemble is not None, "whoever claims an upload can put it together"
        with self._assemble(job.upload_id, cancel) as stored:
            return self._keep(job, stored)

    def _keep(self, job: AssetJob, stored: Stored, reserved: Reservation | None = None) -> str | None:
        arrived = self.assets.arrived(job.id, stored, owner=job.owner, reserved=reserved)
        return stored.sha256 if arrived else None

    def _look(self, content: str, job: AssetJob, cancel: Cancel) -> tuple[FileKind, Examined]:
        with self.blobs.borrow(content, cancel) as path:
            found = self._looks.kind(path, cancel)
            verdict = examined(found, path.stat().st_size)
            if isinstance(verdict, str):
                raise Unusable(verdict, file_type=found.mime_type)
            if job.wants_thumbnail and self._depict is not None:
                verdict = verdict.shown_by(self._depict(path, found, cancel))
        return found, verdict

    def _tell(self, content: str, facts: VideoFacts, account: str) -> None:
        """A listener that fails does not unmake the asset."""
        if self._when_ready is None:
            return
        try:
            self._when_ready(self.blobs.path(content), content, facts, account)
        except Exception:  # noqa: BLE001  the asset is ready, and whoever listens is not its business
            _log.exception("ready_not_told", content=content[:12])


@contextmanager
def _sentences(job: AssetJob) -> Iterator[None]:
    """The edge of this work: whatever goes wrong becomes a sentence about the asset."""
    try:
        yield
    except (Canceled, Unusable):
        raise
    except UrlRefused as error:
        raise Unusable(f"The URL could not be fetched. {error}") from error
    except FetchFailed as error:
        raise Unusable(f"The URL could not be fetched. {error}", passes=error.passes) from error
    except ApiError as error:
        raise Unusable(error.message, passes=error.passes) from error
    except FileNotFoundError as error:
        raise Unusable("The file is no longer kept.") from error
    except Exception as error:  # nobody above would know what to say of it
        _log.exception("asset_not_examined", asset=job.id)
        raise Unusable(ApiError().message) from error

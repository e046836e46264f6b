"""Turns the source a request names (URL, asset, base64, file) into a file on this machine, known by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import (
    AssetNotReady,
    IndexNotSupportedForGenerate,
    ParameterInvalid,
    ResourceNotExist,
    SourceUnreachable,
)
from kinoscribe.contract.sources import (
    AssetSource,
    Base64Source,
    UrlSource,
    VideoIdSource,
    VideoSource,
    check_asset_id,
)
from kinoscribe.contract.video import VideoFacts
from kinoscribe.ids import is_object_id
from kinoscribe.sources.inline import write_inline
from kinoscribe.sources.url_fetch import FetchFailed, UrlFetcher
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.asset_rows import Asset, AssetRows
from kinoscribe.storage.blobs import Blobs, Incoming, Stored
from kinoscribe.storage.video_rows import Video

_LOOK_AGAIN = 0.2
_PIECE = 1024 * 1024
# Most that is fetched of a URL only to see whether it is worth a task.
_SMALL = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of whoever runs the program; never named by a client of the server."""

    kind: ClassVar[str] = "file"

    path: Path


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file kept with a task, by its SHA-256: it came inside the body, or is that of an asset that may be gone."""

    content: str
    kind: str = "base64_string"


Source = VideoSource | LocalFile | KeptFile


@dataclass(frozen=True, slots=True)
class Content:
    """A video on disk. Unless `kept`, the path is gone when its request ends; an asset's facts are known already."""

    path: Path
    sha256: str
    bytes: int
    asset_id: str | None
    kept: bool
    facts: VideoFacts | None = None


class Videos(Protocol):
    """What knows the videos of indexes."""

    def find(self, account: str, video_id: str) -> Video | None: ...


class Resolver:
    """Finds or fetches what requests point at; may be shared between threads."""

    def __init__(
        self,
        assets: AssetRows,
        blobs: Blobs,
        fetcher: UrlFetcher,
        *,
        asset_wait: float,
        videos: Videos | None = None,
    ) -> None:
        self._videos = videos
        self._assets = assets
        self._blobs = blobs
        self._fetcher = fetcher
        self._asset_wait = asset_wait

    @contextmanager
    def resolve(
        self, source: Source, account: str, cancel: Cancel, *, patient: bool = True
    ) -> Iterator[Content]:
        """The content of `source` for as long as the block lasts; what is temporary goes when it ends.

        Who is not `patient` gets `AssetNotReady` at once for an asset that is still processing.
        Raises an `ApiError` of contract section 3, `StorageFull` or `Canceled`; `OSError` for a `LocalFile`.
        """
        match source:
            case UrlSource(url=url):
                with self._blobs.begin() as incoming:
                    with url_errors("video.url"):
                        self._fetcher.fetch(url, incoming, cancel)
                    yield _temporary(incoming.finish())
            case Base64Source():
                with self._blobs.begin() as incoming:
                    write_inline(source, incoming)
                    del source  # a whole video, which nobody needs for as long as the block lasts
                    yield _temporary(incoming.finish())
            case AssetSource(asset_id=asset_id):
                asset = self._ready_video(account, asset_id, cancel, self._asset_wait if patient else 0.0)
                with ExitStack() as loan:
                    yield self._lent(asset, loan, cancel)
            case KeptFile(content=content):
                with ExitStack() as loan:
                    yield self._lent_file(content, loan, cancel)
            case VideoIdSource(video_id=video_id):
                with ExitStack() as loan:
                    yield self._lent(self.indexed_video(account, video_id)[1], loan, cancel)
            case LocalFile(path=path):
                yield _local(path, cancel)

    @contextmanager
    def glance(self, source: UrlSource, cancel: Cancel) -> Iterator[Content | None]:
        """The file a URL names when it is small; None when it is not, when `cancel` is thrown, or its host is away.

        Raises what `resolve` raises of a URL that will be no better later, and `StorageFull`.
        """
        with self._blobs.begin() as incoming:
            try:
                with url_errors("video.url"):
                    self._fetcher.fetch(source.url, _Beginning(incoming), cancel)
                content = _temporary(incoming.finish())
            except (_Enough, Canceled, SourceUnreachable):
                content = None
            yield content

    def known_video(self, account: str, asset_id: str) -> Asset:
        """The asset, ready or still processing. Raises what section 3 says of one that can never be analysed."""
        check_asset_id(asset_id, "video.asset_id")
        asset = self._assets.get(account, asset_id)
        if asset is None:
            raise ResourceNotExist(id=asset_id, collection="assets")
        if asset.status == "failed":
            raise _invalid(f"The status of the asset is failed: {asset.error}")
        if asset.status == "ready" and asset.kind != "video":
            raise _invalid(f"The asset is of type {asset.kind}; a video is needed.")
        return asset

    def indexed_video(self, account: str, video_id: str) -> tuple[Video, Asset]:
        """The video of an index and its asset, both ready. Raises what sections 3 and 14 say of one that is not."""
        known = self._videos is not None and is_object_id(video_id)
        video = self._videos.find(account, video_id) if known and self._videos is not None else None
        asset = None if video is None else self._assets.get(account, video.asset_id)
        if video is None or asset is None:
            raise ResourceNotExist(id=video_id, collection="videos")
        if not video.answers:
            raise IndexNotSupportedForGenerate
        if video.status != "ready":
            why = f": {video.error}" if video.status == "failed" else "; it has to be ready."
            raise ParameterInvalid(p="video_id", reason=f"The status of the video is {video.status}{why}")
        return video, asset

    def _ready_video(self, account: str, asset_id: str, cancel: Cancel, wait: float) -> Asset:
        """The asset once it is ready, waiting a while for one that is still processing."""
        until = clock.steady() + wait
        while True:
            asset = self.known_video(account, asset_id)
            if asset.status == "ready":
                return asset
            if clock.steady() >= until:
                reason = "The status of the asset is processing; it has to be ready."
                raise AssetNotReady(p="video.asset_id", reason=reason)
            cancel.wait(_LOOK_AGAIN)
            cancel.check()

    def _lent(self, asset: Asset, loan: ExitStack, cancel: Cancel) -> Content:
        """The asset's file, which stays readable to the end of the loan even when the asset is deleted meanwhile."""
        assert asset.content is not None, "a ready asset has a content"
        try:
            path = loan.enter_context(self._blobs.borrow(asset.content, cancel))
        except FileNotFoundError as error:
            raise ResourceNotExist(id=asset.id, collection="assets") from error
        return Content(path, asset.content, asset.size or 0, asset.id, True, asset.facts)

    def _lent_file(self, content: str, loan: ExitStack, cancel: Cancel) -> Content:
        """The kept file, which stays readable to the end of the loan even when its task is deleted meanwhile."""
        try:
            path = loan.enter_context(self._blobs.borrow(content, cancel))
        except FileNotFoundError as error:
            reason = "The video that came with the request is no longer kept."
            raise ParameterInvalid(p="video.base64_string", reason=reason) from error
        return Content(path, content, path.stat().st_size, None, True)


class _Enough(Exception):
    """The file is larger than what is looked at in passing."""


class _Beginning:
    """Lets a small file pass."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def write(self, data: bytes) -> None:
        self._incoming.write(data)
        if self._incoming.size > _SMALL:
            raise _Enough


@contextmanager
def url_errors(at: str) -> Iterator[None]:
    """What keeps a URL from being fetched becomes an error that names the parameter `at`, where the URL stands."""
    try:
        yield
    except UrlRefused as error:
        raise ParameterInvalid(p=at, reason=str(error)) from error
    except FetchFailed as error:
        kind = SourceUnreachable if error.passes else ParameterInvalid
        raise kind(p=at, reason=str(error)) from error


def _invalid(reason: str) -> ParameterInvalid:
    return ParameterInvalid(p="video.asset_id", reason=reason)


def _temporary(stored: Stored) -> Content:
    return Content(stored.path, stored.sha256, stored.bytes, None, False)


def _local(path: Path, cancel: Cancel) -> Content:
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            cancel.check()
            digest.update(piece)
            size += len(piece)
    return Content(path, digest.hexdigest(), size, None, True)

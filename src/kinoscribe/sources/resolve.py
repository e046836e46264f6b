"""Turns the source a request names (URL, asset, base64, file) into a file on this machine, known by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ParameterInvalid, ResourceNotExist
from kinoscribe.contract.sources import (
    AssetSource,
    Base64Source,
    UrlSource,
    VideoIdSource,
    VideoSource,
    check_asset_id,
)
from kinoscribe.contract.video import VideoFacts
from kinoscribe.sources.inline import write_inline
from kinoscribe.sources.url_fetch import FetchFailed, UrlFetcher
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.asset_rows import Asset, AssetRows
from kinoscribe.storage.blobs import Blobs, Stored

_LOOK_AGAIN = 0.2
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of whoever runs the program; never named by a client of the server."""

    kind: ClassVar[str] = "file"

    path: Path


Source = VideoSource | LocalFile


@dataclass(frozen=True, slots=True)
class Content:
    """A video on disk. Unless `kept`, the path is gone when its request ends; an asset's facts are known already."""

    path: Path
    sha256: str
    bytes: int
    asset_id: str | None
    kept: bool
    facts: VideoFacts | None = None


class Resolver:
    """Finds or fetches what requests point at; may be shared between threads."""

    def __init__(self, assets: AssetRows, blobs: Blobs, fetcher: UrlFetcher, *, asset_wait: float) -> None:
        self._assets = assets
        self._blobs = blobs
        self._fetcher = fetcher
        self._asset_wait = asset_wait

    @contextmanager
    def resolve(self, source: Source, account: str, cancel: Cancel) -> Iterator[Content]:
        """The content of `source` for as long as the block lasts; what is temporary goes when it ends.

        Raises an `ApiError` of contract section 3, `StorageFull` or `Canceled`; `OSError` for a `LocalFile`.
        """
        match source:
            case UrlSource(url=url):
                with self._blobs.begin() as incoming:
                    try:
                        self._fetcher.fetch(url, incoming, cancel)
                    except (UrlRefused, FetchFailed) as error:
                        raise ParameterInvalid(p="video.url", reason=str(error)) from error
                    yield _temporary(incoming.finish())
            case Base64Source():
                with self._blobs.begin() as incoming:
                    write_inline(source, incoming)
                    del source  # a whole video, which nobody needs for as long as the block lasts
                    yield _temporary(incoming.finish())
            case AssetSource(asset_id=asset_id):
                asset = self._ready_video(account, asset_id, cancel)
                with ExitStack() as loan:
                    yield self._lent(asset, loan)
            case VideoIdSource(video_id=video_id):
                raise ResourceNotExist(id=video_id, collection="videos")
            case LocalFile(path=path):
                yield _local(path, cancel)

    def _ready_video(self, account: str, asset_id: str, cancel: Cancel) -> Asset:
        """The asset once it is ready, waiting a while for one that is still processing."""
        check_asset_id(asset_id, "video.asset_id")
        until = clock.steady() + self._asset_wait
        while True:
            asset = self._assets.get(account, asset_id)
            if asset is None:
                raise ResourceNotExist(id=asset_id, collection="assets")
            if asset.status != "processing" or clock.steady() >= until:
                break
            cancel.wait(_LOOK_AGAIN)
            cancel.check()
        if asset.status == "failed":
            raise _invalid(f"The status of the asset is failed: {asset.error}")
        if asset.status == "processing":
            raise _invalid("The status of the asset is processing; it has to be ready.")
        if asset.kind != "video":
            raise _invalid(f"The asset is of type {asset.kind}; a video is needed.")
        return asset

    def _lent(self, asset: Asset, loan: ExitStack) -> Content:
        """The asset's file, which stays readable to the end of the loan even when the asset is deleted meanwhile."""
        assert asset.content is not None, "a ready asset has a content"
        try:
            path = loan.enter_context(self._blobs.borrow(asset.content))
        except FileNotFoundError as error:
            raise ResourceNotExist(id=asset.id, collection="assets") from error
        return Content(path, asset.content, asset.size or 0, asset.id, True, asset.facts)


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

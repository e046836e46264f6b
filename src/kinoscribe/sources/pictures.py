"""Turns the source of a reference picture (URL, asset, base64, kept file) into pixels that were checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import (
    AssetNotReady,
    ParameterInvalid,
    ResourceNotExist,
    VideoFilesizeTooLarge,
)
from kinoscribe.contract.limits import MB
from kinoscribe.contract.sources import AssetSource, Base64Source, Source, UrlSource, decode_base64
from kinoscribe.media.decoders import Decoders, PictureRefused
from kinoscribe.media.pieces import Cutout
from kinoscribe.sources.resolve import KeptFile, url_errors
from kinoscribe.sources.url_fetch import UrlFetcher
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs, Stored


@dataclass(frozen=True, slots=True)
class StillPicture:
    """A picture that can be decoded: the SHA-256 and the bytes of its file, and its pixels made small."""

    content: str
    data: bytes
    cutout: Cutout


class PictureReader:
    """Reads reference pictures; may be shared between threads. `fetcher` is bounded to the size of a picture."""

    def __init__(self, assets: AssetRows, blobs: Blobs, fetcher: UrlFetcher, decoders: Decoders) -> None:
        self._assets = assets
        self._blobs = blobs
        self._fetcher = fetcher
        self._decoders = decoders

    def read(
        self, source: Source | KeptFile, at: str, most: int, side: int, account: str, cancel: Cancel
    ) -> StillPicture:
        """The picture with its longer side at most `side` pixels. `at` names the parameter in errors.

        Raises what contract 10.3 says of a picture that cannot be had, is none, or has more than `most` bytes.
        """
        with self._file(source, at, account, cancel) as stored:
            if stored.bytes > most:
                reason = f"The image has {stored.bytes / MB:.1f} MB; at most {most // MB} MB are accepted."
                raise ParameterInvalid(p=at, reason=reason)
            try:
                cutout = self._decoders.cutout(stored.path, side, cancel)
            except PictureRefused as error:
                raise ParameterInvalid(p=at, reason=error.reason) from error
            return StillPicture(stored.sha256, stored.path.read_bytes(), cutout)

    @contextmanager
    def _file(self, source: Source | KeptFile, at: str, account: str, cancel: Cancel) -> Iterator[Stored]:
        with ExitStack() as held:
            match source:
                case UrlSource(url=url):
                    incoming = held.enter_context(self._blobs.begin())
                    with _picture_errors(at):
                        self._fetcher.fetch(url, incoming, cancel)
                    yield incoming.finish()
                case Base64Source(text=text):
                    incoming = held.enter_context(self._blobs.begin())
                    incoming.write(decode_base64(text, at))
                    yield incoming.finish()
                case AssetSource(asset_id=asset_id):
                    content = self._of_asset(asset_id, at, account)
                    yield self._kept(content, at, held, cancel)
                case KeptFile(content=content):
                    yield self._kept(content, at, held, cancel)

    def check_asset(self, asset_id: str, at: str, account: str) -> None:
        """Raises when the asset is not there, has failed, or is known to be no image."""
        asset = self._assets.get(account, asset_id)
        if asset is None:
            raise ResourceNotExist(id=asset_id, collection="assets")
        if asset.status == "failed":
            raise ParameterInvalid(p=at, reason=f"The status of the asset is failed: {asset.error}")
        if asset.status == "ready" and asset.kind != "image":
            raise ParameterInvalid(p=at, reason=f"The asset is of type {asset.kind}; an image is needed.")

    def _of_asset(self, asset_id: str, at: str, account: str) -> str:
        self.check_asset(asset_id, at, account)
        asset = self._assets.get(account, asset_id)
        if asset is None:
            raise ResourceNotExist(id=asset_id, collection="assets")
        if asset.status != "ready" or asset.content is None:
            raise AssetNotReady(p=at, reason="The status of the asset is processing; it has to be ready.")
        return asset.content

    def _kept(self, content: str, at: str, held: ExitStack, cancel: Cancel) -> Stored:
        try:
            path: Path = held.enter_context(self._blobs.borrow(content, cancel))
        except FileNotFoundError as error:
            raise ParameterInvalid(p=at, reason="The image is no longer kept.") from error
        return Stored(path, content, path.stat().st_size)


@contextmanager
def _picture_errors(at: str) -> Iterator[None]:
    try:
        with url_errors(at):
            yield
    except VideoFilesizeTooLarge as error:
        raise ParameterInvalid(p=at, reason="The image is too large.") from error

"""The words for assets as they are kept: what one is, what looking into its file has shown, which ones are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from kinoscribe import clock, ids
from kinoscribe.contract.video import VideoFacts
from kinoscribe.storage.blobs import Stored

Status = Literal["processing", "ready", "failed"]
Kind = Literal["video", "image", "audio", "document"]
Metadata = dict[str, Any]
Decided = Callable[[Connection, "Asset"], None]
Beside = Callable[[Connection, "Asset"], None]


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset. `content` is the SHA-256 of its file, unset until the file is here; it comes from `url`, or out of
    the chunks of the upload `upload_id` once they are all here.

    `size`, `duration` (seconds), `technical` and `facts` are set when the asset is ready, as far as they apply.
    """

    id: str
    account: str
    method: str
    status: Status
    filename: str
    file_type: str
    kind: Kind | None
    url: str | None
    content: str | None
    size: int | None
    duration: float | None
    technical: dict[str, Any] | None
    facts: VideoFacts | None
    user_metadata: Metadata | None
    error: str | None
    created_at: datetime
    upload_id: str | None = None
    wants_thumbnail: bool = False
    has_thumbnail: bool = False


def processing_asset(
    account: str,
    method: str,
    filename: str,
    file_type: str,
    user_metadata: Metadata | None,
    stored: Stored | None = None,
    url: str | None = None,
    wants_thumbnail: bool = False,
) -> Asset:
    """A new asset that nobody has looked into, with the file `stored` if it is here."""
    return Asset(
        id=ids.new_object_id(),
        account=account,
        method=method,
        status="processing",
        filename=filename,
        file_type=file_type,
        kind=None,
        url=url,
        content=stored.sha256 if stored else None,
        size=stored.bytes if stored else None,
        duration=None,
        technical=None,
        facts=None,
        user_metadata=user_metadata or None,
        error=None,
        created_at=clock.now(),
        upload_id=None,
        wants_thumbnail=wants_thumbnail,
    )


@dataclass(frozen=True, slots=True)
class Examined:
    """What looking into an asset's file has shown."""

    kind: Kind
    file_type: str
    duration: float | None = None
    technical: dict[str, Any] | None = None
    facts: VideoFacts | None = None
    thumbnail: bytes | None = None

    def shown_by(self, jpeg: bytes | None) -> Examined:
        """The same with a small picture of it."""
        return replace(self, thumbnail=jpeg)


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Which assets a list shows; an empty tuple or `None` means all. `filename` is a part of it in any case."""

    asset_ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Who looks into a new asset first, and for how many seconds nobody else may."""

    owner: str
    seconds: float


def no_one(_connection: Connection, _asset: Asset) -> None:
    """Tells nobody that an asset became ready or failed."""

"""The words for uploads in chunks as they are kept: sessions, chunks, what a report did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kinoscribe import ids
from kinoscribe.storage.asset_record import Asset, Metadata, processing_asset

Status = Literal["active", "completed", "failed", "expired"]
Kept = Literal["kept", "overtaken", "ended"]


class TooManyOpen(Exception):
    """The account has as many open uploads, or as many bytes in them, as it may have."""

    def __init__(self, count: int, size: int) -> None:
        super().__init__(f"{count} uploads of {size} bytes")
        self.count = count
        self.size = size


@dataclass(frozen=True, slots=True)
class Upload:
    """One session. The asset is there from its beginning; sizes are in bytes."""

    id: str
    asset_id: str
    account: str
    status: Status
    total_size: int
    chunk_size: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of which something has come. Without an `etag` its bytes are being replaced."""

    number: int
    bytes: int
    etag: str | None
    reported_at: datetime | None
    updated_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many chunks of an upload were reported and turned out bad, and the bytes of the reported ones."""

    completed: int = 0
    failed: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Proven:
    """A chunk that a client says it has sent, and the proof for it."""

    number: int
    proof: str


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a report. `wrong` is the place of the first chunk with a wrong proof: then nothing was kept."""

    upload: Upload
    processed: int = 0
    duplicates: int = 0
    completed: int = 0
    wrong: int | None = None


def new_asset(
    account: str, filename: str, file_type: str, user_metadata: Metadata | None, *, wants_thumbnail: bool
) -> Asset:
    """The asset that an upload in chunks is for, as long as its file is not here."""
    return processing_asset(
        account, "multipart", filename, file_type, user_metadata, wants_thumbnail=wants_thumbnail
    )


def new_upload(asset: Asset, total_size: int, chunk_size: int) -> Upload:
    """A session that is not kept yet; its times are set when it is."""
    then = asset.created_at
    return Upload(
        ids.new_object_id(), asset.id, asset.account, "active", total_size, chunk_size, then, then, then
    )

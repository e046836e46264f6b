"""Turns bodies of the multipart upload routes into checked values, and sessions into their objects (contract 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kinoscribe.contract.assets import Metadata, check_metadata, kept
from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.limits import UPLOAD_CHUNKS, UPLOAD_IMAGE_BYTES, UPLOAD_URLS
from kinoscribe.contract.times import rfc3339

UPLOAD_TYPES = ("video", "audio", "image")
STATUSES = ("active", "completed", "failed", "expired")
CHUNK_STATUSES = ("completed", "pending", "failed")

_PROOF_TYPE = "etag"
_FORM = (
    "filename",
    "type",
    "total_size",
    "enable_hls",
    "enable_thumbnail",
    "user_metadata",
)
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class UploadForm:
    """What a new upload says of its file. `total_size` is in bytes; the type is only what the client believes."""

    filename: str
    type: str
    total_size: int
    user_metadata: Metadata
    enable_thumbnail: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """How a file of `total_size` bytes is cut: every chunk but the last has `chunk_size` bytes, the first is 1."""

    total_size: int
    chunk_size: int

    @property
    def total_chunks(self) -> int:
        return -(-self.total_size // self.chunk_size)

    def size_of(self, number: int) -> int:
        """The bytes that chunk `number` must have."""
        assert 1 <= number <= self.total_chunks
        return min(self.chunk_size, self.total_size - (number - 1) * self.chunk_size)


@dataclass(frozen=True, slots=True)
class UrlRange:
    """The chunks `start` to `start + count - 1`."""

    start: int
    count: int

    @property
    def numbers(self) -> range:
        return range(self.start, self.start + self.count)


@dataclass(frozen=True, slots=True)
class ReportedChunk:
    """A chunk that the client says it has sent. `path` names it in errors."""

    number: int
    proof: str
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """Where a chunk may be sent, and until when."""

    number: int
    url: str
    expires_at: datetime


def cut_for(total_size: int, wished: int) -> Cut:
    """The cut in chunks of `wished` bytes, or of as many whole MiB as keep the chunks countable."""
    least = -(-total_size // UPLOAD_CHUNKS)
    return Cut(total_size, wished if wished >= least else -(-least // _MIB) * _MIB)


def read_upload(body: bytes, *, most: int) -> UploadForm:
    """The body of `POST /assets/multipart-uploads`. `most` are the bytes a file may have. Raises an `ApiError`."""
    fields = read_object(body)
    fields.refuse_unknown(_FORM)
    filename = fields.needed_text("filename")
    fields.required("type")
    kind = fields.choice("type", UPLOAD_TYPES)
    assert kind is not None
    most = min(most, UPLOAD_IMAGE_BYTES) if kind == "image" else most
    total_size = _whole(fields, "total_size", 1, most, f"1 to {most} bytes for the type {kind}")
    fields.boolean("enable_hls")
    thumbnail = fields.boolean("enable_thumbnail") or False
    given = fields.raw("user_metadata")
    metadata = {} if given is None else kept(check_metadata(given))
    return UploadForm(filename, kind, total_size, metadata, thumbnail)


def read_url_range(body: bytes, total_chunks: int) -> UrlRange:
    """The body of `POST .../presigned-urls`. Raises an `ApiError`, also for chunks that the file does not have."""
    fields = read_object(body)
    fields.refuse_unknown(("start", "count"))
    start = _whole(fields, "start", 1, total_chunks, f"1 to {total_chunks}, the last chunk")
    count = _whole(fields, "count", 1, UPLOAD_URLS, f"1 to {UPLOAD_URLS}")
    if start + count - 1 > total_chunks:
        reason = f"{count} from chunk {start} on go beyond the last chunk, which is {total_chunks}."
        raise ParameterInvalid(p="count", reason=reason)
    return UrlRange(start, count)


def read_report(body: bytes, cut: Cut) -> tuple[ReportedChunk, ...]:
    """The body of `POST /assets/multipart-uploads/{upload_id}`. Raises an `ApiError`, also for a wrong size."""
    fields = read_object(body)
    fields.refuse_unknown(("completed_chunks",))
    fields.required("completed_chunks")
    given = fields.inners("completed_chunks") or []
    if not given:
        raise ParameterInvalid(p="completed_chunks", reason="It must name one chunk at least.")
    return tuple(_reported(chunk, cut) for chunk in given)


def urls_object(urls: Iterable[SignedUrl]) -> list[dict[str, Any]]:
    """The URLs as clients read them."""
    return [
        {"chunk_index": url.number, "url": url.url, "expires_at": rfc3339(url.expires_at)} for url in urls
    ]


def opened_object(
    *, upload_id: str, asset_id: str, cut: Cut, urls: Iterable[SignedUrl], expires_at: datetime
) -> dict[str, Any]:
    """The answer to the creation of a session."""
    return {
        "upload_id": upload_id,
        "asset_id": asset_id,
        "upload_urls": urls_object(urls),
        "upload_headers": {},
        "chunk_size": cut.chunk_size,
        "total_chunks": cut.total_chunks,
        "expires_at": rfc3339(expires_at),
    }


def more_urls_object(
    *,
    upload_id: str,
    wanted: UrlRange,
    urls: Iterable[SignedUrl],
    generated_at: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    """The answer to a wish for more URLs."""
    return {
        "upload_id": upload_id,
        "start_index": wanted.start,
        "count": wanted.count,
        "upload_urls": urls_object(urls),
        "generated_at": rfc3339(generated_at),
        "expires_at": rfc3339(expires_at),
    }


def report_object(
    *, asset_id: str, processed: int, duplicates: int, completed: int, url: str | None
) -> dict[str, Any]:
    """The answer to a report. `url` is that of the asset, and is only told when all chunks are in."""
    shown: dict[str, Any] = {
        "asset_id": asset_id,
        "processed_chunks": processed,
        "duplicate_chunks": duplicates,
        "total_completed": completed,
    }
    return shown if url is None else {**shown, "url": url}


def chunk_object(
    *, number: int, status: str, uploaded_at: datetime | None, updated_at: datetime, error: str | None = None
) -> dict[str, Any]:
    """One chunk in the status of a session. It was uploaded when it was reported and its proof was right."""
    shown: dict[str, Any] = {
        "index": number,
        "status": status,
        "uploaded_at": None if uploaded_at is None else rfc3339(uploaded_at),
        "updated_at": rfc3339(updated_at),
    }
    return shown if error is None else {**shown, "error": error}


def status_object(
    *,
    upload_id: str,
    status: str,
    cut: Cut,
    chunks: list[dict[str, Any]],
    completed: int,
    failed: int,
    uploaded_size: int,
    page_info: Mapping[str, int],
    created_at: datetime,
    updated_at: datetime,
) -> dict[str, Any]:
    """The status of a session with one page of its chunks."""
    return {
        "upload_id": upload_id,
        "status": status,
        "uploaded_chunks": chunks,
        "chunks_completed": completed,
        "chunks_failed": failed,
        "chunks_pending": cut.total_chunks - completed - failed,
        "page_info": dict(page_info),
        "total_size": cut.total_size,
        "uploaded_size": uploaded_size,
        "created_at": rfc3339(created_at),
        "updated_at": rfc3339(updated_at),
    }


def summary_object(
    *, upload_id: str, status: str, cut: Cut, created_at: datetime, expires_at: datetime
) -> dict[str, Any]:
    """One session in the list."""
    return {
        "upload_id": upload_id,
        "status": status,
        "total_size": cut.total_size,
        "chunk_size": cut.chunk_size,
        "total_chunks": cut.total_chunks,
        "created_at": rfc3339(created_at),
        "expires_at": rfc3339(expires_at),
    }


def _reported(chunk: Fields, cut: Cut) -> ReportedChunk:
    last = cut.total_chunks
    number = _whole(chunk, "chunk_index", 1, last, f"1 to {last}, the last chunk")
    proof = chunk.needed_text("proof").strip().removeprefix("W/").strip('"').lower()
    chunk.required("proof_type")
    chunk.choice("proof_type", (_PROOF_TYPE,))
    size = cut.size_of(number)
    _whole(chunk, "chunk_size", size, size, f"{size}, the bytes of chunk {number}")
    return ReportedChunk(number, proof, size, chunk.path)


def _whole(fields: Fields, name: str, least: int, most: int, accepted: str) -> int:
    """A whole number that must be there and lie within its bounds."""
    fields.required(name)
    number = fields.integer(name)
    assert number is not None
    if not least <= number <= most:
        shown = number if abs(number) < 10**18 else "a number far beyond that"
        raise ParameterInvalid(p=fields.at(name), reason=f"{shown} was given; {accepted} is accepted.")
    return number

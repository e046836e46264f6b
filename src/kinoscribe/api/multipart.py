"""Turns calls about uploads in chunks into sessions, signed URLs and stored chunks (contract 13)."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe import clock
from kinoscribe.api.door import Call
from kinoscribe.api.once import once_for, replayed
from kinoscribe.api.request_body import Body, read_json_body
from kinoscribe.api.threads import in_thread_to_the_end
from kinoscribe.api.uploads import harmless_name
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import (
    ApiError,
    ParameterInvalid,
    ResourceNotExist,
    TooManyUploads,
)
from kinoscribe.contract.idempotency import digest_json
from kinoscribe.contract.limits import UPLOAD_FIRST_URLS
from kinoscribe.contract.paging import page_info, read_page
from kinoscribe.contract.shown import show
from kinoscribe.contract.times import rfc3339
from kinoscribe.contract.uploads import (
    Cut,
    SignedUrl,
    UploadForm,
    UrlRange,
    chunk_object,
    cut_for,
    more_urls_object,
    opened_object,
    read_report,
    read_upload,
    read_url_range,
    report_object,
    status_object,
    summary_object,
)
from kinoscribe.ids import is_object_id
from kinoscribe.sources.multipart import ChunkWriter
from kinoscribe.storage.asset_record import Asset
from kinoscribe.storage.idempotency_rows import Once, Replay
from kinoscribe.storage.upload_record import Chunk, Proven, TooManyOpen, Upload, new_asset, new_upload

_ROUTE = "POST /assets/multipart-uploads"
_COLLECTION = "multipart-uploads"
_BODY_BYTES = 1024 * 1024
# A report may name every chunk of the largest upload at once.
_REPORT_BYTES = 4 * 1024 * 1024

Result = TypeVar("Result")


async def create(call: Call) -> Response:
    """`POST /assets/multipart-uploads`: 201 with the session, its asset and the first URLs."""
    settings = call.house.tools.settings
    body = await _body(call, _BODY_BYTES)
    wanted = read_upload(body, most=settings.max_multipart_bytes)
    cut = cut_for(wanted.total_size, settings.upload_chunk_bytes)
    once: Once[Upload] | None = once_for(
        call, _ROUTE, partial(digest_json, body), 201, partial(_opened, call)
    )
    opened = await in_thread_to_the_end(partial(_open, call, wanted, cut, once), Cancel(), call.house.uploads)
    if isinstance(opened, Replay):
        return replayed(opened.status, opened.body)
    return JSONResponse(_opened(call, opened), status_code=201)


async def find(call: Call) -> Response:
    """`GET /assets/multipart-uploads`: the sessions that can still go on, newest first."""
    page = read_page(call.request.query_params)
    rows = call.house.tools.uploads.rows
    found, total = await _small(call, partial(rows.page, call.account.name, page=page.page, limit=page.limit))
    data = [
        summary_object(
            upload_id=upload.id,
            status=upload.status,
            cut=_cut(upload),
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )
        for upload in found
    ]
    return JSONResponse({"data": data, "page_info": page_info(page, total)})


async def retrieve(call: Call) -> Response:
    """`GET /assets/multipart-uploads/{upload_id}`: the session and one page of its chunks."""
    upload_id = _named(call)
    page = read_page(call.request.query_params)
    numbers = range(page.offset + 1, page.offset + page.limit + 1)
    rows = call.house.tools.uploads.rows
    found = await _small(call, partial(rows.status, call.account.name, upload_id, numbers))
    if found is None:
        raise ResourceNotExist(id=upload_id, collection=_COLLECTION)
    upload, chunks, counts = found
    cut = _cut(upload)
    shown = [_chunk(upload, n, chunks.get(n)) for n in numbers if n <= cut.total_chunks]
    return JSONResponse(
        status_object(
            upload_id=upload.id,
            status=upload.status,
            cut=cut,
            chunks=shown,
            completed=counts.completed,
            failed=counts.failed,
            uploaded_size=counts.bytes,
            page_info=page_info(page, cut.total_chunks),
            created_at=upload.created_at,
            updated_at=upload.updated_at,
        )
    )


async def more_urls(call: Call) -> Response:
    """`POST /assets/multipart-uploads/{upload_id}/presigned-urls`: fresh URLs for some of the chunks."""
    body = await _body(call, _BODY_BYTES)
    upload = _active(await _there(call))
    wanted = read_url_range(body, _cut(upload).total_chunks)
    now = clock.now()
    urls = _urls(call, upload, wanted, now)
    return JSONResponse(
        more_urls_object(
            upload_id=upload.id,
            wanted=wanted,
            urls=urls,
            generated_at=now,
            expires_at=urls[0].expires_at,
        )
    )


async def report(call: Call) -> Response:
    """`POST /assets/multipart-uploads/{upload_id}`: settles chunks; the last one completes the upload."""
    body = await _body(call, _REPORT_BYTES)
    upload = _going(await _there(call))
    said = read_report(body, _cut(upload))
    rows = call.house.tools.uploads.rows
    proven = [Proven(chunk.number, chunk.proof) for chunk in said]
    settle = partial(rows.report, call.account.name, upload.id, proven)
    told = await in_thread_to_the_end(settle, Cancel(), call.house.small)
    if told is None:
        raise ResourceNotExist(id=upload.id, collection=_COLLECTION)
    if told.wrong is not None:
        chunk = said[told.wrong]
        reason = f"{show(chunk.proof)} is not the ETag of what has come of chunk {chunk.number}."
        raise ParameterInvalid(p=f"{chunk.path}.proof", reason=reason)
    _going(told.upload)
    whole = told.upload.status == "completed"
    if whole:
        call.house.first_look.ring()
    return JSONResponse(
        report_object(
            asset_id=upload.asset_id,
            processed=told.processed,
            duplicates=told.duplicates,
            completed=told.completed,
            url=f"{call.base_url}/assets/{upload.asset_id}" if whole else None,
        )
    )


async def put_chunk(call: Call) -> Response:
    """`PUT` to a signed URL: 200 with the ETag of the chunk. The signature stands in for the key."""
    body = Body(call.request)
    try:
        etag = await _receive(body, partial(_begin, call, *_signed(call), body.announced), call.house.uploads)
    except ApiError:
        await body.drain()
        raise
    return Response(status_code=200, headers={"ETag": f'"{etag}"'})


async def _receive(body: Body, begin: Callable[[], ChunkWriter], threads: CapacityLimiter) -> str:
    """Writes a chunk as it comes, in threads; whatever ends this call also ends its writer."""
    writer = await in_thread_to_the_end(begin, Cancel(), threads)
    try:
        await body.into(writer.write, threads)
        return await in_thread_to_the_end(partial(_finish, writer), Cancel(), threads)
    finally:
        if not writer.is_closed:
            with CancelScope(shield=True):
                await to_thread.run_sync(writer.close, limiter=threads)


def _signed(call: Call) -> tuple[str, int]:
    """The session and the number of the chunk that a signed URL is for."""
    upload_id: str = call.request.path_params["upload_id"]
    query = call.request.query_params
    said = (call.request.path_params["number"], query.get("expires", ""), query.get("signature", ""))
    return upload_id, call.house.chunk_urls.check(upload_id, *said)


def _begin(call: Call, upload_id: str, number: int, announced: int) -> ChunkWriter:
    """A writer of the chunk. `announced` are the bytes that the client said would come, or 0."""
    uploads = call.house.tools.uploads
    upload = uploads.rows.get(None, upload_id)
    if upload is None:
        raise ResourceNotExist(id=upload_id, collection=_COLLECTION)
    size = _cut(_active(upload)).size_of(number)
    if announced and announced != size:
        reason = f"Chunk {number} has {size} bytes; {announced} were announced."
        raise ParameterInvalid(p="request body", reason=reason)
    return uploads.writer(upload, number, size)


def _finish(writer: ChunkWriter) -> str:
    with closing(writer):
        return writer.finish()


def _open(call: Call, wanted: UploadForm, cut: Cut, once: Once[Upload] | None) -> Upload | Replay:
    """A new session; its bytes get their place first, and lose it when there is no session after all."""
    settings, uploads = call.house.tools.settings, call.house.tools.uploads
    asset = _asset(call, wanted)
    upload = new_upload(asset, cut.total_size, cut.chunk_size)
    opened: Upload | Replay | None = None
    try:
        uploads.begin(upload)
        opened = uploads.rows.open(
            asset,
            upload,
            seconds=settings.upload_seconds,
            most_open=settings.uploads_open,
            most_bytes=settings.uploads_open_bytes,
            once=once,
        )
    except TooManyOpen as error:
        most = f"{settings.uploads_open} uploads and {settings.uploads_open_bytes} bytes"
        raise TooManyUploads(open=f"{error.count} uploads of {error.size} bytes", most=most) from error
    finally:
        if not isinstance(opened, Upload):
            uploads.drop(upload.id)
    return opened


def _asset(call: Call, wanted: UploadForm) -> Asset:
    filename = harmless_name(wanted.filename)
    return new_asset(
        call.account.name,
        filename,
        mimetypes.guess_type(filename)[0] or "application/octet-stream",
        dict(wanted.user_metadata),
        wants_thumbnail=wanted.enable_thumbnail,
    )


def _opened(call: Call, upload: Upload) -> dict[str, Any]:
    cut = _cut(upload)
    first = UrlRange(1, min(UPLOAD_FIRST_URLS, cut.total_chunks))
    return opened_object(
        upload_id=upload.id,
        asset_id=upload.asset_id,
        cut=cut,
        urls=_urls(call, upload, first, upload.created_at),
        expires_at=upload.expires_at,
    )


def _urls(call: Call, upload: Upload, wanted: UrlRange, moment: datetime) -> list[SignedUrl]:
    """URLs that are signed at `moment`."""
    urls, base = call.house.chunk_urls, call.base_url
    return [urls.sign(base, upload.id, number, moment) for number in wanted.numbers]


def _chunk(upload: Upload, number: int, chunk: Chunk | None) -> dict[str, Any]:
    """A chunk that has come but was not reported is pending like one that has not (contract 13)."""
    if chunk is None:
        return chunk_object(number=number, status="pending", uploaded_at=None, updated_at=upload.created_at)
    status = "failed" if chunk.error else "completed" if chunk.reported_at else "pending"
    return chunk_object(
        number=number,
        status=status,
        uploaded_at=chunk.reported_at,
        updated_at=chunk.updated_at,
        error=chunk.error,
    )


def _cut(upload: Upload) -> Cut:
    return Cut(upload.total_size, upload.chunk_size)


def _active(upload: Upload) -> Upload:
    """Raises `ParameterInvalid` for a session to which nothing can be added."""
    if _going(upload).status == "completed":
        raise ParameterInvalid(p="upload_id", reason="All chunks of this upload have been reported.")
    return upload


def _going(upload: Upload) -> Upload:
    """Raises `ParameterInvalid` for a session that has expired or failed."""
    match upload.status:
        case "expired":
            reason = f"This upload expired at {rfc3339(upload.expires_at)}. Begin a new one."
        case "failed":
            reason = "This upload has failed. Begin a new one."
        case _:
            return upload
    raise ParameterInvalid(p="upload_id", reason=reason)


async def _there(call: Call) -> Upload:
    upload_id, rows = _named(call), call.house.tools.uploads.rows
    upload = await _small(call, partial(rows.get, call.account.name, upload_id))
    if upload is None:
        raise ResourceNotExist(id=upload_id, collection=_COLLECTION)
    return upload


def _named(call: Call) -> str:
    upload_id: str = call.request.path_params["upload_id"]
    if not is_object_id(upload_id):
        reason = f"{show(upload_id)} was given; 24 lower-case hexadecimal characters are accepted."
        raise ParameterInvalid(p="upload_id", reason=reason)
    return upload_id


async def _body(call: Call, most: int) -> bytes:
    with call.house.bodies.place() as place:
        return await read_json_body(call.request, most, place)


async def _small(call: Call, work: Callable[[], Result]) -> Result:
    return await to_thread.run_sync(work, limiter=call.house.small)

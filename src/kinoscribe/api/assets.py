"""Turns calls about assets into rows and files, and rows into the asset objects of the wire (contract 12)."""

import asyncio
import mimetypes
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.api.asset_files import AssetFiles
from kinoscribe.api.door import Call
from kinoscribe.api.once import once_for, replayed
from kinoscribe.api.request_body import read_json_body
from kinoscribe.api.threads import in_thread_to_the_end
from kinoscribe.api.uploads import Form, harmless_name, read_form
from kinoscribe.cancel import Cancel
from kinoscribe.contract.assets import (
    AssetForm,
    asset_object,
    merged,
    read_asset_form,
    read_asset_query,
    read_flag,
    read_metadata_change,
)
from kinoscribe.contract.errors import ParameterNotProvided, ResourceNotExist
from kinoscribe.contract.idempotency import digest_form
from kinoscribe.contract.paging import page_info, read_page
from kinoscribe.contract.sources import check_asset_id
from kinoscribe.storage.api_key_rows import hold_key
from kinoscribe.storage.asset_rows import Asset, AssetFilter, Metadata
from kinoscribe.storage.idempotency_rows import Once, Replay

_ROUTE = "POST /assets"

# How long an upload waits for its verdict, so that clients that do not poll see `ready` at once.
_VERDICT_SECONDS = 1.0
_METADATA_BYTES = 1024 * 1024

Result = TypeVar("Result")


async def create(call: Call) -> Response:
    """`POST /assets`: 201 with the asset, `ready` when that is known at once and else `processing`.

    With an `Idempotency-Key` the first answer is the one that is kept, so it does not wait for `ready`.
    """
    if call.request.headers.get("content-length") == "0":
        raise ParameterNotProvided(p="method")
    most = call.house.tools.settings.max_upload_bytes
    files = AssetFiles(call, _ROUTE)
    async with read_form(
        call.request, files.begin, most=most, limiter=call.house.uploads, admit=files.admit
    ) as form:
        wanted = read_asset_form(form.fields, has_file=form.file is not None)
        add = partial(_add, call, wanted, form, files)
        added = await in_thread_to_the_end(add, Cancel(), call.house.uploads)
    match added:
        case Replay(status=status, body=body):
            return replayed(status, body)
        case asset, kept:
            return JSONResponse(shown(await _begin(call, asset, wait=not kept), call), status_code=201)


async def find(call: Call) -> Response:
    """`GET /assets`: one page, newest first."""
    wanted = read_asset_query(call.request.query_params.multi_items())
    page = read_page(call.request.query_params)
    narrowed = AssetFilter(wanted.asset_ids, wanted.asset_types, wanted.filename)
    rows = call.house.tools.assets
    assets, total = await _small(
        call, lambda: rows.page(call.account.name, narrowed, page=page.page, limit=page.limit)
    )
    return JSONResponse(
        {"data": [shown(asset, call) for asset in assets], "page_info": page_info(page, total)}
    )


async def retrieve(call: Call) -> Response:
    """`GET /assets/{asset_id}`."""
    asset_id, rows = _named(call), call.house.tools.assets
    asset = await _small(call, lambda: rows.get(call.account.name, asset_id))
    return JSONResponse(shown(_there(asset, asset_id), call))


async def delete(call: Call) -> Response:
    """`DELETE /assets/{asset_id}`: 409 while it is in an index, unless `force`; then its videos go with it."""
    asset_id, rows = _named(call), call.house.tools.assets
    force = read_flag(call.request.query_params.get("force"), "force")
    with_chunks = partial(call.house.tools.uploads.remove_with, call.account.name, asset_id)
    if not await _small(
        call, lambda: with_chunks(lambda: rows.remove(call.account.name, asset_id, force=force))
    ):
        raise ResourceNotExist(id=asset_id, collection="assets")
    return Response(status_code=204)


async def merge_metadata(call: Call) -> Response:
    """`PATCH /assets/{asset_id}/user-metadata`: null deletes a key."""
    asset_id = _named(call)
    change = read_metadata_change(await _metadata(call))
    return await _change(call, asset_id, lambda old: merged(old, change))


async def replace_metadata(call: Call) -> Response:
    """`PUT /assets/{asset_id}/user-metadata`."""
    asset_id = _named(call)
    change = read_metadata_change(await _metadata(call))
    return await _change(call, asset_id, lambda _old: merged({}, change))


async def clear_metadata(call: Call) -> Response:
    """`DELETE /assets/{asset_id}/user-metadata`."""
    return await _change(call, _named(call), lambda _old: {})


def shown(asset: Asset, call: Call | None = None) -> dict[str, Any]:
    """The asset as clients see it; for a call also with the URL of its thumbnail, where it has one."""
    depicted = call is not None and asset.has_thumbnail
    return asset_object(
        asset_id=asset.id,
        method=asset.method,
        status=asset.status,
        filename=asset.filename,
        file_type=asset.file_type,
        created_at=asset.created_at,
        user_metadata=asset.user_metadata,
        size=asset.size,
        duration=asset.duration,
        technical=asset.technical,
        error=asset.error,
        thumbnail_url=call.house.thumbnail_urls.sign(call.base_url, asset.id) if call and depicted else None,
    )


def _add(call: Call, wanted: AssetForm, form: Form, files: AssetFiles) -> Replay | tuple[Asset, bool]:
    """The row of a new asset, with its file when there is one, and whether its answer was kept for a repetition."""
    name = wanted.filename or form.filename
    if wanted.url is not None and not name:
        name = unquote(urlsplit(wanted.url).path)
    filename = harmless_name(name or "")
    stored = form.stored()
    digest = partial(digest_form, form.fields.items(), stored.sha256 if stored else None)
    once: Once[Asset] | None = once_for(call, _ROUTE, digest, 201, shown)
    rows = call.house.tools.assets
    add = rows.add if once is None else partial(rows.add_once, once=once)
    added = add(
        call.account.name,
        method=wanted.method,
        filename=filename,
        file_type=mimetypes.guess_type(filename)[0] or "application/octet-stream",
        user_metadata=dict(wanted.user_metadata),
        stored=stored,
        url=wanted.url,
        hold=None if stored is None else call.house.first_look.hold,
        wants_thumbnail=wanted.enable_thumbnail,
        beside=lambda db, _asset: hold_key(db, call.account.key_id),
        reserved=files.reserved,
    )
    return added if isinstance(added, Replay) else (added, once is not None)


async def _begin(call: Call, asset: Asset, *, wait: bool) -> Asset:
    """Has the asset looked into, and waits a moment for a good verdict."""
    if asset.content is None:
        call.house.first_look.ring()
        return asset
    decided = asyncio.wrap_future(call.house.first_look.take(asset))
    if wait:
        with suppress(asyncio.CancelledError):  # the asset is there, and is told even when the server ends
            await asyncio.wait({decided}, timeout=_VERDICT_SECONDS)
        verdict = decided.result() if decided.done() else None
        if verdict is not None and verdict.status == "ready":
            return verdict
    return asset


async def _metadata(call: Call) -> bytes:
    with call.house.bodies.place() as place:
        return await read_json_body(call.request, _METADATA_BYTES, place)


async def _change(call: Call, asset_id: str, change: Callable[[Metadata], Metadata]) -> Response:
    rows = call.house.tools.assets
    _there(await _small(call, lambda: rows.change_metadata(call.account.name, asset_id, change)), asset_id)
    return Response(status_code=204)


async def _small(call: Call, work: Callable[[], Result]) -> Result:
    return await to_thread.run_sync(work, limiter=call.house.small)


def _named(call: Call) -> str:
    asset_id: str = call.request.path_params["asset_id"]
    return check_asset_id(asset_id, "asset_id")


def _there(asset: Asset | None, asset_id: str) -> Asset:
    if asset is None:
        raise ResourceNotExist(id=asset_id, collection="assets")
    return asset

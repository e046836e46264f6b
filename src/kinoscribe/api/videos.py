"""Turns calls about the videos of an index, also as its indexed assets, into rows and objects (contract 14)."""

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import Call
from kinoscribe.api.indexes import id_in_path, named_index, small
from kinoscribe.api.request_body import read_json_body
from kinoscribe.contract.assets import merged, read_metadata_change
from kinoscribe.contract.errors import ResourceNotExist
from kinoscribe.contract.paging import Page, page_info, read_page
from kinoscribe.contract.sources import check_asset_id
from kinoscribe.contract.videos import read_indexed_asset, read_video_query, video_object
from kinoscribe.storage.video_rows import Video

_BODY_BYTES = 1024 * 1024

_INDEXED = "indexed-assets"
_VIDEOS = "videos"


async def index_asset(call: Call) -> Response:
    """`POST /indexes/{index_id}/indexed-assets`: 202; the id serves as `video_id` once it is ready."""
    index_id = id_in_path(call)
    asset_id = read_indexed_asset(await _body(call))
    await named_index(call)
    rows, account = call.house.tools.videos, call.account.name
    video = await small(call, lambda: rows.add(account, index_id, asset_id))
    call.house.tools.wake.ring()
    return JSONResponse({"_id": video.id, "asset_id": video.asset_id}, status_code=202)


async def find_indexed(call: Call) -> Response:
    """`GET /indexes/{index_id}/indexed-assets`: one page."""
    found, page, total = await _page(call)
    data = [shown(video, as_asset=True) for video in found]
    return JSONResponse({"data": data, "page_info": page_info(page, total)})


async def retrieve_indexed(call: Call) -> Response:
    """`GET /indexes/{index_id}/indexed-assets/{indexed_asset_id}`."""
    return JSONResponse(shown(await _named(call, _INDEXED), as_asset=True))


async def change_indexed(call: Call) -> Response:
    """`PATCH /indexes/{index_id}/indexed-assets/{indexed_asset_id}`: user metadata, null deletes a key."""
    return await _change(call, _INDEXED)


async def delete_indexed(call: Call) -> Response:
    """`DELETE /indexes/{index_id}/indexed-assets/{indexed_asset_id}`: the asset stays."""
    return await _delete(call, _INDEXED)


async def find(call: Call) -> Response:
    """`GET /indexes/{index_id}/videos`: one page of those that are ready."""
    found, page, total = await _page(call, ready=True)
    return JSONResponse({"data": [shown(video) for video in found], "page_info": page_info(page, total)})


async def retrieve(call: Call) -> Response:
    """`GET /indexes/{index_id}/videos/{video_id}`."""
    return JSONResponse(shown(await _named(call, _VIDEOS)))


async def change(call: Call) -> Response:
    """`PATCH /indexes/{index_id}/videos/{video_id}`: user metadata, null deletes a key."""
    return await _change(call, _VIDEOS)


async def delete(call: Call) -> Response:
    """`DELETE /indexes/{index_id}/videos/{video_id}`: an asset that came with it goes too."""
    return await _delete(call, _VIDEOS)


async def of_asset(call: Call) -> Response:
    """`GET /assets/{asset_id}/indexed-assets`: where an asset is used, newest first."""
    asset_id = check_asset_id(call.request.path_params["asset_id"], "asset_id")
    page, account, tools = read_page(call.request.query_params), call.account.name, call.house.tools
    if await small(call, lambda: tools.assets.get(account, asset_id)) is None:
        raise ResourceNotExist(id=asset_id, collection="assets")
    found, total = await small(
        call, lambda: tools.videos.of_asset(account, asset_id, page=page.page, limit=page.limit)
    )
    data = [{"_id": video.id, "index": {"_id": video.index_id, "name": video.index_name}} for video in found]
    return JSONResponse({"data": data, "page_info": page_info(page, total)})


def shown(video: Video, *, as_asset: bool = False) -> dict[str, Any]:
    """The video as clients see it; as an indexed asset, with its state."""
    return video_object(
        video_id=video.id,
        asset_id=video.asset_id,
        filename=video.filename,
        created_at=video.created_at,
        updated_at=video.updated_at,
        indexed_at=video.indexed_at,
        figures={
            "duration": video.duration,
            "fps": video.fps,
            "width": video.width,
            "height": video.height,
            "size": video.size,
        },
        user_metadata=video.user_metadata,
        status=video.status if as_asset else None,
        error=video.error,
    )


async def _page(call: Call, *, ready: bool = False) -> tuple[tuple[Video, ...], Page, int]:
    query = call.request.query_params
    page, wanted = read_page(query), read_video_query(query.multi_items())
    index = await named_index(call)
    rows, account = call.house.tools.videos, call.account.name
    found, total = await small(
        call,
        lambda: rows.page(account, index.id, wanted, page=page.page, limit=page.limit, only_ready=ready),
    )
    return found, page, total


async def _named(call: Call, collection: str) -> Video:
    index_id, video_id = _ids(call, collection)
    rows, account = call.house.tools.videos, call.account.name
    video = await small(call, lambda: rows.get(account, index_id, video_id))
    if video is None:
        raise ResourceNotExist(id=video_id, collection=collection)
    return video


async def _change(call: Call, collection: str) -> Response:
    index_id, video_id = _ids(call, collection)
    new = read_metadata_change(await _body(call))
    rows, account = call.house.tools.videos, call.account.name
    work: Callable[[], bool] = lambda: rows.change_metadata(  # noqa: E731
        account, index_id, video_id, lambda old: merged(old, new)
    )
    if not await small(call, work):
        raise ResourceNotExist(id=video_id, collection=collection)
    return Response(status_code=204)


async def _delete(call: Call, collection: str) -> Response:
    index_id, video_id = _ids(call, collection)
    rows, account = call.house.tools.videos, call.account.name
    if not await small(call, lambda: rows.remove(account, index_id, video_id)):
        raise ResourceNotExist(id=video_id, collection=collection)
    return Response(status_code=204)


def _ids(call: Call, collection: str) -> tuple[str, str]:
    name = "indexed_asset_id" if collection == _INDEXED else "video_id"
    return id_in_path(call), id_in_path(call, name, collection)


async def _body(call: Call) -> bytes:
    with call.house.bodies.place() as place:
        return await read_json_body(call.request, _BODY_BYTES, place)

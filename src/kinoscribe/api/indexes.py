"""Turns calls about indexes into rows, and rows into the index objects of the wire (contract 14)."""

from collections.abc import Callable
from typing import Any, TypeVar

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import Call
from kinoscribe.api.request_body import read_json_body
from kinoscribe.contract.errors import ResourceNotExist
from kinoscribe.contract.indexes import (
    check_resource_id,
    index_object,
    read_index,
    read_index_query,
    read_new_name,
)
from kinoscribe.contract.paging import page_info, read_page
from kinoscribe.storage.index_rows import KeptIndex

_BODY_BYTES = 256 * 1024

Result = TypeVar("Result")


async def create(call: Call) -> Response:
    """`POST /indexes`: 201 with the id."""
    new = read_index(await _body(call))
    rows, account = call.house.tools.indexes, call.account.name
    return JSONResponse({"_id": await small(call, lambda: rows.add(account, new))}, status_code=201)


async def find(call: Call) -> Response:
    """`GET /indexes`: one page, newest first unless asked otherwise."""
    wanted, page = read_index_query(call.request.query_params), read_page(call.request.query_params)
    rows, account = call.house.tools.indexes, call.account.name
    found, total = await small(call, lambda: rows.page(account, wanted, page=page.page, limit=page.limit))
    return JSONResponse({"data": [shown(index) for index in found], "page_info": page_info(page, total)})


async def retrieve(call: Call) -> Response:
    """`GET /indexes/{index_id}`."""
    return JSONResponse(shown(await named_index(call)))


async def rename(call: Call) -> Response:
    """`PUT /indexes/{index_id}`."""
    index_id = id_in_path(call)
    name = read_new_name(await _body(call))
    rows, account = call.house.tools.indexes, call.account.name
    if not await small(call, lambda: rows.rename(account, index_id, name)):
        raise ResourceNotExist(id=index_id, collection="indexes")
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """`DELETE /indexes/{index_id}`: its videos go too, and with them the assets that came with them."""
    index_id = id_in_path(call)
    rows, account = call.house.tools.indexes, call.account.name
    if not await small(call, lambda: rows.remove(account, index_id)):
        raise ResourceNotExist(id=index_id, collection="indexes")
    return Response(status_code=204)


def shown(index: KeptIndex) -> dict[str, Any]:
    """The index as clients see it."""
    return index_object(
        index_id=index.id,
        name=index.name,
        models=index.models,
        addons=index.addons,
        video_count=index.video_count,
        total_duration=index.total_duration,
        created_at=index.created_at,
        updated_at=index.updated_at,
    )


async def named_index(call: Call) -> KeptIndex:
    """The index in the path. One of another account is as good as none."""
    index_id = id_in_path(call)
    rows, account = call.house.tools.indexes, call.account.name
    index = await small(call, lambda: rows.get(account, index_id))
    if index is None:
        raise ResourceNotExist(id=index_id, collection="indexes")
    return index


def id_in_path(call: Call, name: str = "index_id", collection: str = "indexes") -> str:
    """An id in the path that has the form of one."""
    given: str = call.request.path_params[name]
    return check_resource_id(given, collection)


async def small(call: Call, work: Callable[[], Result]) -> Result:
    """What `work` returns, done in a thread for quick work."""
    return await to_thread.run_sync(work, limiter=call.house.small)


async def _body(call: Call) -> bytes:
    with call.house.bodies.place() as place:
        return await read_json_body(call.request, _BODY_BYTES, place)

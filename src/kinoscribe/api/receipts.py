"""Turns the id of an answer into its receipt."""

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import Call
from kinoscribe.contract.errors import ResourceNotExist


async def retrieve(call: Call) -> Response:
    """`GET /receipts/{generation_id}`: not part of the original API, ignored by its SDKs."""
    wanted = call.request.path_params["generation_id"]
    receipts = call.house.tools.receipts

    def read() -> dict[str, object] | None:
        return receipts.find(call.account.name, wanted)

    body = await to_thread.run_sync(read, limiter=call.house.small)
    if body is None:
        raise ResourceNotExist(id=wanted, collection="receipts")
    return JSONResponse(body)

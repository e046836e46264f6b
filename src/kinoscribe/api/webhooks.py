"""Turns calls about webhooks into rows, and rows into what is told of them and of all that was sent to them."""

from collections.abc import Callable
from typing import Any, TypeVar

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import Call
from kinoscribe.api.request_body import read_json_body
from kinoscribe.contract.errors import ResourceNotExist
from kinoscribe.contract.fields import read_object
from kinoscribe.contract.paging import page_info, read_page
from kinoscribe.contract.webhook_objects import attempt_object, delivery_object, webhook_object
from kinoscribe.contract.webhooks import read_webhook
from kinoscribe.ids import is_object_id
from kinoscribe.storage.delivery_log import Delivery
from kinoscribe.storage.webhook_rows import Webhook
from kinoscribe.tasks.register import register

_BODY_BYTES = 64 * 1024

Result = TypeVar("Result")


async def create(call: Call) -> Response:
    """`POST /webhooks`: 201 with the webhook and its secret, which is never told again."""
    tools = call.house.tools
    with call.house.bodies.place() as place:
        body = await read_json_body(call.request, _BODY_BYTES, place)
    form = read_webhook(read_object(body).as_sent())
    made, secret = await _small(
        call, lambda: register(call.account.name, form, tools.settings, tools.webhooks)
    )
    return JSONResponse(shown(made, secret), status_code=201)


async def find(call: Call) -> Response:
    """`GET /webhooks`: those of the account, oldest first."""
    found = await _small(call, lambda: call.house.tools.webhooks.list(call.account.name))
    return JSONResponse({"data": [shown(webhook) for webhook in found]})


async def retrieve(call: Call) -> Response:
    """`GET /webhooks/{webhook_id}`."""
    return JSONResponse(shown(await _named(call)))


async def delete(call: Call) -> Response:
    """`DELETE /webhooks/{webhook_id}`: what it has not got yet is not sent any more."""
    webhook_id = _id(call)
    if not await _small(call, lambda: call.house.tools.webhooks.remove(call.account.name, webhook_id)):
        raise ResourceNotExist(id=webhook_id, collection="webhooks")
    return Response(status_code=204)


async def test(call: Call) -> Response:
    """`POST /webhooks/{webhook_id}/test`: 202 with the delivery of a `webhook.test` event, which a worker sends."""
    webhook = await _named(call)
    tools = call.house.tools

    def send() -> Delivery | None:
        return tools.delivery_log.get(tools.deliveries.test(webhook))

    made = await _small(call, send)
    if made is None:
        raise ResourceNotExist(id=webhook.id, collection="webhooks")
    return JSONResponse(shown_delivery(made), status_code=202)


async def deliveries(call: Call) -> Response:
    """`GET /webhooks/{webhook_id}/deliveries`: one page, newest first, each with its attempts."""
    webhook, page = await _named(call), read_page(call.request.query_params)
    log = call.house.tools.delivery_log
    found, total = await _small(
        call, lambda: log.page(webhook.account, webhook.id, page=page.page, limit=page.limit)
    )
    return JSONResponse({"data": [shown_delivery(one) for one in found], "page_info": page_info(page, total)})


def shown(webhook: Webhook, secret: str | None = None) -> dict[str, Any]:
    """The webhook as clients see it."""
    return webhook_object(
        webhook_id=webhook.id,
        url=webhook.url,
        events=webhook.events,
        created_at=webhook.created_at,
        secret=secret,
    )


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    """The delivery as clients see it."""
    return delivery_object(
        delivery_id=delivery.id,
        event_id=delivery.event_id,
        kind=delivery.type,
        webhook_id=delivery.webhook_id,
        task_id=delivery.task_id,
        created_at=delivery.created_at,
        delivered=delivery.delivered,
        last_error=delivery.last_error,
        next_at=delivery.run_at if delivery.ended_at is None else None,
        tries=[
            attempt_object(attempt=t.attempt, at=t.at, seconds=t.seconds, status=t.status, error=t.error)
            for t in delivery.tries
        ],
    )


async def _named(call: Call) -> Webhook:
    """The webhook in the path. One of another account is as good as none."""
    webhook_id = _id(call)
    found = await _small(call, lambda: call.house.tools.webhooks.get(call.account.name, webhook_id))
    if found is None:
        raise ResourceNotExist(id=webhook_id, collection="webhooks")
    return found


def _id(call: Call) -> str:
    webhook_id: str = call.request.path_params["webhook_id"]
    if not is_object_id(webhook_id):
        raise ResourceNotExist(id=webhook_id, collection="webhooks")
    return webhook_id


async def _small(call: Call, work: Callable[[], Result]) -> Result:
    return await to_thread.run_sync(work, limiter=call.house.small)

"""Turns calls about analysis tasks into rows of the queue, and rows into the task objects of the wire (contract 7)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.api.door import BASE_PATH, Call
from kinoscribe.api.once import once_for, replayed
from kinoscribe.api.request_body import read_json_body
from kinoscribe.api.threads import in_thread_to_the_end
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import RequestCanceled, ResourceNotExist
from kinoscribe.contract.idempotency import digest_json
from kinoscribe.contract.paging import page_info, read_page
from kinoscribe.contract.task_request import read_task
from kinoscribe.contract.tasks import (
    TaskView,
    check_task_id,
    check_task_id_to_cancel,
    read_task_query,
    task_object,
)
from kinoscribe.storage.idempotency_rows import Once
from kinoscribe.storage.task_rows import Submitted, Task, TaskFilter
from kinoscribe.tasks.submit import submit
from kinoscribe.tasks.view import task_view
from kinoscribe.tokens import count_tokens

_ROUTE = "POST /analyze/tasks"

Result = TypeVar("Result")


async def create(call: Call) -> Response:
    """`POST /analyze/tasks`: 202 once the task is kept. Whoever reads anything else may be sure that it is not."""
    house, cancel = call.house, Cancel()
    with house.bodies.place() as place:
        sent = [await read_json_body(call.request, house.tools.settings.max_body_bytes, place)]
        try:
            submitted = await in_thread_to_the_end(
                lambda: _submit(call, sent, cancel), cancel, house.creations
            )
        except Canceled as error:
            raise RequestCanceled from error
    if submitted.task is None:
        return replayed(submitted.status, submitted.body)
    return JSONResponse(_created(submitted.task), status_code=202)


async def find(call: Call) -> Response:
    """`GET /analyze/tasks`: one page, newest first, each task shortened."""
    wanted = read_task_query(call.request.query_params.multi_items())
    page = read_page(call.request.query_params)
    narrowed = TaskFilter(
        wanted.status, wanted.video_url, wanted.asset_id, wanted.video_id, wanted.analysis_mode
    )

    def read() -> dict[str, Any]:
        rows = call.house.tools.tasks
        found, total = rows.page(call.account.name, narrowed, page=page.page, limit=page.limit)
        data = [task_object(view, preview=True) for view in _views(call, found)]
        return {"data": data, "page_info": page_info(page, total)}

    return JSONResponse(await _small(call, read))


async def retrieve(call: Call) -> Response:
    """`GET /analyze/tasks/{task_id}`. A task that has ended names its receipt."""
    task_id = check_task_id(call.request.path_params["task_id"])

    def read() -> TaskView:
        task = call.house.tools.tasks.get(call.account.name, task_id)
        (view,) = _views(call, [_there(task, task_id)])
        return view

    view = await _small(call, read)
    receipt = {} if view.receipt is None else {"X-Receipt": f"{BASE_PATH}/receipts/{view.receipt}"}
    return JSONResponse(task_object(view), headers=receipt)


async def delete(call: Call) -> Response:
    """`DELETE /analyze/tasks/{task_id}`: 409 while it is processed."""
    task_id = check_task_id(call.request.path_params["task_id"])
    if not await _small(call, lambda: call.house.tools.tasks.delete(call.account.name, task_id)):
        raise ResourceNotExist(id=task_id, collection="tasks")
    return Response(status_code=204)


async def cancel(call: Call) -> Response:
    """`POST /analyze/tasks/{task_id}/cancel`: may be repeated; 409 when it has ended otherwise."""
    task_id = check_task_id_to_cancel(call.request.path_params["task_id"])
    task = await _small(call, lambda: call.house.tools.tasks.cancel(call.account.name, task_id))
    return JSONResponse({"task_id": _there(task, task_id).id, "status": "canceled"})


def _submit(call: Call, sent: list[bytes], cancel: Cancel) -> Submitted:
    """Keeps the task, unless the same request has been here before: that is seen before any work is done.

    Takes the body out of `sent`: it may hold a whole video, which is needed once only.
    """
    tools, body = call.house.tools, sent.pop()
    once: Once[Task] | None = once_for(call, _ROUTE, partial(digest_json, body), 202, _created)
    if once is not None:
        replay = tools.idempotency.find(call.account.name, once)
        if replay is not None:
            return Submitted(None, replay.status, replay.body, replayed=True)
    task = read_task(
        body,
        default_model=call.default_model,
        count_tokens=count_tokens,
        names=tools.engines.names,
        allow_http_images=tools.settings.allow_http_images,
        wide_schema=tools.settings.schema == "wide",
    )
    del body
    return submit(
        task,
        call.account.name,
        tools,
        cancel,
        key_id=call.account.key_id,
        once=once,
        reserve=call.spending.reserve,
    )


def _created(task: Task) -> dict[str, Any]:
    return {"task_id": task.id, "status": "queued"}


def _views(call: Call, found: Sequence[Task]) -> list[TaskView]:
    told = call.house.tools.delivery_log.views([task.id for task in found if task.ended])
    return [task_view(task, told.get(task.id, ())) for task in found]


async def _small(call: Call, work: Callable[[], Result]) -> Result:
    return await to_thread.run_sync(work, limiter=call.house.small)


def _there(task: Task | None, task_id: str) -> Task:
    if task is None:
        raise ResourceNotExist(id=task_id, collection="tasks")
    return task

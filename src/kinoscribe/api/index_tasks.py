"""Turns calls about the tasks that bring videos into indexes into rows, files and objects (contract 14)."""

import mimetypes
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.responses import JSONResponse, Response

from kinoscribe import ids
from kinoscribe.api.asset_files import AssetFiles
from kinoscribe.api.door import Call
from kinoscribe.api.indexes import id_in_path, small
from kinoscribe.api.once import once_for, replayed
from kinoscribe.api.threads import in_thread_to_the_end
from kinoscribe.api.uploads import Form, harmless_name, read_form
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ParameterNotProvided, ResourceNotExist
from kinoscribe.contract.idempotency import digest_form
from kinoscribe.contract.paging import page_info, read_page
from kinoscribe.contract.videos import (
    VIDEO_FILE,
    IndexTaskForm,
    fault_of,
    index_task_object,
    read_index_task,
    read_index_task_query,
)
from kinoscribe.media.pieces import FileKind
from kinoscribe.sources.resolve import url_errors
from kinoscribe.sources.url_guard import read_reachable
from kinoscribe.storage.api_key_rows import hold_key
from kinoscribe.storage.asset_rows import Asset
from kinoscribe.storage.blobs import Stored
from kinoscribe.storage.idempotency_rows import Once, Replay
from kinoscribe.storage.index_task_rows import IndexTask

_ROUTE = "POST /tasks"


async def create(call: Call) -> Response:
    """`POST /tasks`: 200 with the ids of the task and of its video; what can be seen to fail already is 400."""
    if call.request.headers.get("content-length") == "0":
        raise ParameterNotProvided(p="index_id")
    tools, limiter = call.house.tools, call.house.uploads
    most = tools.settings.max_upload_bytes
    files = AssetFiles(call, _ROUTE)
    async with read_form(
        call.request, files.begin, most=most, limiter=limiter, file_field=VIDEO_FILE, admit=files.admit
    ) as form:
        wanted = read_index_task(form.fields, has_file=form.file is not None)
        if wanted.url is not None:
            with url_errors("video_url"):
                read_reachable(wanted.url, tools.fetcher.gate)
        added = await in_thread_to_the_end(partial(_add, call, wanted, form, files), Cancel(), limiter)
    if isinstance(added, Replay):
        return replayed(added.status, added.body)
    return JSONResponse(added)


async def find(call: Call) -> Response:
    """`GET /tasks`: one page, newest first unless asked otherwise."""
    query = call.request.query_params
    page, wanted = read_page(query), read_index_task_query(query.multi_items())
    rows, account = call.house.tools.index_tasks, call.account.name
    found, total = await small(call, lambda: rows.page(account, wanted, page=page.page, limit=page.limit))
    return JSONResponse({"data": [shown(task) for task in found], "page_info": page_info(page, total)})


async def retrieve(call: Call) -> Response:
    """`GET /tasks/{task_id}`."""
    task_id = id_in_path(call, "task_id", "tasks")
    rows, account = call.house.tools.index_tasks, call.account.name
    task = await small(call, lambda: rows.get(account, task_id))
    if task is None:
        raise ResourceNotExist(id=task_id, collection="tasks")
    return JSONResponse(shown(task))


async def delete(call: Call) -> Response:
    """`DELETE /tasks/{task_id}`: the video stays."""
    task_id = id_in_path(call, "task_id", "tasks")
    rows, account = call.house.tools.index_tasks, call.account.name
    if not await small(call, lambda: rows.remove(account, task_id)):
        raise ResourceNotExist(id=task_id, collection="tasks")
    return Response(status_code=204)


def shown(task: IndexTask) -> dict[str, Any]:
    """The task as clients see it."""
    return index_task_object(
        task_id=task.id,
        video_id=task.video_id,
        index_id=task.index_id,
        status=task.status,
        filename=task.filename,
        duration=task.duration,
        width=task.width,
        height=task.height,
        error=task.error,
        created_at=task.created_at,
        updated_at=task.updated_at,
    )


def _add(call: Call, wanted: IndexTaskForm, form: Form, files: AssetFiles) -> Replay | dict[str, Any]:
    """The answer for a new task with its video and its asset; or the one that was kept for a repetition."""
    tools, first_look, account = call.house.tools, call.house.first_look, call.account.name
    if tools.indexes.get(account, wanted.index_id) is None:
        raise ResourceNotExist(id=wanted.index_id, collection="indexes")
    stored = form.stored()
    answer = {"_id": ids.new_object_id(), "video_id": ids.new_object_id()}
    digest = partial(digest_form, form.fields.items(), stored.sha256 if stored else None)
    once: Once[Asset] | None = once_for(call, _ROUTE, digest, 200, lambda _asset: answer)
    found = None if stored is None else _seen(call, stored)
    name = unquote(urlsplit(wanted.url).path) if wanted.url is not None else form.filename
    filename = harmless_name(name or "")

    def beside(db: Any, asset: Asset) -> None:
        hold_key(db, call.account.key_id)
        named = {"task_id": answer["_id"], "video_id": answer["video_id"]}
        tools.index_tasks.bring(db, asset, index_id=wanted.index_id, **named)

    add = tools.assets.add if once is None else partial(tools.assets.add_once, once=once)
    added = add(
        account,
        method="direct" if wanted.url is None else "url",
        filename=filename,
        file_type=mimetypes.guess_type(filename)[0] or "application/octet-stream",
        user_metadata=dict(wanted.user_metadata),
        stored=stored,
        url=wanted.url,
        hold=None if found is None else first_look.hold,
        beside=beside,
        reserved=files.reserved,
    )
    if isinstance(added, Replay):
        return added
    if found is not None:
        first_look.accept(added, found)
    tools.wake.ring()
    return answer


def _seen(call: Call, stored: Stored) -> FileKind | None:
    """What the file was seen to be; None when only a worker will see it. Raises what refuses a bad video."""
    found = call.house.first_look.kind(stored.path)
    if found is None:
        return None
    fault = fault_of(found.facts, found.kind, call.house.tools.settings.shortest_seconds, found.reason)
    if fault is not None:
        raise fault
    if found.facts is not None:
        call.spending.reserve(found.facts.duration)
    return found

"""Turns the bytes of `POST /analyze` into a job, and the job into a stream or one JSON body (contract 4)."""

import asyncio
from contextlib import closing

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events, prepare
from kinoscribe.api.door import BASE_PATH, Call
from kinoscribe.api.request_body import read_json_body
from kinoscribe.api.stream import EventStream, cancel_when_gone, collect
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.analyze import AnalyzeRequest, default_model_for, read_analyze
from kinoscribe.contract.errors import RequestCanceled
from kinoscribe.contract.events import answer_body
from kinoscribe.tokens import count_tokens


async def create(call: Call) -> Response:
    """`POST /analyze`."""
    request = await _read(call)
    call.house.slots.take()
    streams = False
    try:
        response = await _answer(call, request)
        streams = isinstance(response, EventStream)
        return response
    finally:
        if not streams:
            call.house.slots.leave()


async def _read(call: Call) -> AnalyzeRequest:
    settings = call.house.tools.settings
    body = await read_json_body(call.request, settings.max_body_bytes)
    pinned = None if settings.default_model == "auto" else settings.default_model
    model = default_model_for(call.request.headers, pinned)

    def read() -> AnalyzeRequest:
        return read_analyze(
            body,
            default_model=model,
            count_tokens=count_tokens,
            allow_http_images=settings.allow_http_images,
        )

    return await to_thread.run_sync(read, limiter=call.house.small)


async def _answer(call: Call, request: AnalyzeRequest) -> Response:
    house, cancel = call.house, Cancel()
    watch = asyncio.ensure_future(cancel_when_gone(call.request.receive, cancel))

    def make_job() -> Job:
        return prepare(request, call.account.name, house.tools, cancel)

    try:
        job = await to_thread.run_sync(make_job, limiter=house.analyses)
        headers = {"X-Receipt": f"{BASE_PATH}/receipts/{job.generation_id}"}
        if request.stream:
            return EventStream(job, house.tools, house.analyses, headers, house.slots.leave)

        def whole() -> Response:
            with closing(job):
                text, ended = collect(events(job, house.tools))
            return JSONResponse(answer_body(job.generation_id, text, ended), headers=headers)

        return await to_thread.run_sync(whole, limiter=house.analyses)
    except Canceled as error:
        raise RequestCanceled from error
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

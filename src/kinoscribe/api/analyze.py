"""Turns the bytes of `POST /analyze` into a job, and the job into a stream or one JSON body (contract 4)."""

import asyncio
from contextlib import ExitStack, closing
from functools import partial

import structlog
from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events, prepare
from kinoscribe.api.door import BASE_PATH, Call, error_response
from kinoscribe.api.places import Place
from kinoscribe.api.request_body import read_json_body
from kinoscribe.api.stream import EventStream, cancel_when_gone, collect
from kinoscribe.api.threads import in_thread
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.analyze import AnalyzeRequest, read_analyze
from kinoscribe.contract.errors import ApiError, RequestCanceled
from kinoscribe.contract.events import answer_body
from kinoscribe.tokens import count_tokens

_log = structlog.get_logger(__name__)


async def create(call: Call) -> Response:
    """`POST /analyze`."""
    with call.house.bodies.place() as body_place:
        asked = [await _read(call, body_place)]
        call.house.slots.take()
        streams = False
        try:
            response = await _answer(call, asked, body_place)
            streams = isinstance(response, EventStream)
            return response
        finally:
            if not streams:
                call.house.slots.leave()


async def _read(call: Call, place: Place) -> AnalyzeRequest:
    settings = call.house.tools.settings
    body = await read_json_body(call.request, settings.max_body_bytes, place)
    model, names = call.default_model, call.house.tools.engines.names

    def read() -> AnalyzeRequest:
        return read_analyze(
            body,
            default_model=model,
            count_tokens=count_tokens,
            names=names,
            allow_http_images=settings.allow_http_images,
            wide_schema=settings.schema == "wide",
        )

    return await to_thread.run_sync(read, limiter=call.house.small)


async def _answer(call: Call, asked: list[AnalyzeRequest], place: Place) -> Response:
    """Takes the request out of `asked`: it may hold a whole video, which nobody needs once it lies on disk.

    From then on the body needs no place among the large ones.
    """
    house, cancel = call.house, Cancel()
    watch = asyncio.ensure_future(cancel_when_gone(call.request.receive, cancel))
    with ExitStack() as made:

        def make_job() -> Job:
            job = prepare(asked.pop(), call.account.name, house.tools, cancel)
            made.callback(job.close)
            call.spending.reserve(job.looked.end - job.looked.start)
            return job

        try:
            job = await in_thread(make_job, cancel, house.analyses)
            place.leave()
            headers = {"X-Receipt": f"{BASE_PATH}/receipts/{job.generation_id}"}
            if job.request.stream:
                made.pop_all()
                return EventStream(
                    job,
                    house.tools,
                    house.analyses,
                    headers,
                    when_told=partial(_charge, call, job),
                    when_over=house.slots.leave,
                )

            def whole() -> Response:
                try:
                    with closing(job):
                        text, ended = collect(events(job, house.tools))
                except ApiError as error:  # what was looked at until then stands in the receipt
                    failed = error_response(call.request.url.path, error)
                    failed.headers.update(headers)
                    return failed
                finally:
                    _charge(call, job)
                return JSONResponse(answer_body(job.generation_id, text, ended), headers=headers)

            return await in_thread(whole, cancel, house.analyses)
        except Canceled as error:
            raise RequestCanceled from error
        finally:
            watch.cancel()


def _charge(call: Call, job: Job) -> None:
    """Counts the tokens of an answer. That the database is away is no reason to spoil the answer."""
    usage = job.spent.usage()
    try:
        call.spending.charge(tokens=usage.input_tokens + usage.output_tokens)
    except ApiError as error:
        _log.warning("not_charged", generation_id=job.generation_id, reason=error.message)

"""Turns the bytes of `POST /analyze` into a job, and the job into a stream or one JSON body (contract 4)."""

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import Any

import structlog
from anyio import to_thread
from starlette.responses import JSONResponse, Response

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events, prepare
from kinoscribe.api.door import BASE_PATH, Call, error_response
from kinoscribe.api.places import Place
from kinoscribe.api.request_body import read_json_body
from kinoscribe.api.stream import EventStream, Telling, cancel_when_gone, collect
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.analyze import AnalyzeRequest, read_analyze
from kinoscribe.contract.errors import ApiError, RequestCanceled
from kinoscribe.contract.events import answer_body
from kinoscribe.tokens import count_tokens

_log = structlog.get_logger(__name__)


async def create(call: Call) -> Response:
    """`POST /analyze`."""
    with call.house.bodies.place() as body_place:
        settings = call.house.tools.settings
        body = [await read_json_body(call.request, settings.max_body_bytes, body_place)]
        return await _Analysis(call, body, body_place).answer()


class _Analysis:
    """One question, in one thread from its reading to its end; its place and its job are given back there."""

    def __init__(self, call: Call, body: list[bytes], place: Place) -> None:
        """Takes the bytes out of `body`: they may hold a whole video, which nobody needs once it lies on disk.

        From then on they need no place among the large ones.
        """
        self._call = call
        self._body = body
        self._place = place
        self._cancel = Cancel()
        self._loop = asyncio.get_running_loop()
        self._streams: asyncio.Future[Job] = self._loop.create_future()
        self._telling = Telling(call.house.tools)

    async def answer(self) -> Response:
        """The answer, or the beginning of one. Raises what refuses the question."""
        work = asyncio.ensure_future(to_thread.run_sync(self._work, limiter=self._call.house.analyses))
        watch = asyncio.ensure_future(cancel_when_gone(self._call.request.receive, self._cancel))
        either: tuple[asyncio.Future[Any], ...] = (work, self._streams)
        begun = False
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            begun = self._streams.done()
            if begun:
                job = self._streams.result()
                return EventStream(job, self._telling, work, watch, headers=_receipt(job))
            response = await work
            assert response is not None, "what is not streamed is answered"
            return response
        except Canceled as error:
            raise RequestCanceled from error
        finally:
            if not begun:
                self._cancel.throw()
                watch.cancel()
                self._telling.close()
                await asyncio.gather(work, return_exceptions=True)

    def _work(self) -> Response | None:
        call, tools = self._call, self._call.house.tools
        asked = [self._read()]
        with call.house.slots.place() as slot, ExitStack() as made:
            slot.take()
            job = prepare(asked.pop(), call.account.name, tools, self._cancel)
            made.callback(job.close)
            call.spending.reserve(job.looked.end - job.looked.start)
            self._place.leave()
            if not job.request.stream:
                return self._whole(job)
            self._loop.call_soon_threadsafe(partial(_begin, self._streams, job))
            self._telling.produce(job, when_told=partial(_charge, call, job))
        return None

    def _read(self) -> AnalyzeRequest:
        call = self._call
        return read_analyze(
            self._body.pop(),
            default_model=call.default_model,
            count_tokens=count_tokens,
            names=call.house.tools.engines.names,
            allow_http_images=call.house.tools.settings.allow_http_images,
            wide_schema=call.house.tools.settings.schema == "wide",
        )

    def _whole(self, job: Job) -> Response:
        try:
            text, ended = collect(events(job, self._call.house.tools))
        except ApiError as error:  # what was looked at until then stands in the receipt
            failed = error_response(self._call.request.url.path, error)
            failed.headers.update(_receipt(job))
            return failed
        finally:
            _charge(self._call, job)
        return JSONResponse(answer_body(job.generation_id, text, ended), headers=_receipt(job))


def _begin(streams: asyncio.Future[Job], job: Job) -> None:
    if not streams.done():  # else the call was given up meanwhile
        streams.set_result(job)


def _receipt(job: Job) -> dict[str, str]:
    return {"X-Receipt": f"{BASE_PATH}/receipts/{job.generation_id}"}


def _charge(call: Call, job: Job) -> None:
    """Counts the tokens of an answer. That the database is away is no reason to spoil the answer."""
    usage = job.spent.usage()
    try:
        call.spending.charge(tokens=usage.input_tokens + usage.output_tokens)
    except ApiError as error:
        _log.warning("not_charged", generation_id=job.generation_id, reason=error.message)

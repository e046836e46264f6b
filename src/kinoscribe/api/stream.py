"""Turns the events of an analysis into NDJSON on the wire, with heartbeats, and stops the work when the client leaves.

The analysis runs in a thread of its own and never waits for a slow reader; text that piles up meanwhile is sent
as one event. A failure after the first byte becomes the last event, and the body is cut without its final chunk:
so does the end of the server. A reader that takes nothing for a minute is given up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kinoscribe import clock
from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events
from kinoscribe.analysis.tools import Tools
from kinoscribe.api.alarm import Alarm
from kinoscribe.api.handover import Handover
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, ServerEnding
from kinoscribe.contract.events import HEARTBEAT, Ended, Event, Progress, TextPart, ndjson

_MOST_JOINED = 2_000
_PATIENCE = 60.0
_LAST_WORDS = 1.0
# A connection that is not read tells nobody that it was closed. Asking anew makes the server read on.
_ASK_AGAIN = 2.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Over:
    """The analysis has ended; `error` when it failed on the way."""

    error: ApiError | None


_Item = Event | _Over


class Telling:
    """What the thread of an analysis tells, until it is written. Made and closed on the event loop."""

    def __init__(self, tools: Tools) -> None:
        self.heartbeat = tools.settings.heartbeat_seconds
        self.said: Handover[_Item] = Handover(_joined)
        self._tools = tools

    def produce(self, job: Job, *, when_told: Callable[[], None]) -> None:
        """Runs the analysis to its end, whatever that is; `when_told` is called last."""
        over = _Over(None)
        try:
            with closing(events(job, self._tools)) as telling:
                for event in telling:
                    if not isinstance(event, Progress):
                        self.said.put(event)
        except Canceled:
            _log.info("analysis_canceled", generation_id=job.generation_id)
        except ApiError as error:
            _log.warning("analysis_failed", generation_id=job.generation_id, reason=error.message)
            over = _Over(error)
        except Exception:  # noqa: BLE001  the edge of the API: logged in full, told in general
            _log.exception("unexpected", generation_id=job.generation_id)
            over = _Over(ApiError())
        finally:
            job.close()
            self.said.put(over)
            when_told()

    def close(self) -> None:
        """Nobody writes any more."""
        self.said.close()


class EventStream(Response):
    """The streamed answer to `POST /analyze` (contract 5)."""

    media_type = "application/x-ndjson"

    def __init__(
        self,
        job: Job,
        telling: Telling,
        work: asyncio.Future[Any],
        watch: asyncio.Future[None],
        headers: dict[str, str],
    ) -> None:
        """`work` ends with the thread that tells, `watch` throws the switch of the job when the client leaves."""
        super().__init__(
            headers={**headers, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._job = job
        self._telling = telling
        self._work = work
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            whole = await self._write(self._telling.said, send)
        except TimeoutError:
            _log.info("reader_given_up", generation_id=self._job.generation_id)
        except asyncio.CancelledError:
            self._job.cancel.throw()
            with suppress(TimeoutError):
                await self._say_failure(ServerEnding(), send, _LAST_WORDS)
            raise
        finally:
            self._job.cancel.throw()
            self._watch.cancel()
            self._telling.close()
            await asyncio.gather(self._work, self._watch, return_exceptions=True)
        if whole:  # only now: whoever has read to the end may ask again at once and finds the place free
            with suppress(TimeoutError):
                await _send_body(send, b"", more=False)

    async def _write(self, said: Handover[_Item], send: Send) -> bool:
        """Whether the answer was said to its end; then only the end of the body is left to send.

        Raises `TimeoutError` when the client takes nothing for a minute.
        """
        whole = False
        silent_until = clock.steady() + self._telling.heartbeat
        async with _patiently(send) as say:
            while True:
                if not await said.wait(silent_until - clock.steady()):
                    await say(HEARTBEAT)
                    silent_until = clock.steady() + self._telling.heartbeat
                    continue
                for item in _together(said.take()):
                    if isinstance(item, _Over):
                        if item.error is not None and not whole:
                            await self._say_failure(item.error, send)
                        return whole
                    line = ndjson(item)
                    assert line is not None, "only progress is not said"
                    whole = isinstance(item, Ended)
                    await say(line)
                    silent_until = clock.steady() + self._telling.heartbeat

    async def _say_failure(self, error: ApiError, send: Send, patience: float = _PATIENCE) -> None:
        """The last line, and no end of the body: every client sees that the answer is not whole."""
        usage = self._job.spent.usage()
        line = ndjson(Ended(self._job.generation_id, finish_reason=None, usage=usage, error=error))
        assert line is not None, "an end is always said"
        await _send_body(send, line, more=True, patience=patience)


async def _send_body(send: Send, body: bytes, *, more: bool, patience: float = _PATIENCE) -> None:
    """Raises `TimeoutError` when the client takes nothing for that long."""
    async with asyncio.timeout(patience):
        await send({"type": "http.response.body", "body": body, "more_body": more})


@asynccontextmanager
async def _patiently(send: Send) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
    """Sends parts of the body. The block raises `TimeoutError` when the client takes one of them for too long."""
    async with asyncio.timeout(None) as bound:
        alarm = Alarm(lambda: bound.reschedule(0.0))

        async def say(body: bytes) -> None:
            alarm.set(_PATIENCE)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            alarm.stop()

        try:
            yield say
        finally:
            alarm.close()


async def cancel_when_gone(receive: Receive, cancel: Cancel) -> None:
    """Throws the switch as soon as the client has closed its connection."""
    while not cancel.thrown:
        try:
            async with asyncio.timeout(_ASK_AGAIN):
                message = await receive()
        except TimeoutError:
            continue
        if message["type"] == "http.disconnect":
            cancel.throw()


def _joined(first: _Item, second: _Item) -> _Item | None:
    """Two parts of the text as one, unless they are long."""
    if not isinstance(first, TextPart) or not isinstance(second, TextPart):
        return None
    if len(first.text) + len(second.text) > _MOST_JOINED:
        return None
    return TextPart(first.text + second.text)


def _together(items: list[_Item]) -> list[_Item]:
    """The same, with text that has piled up in few parts."""
    if len(items) < 2:
        return items
    fewer: list[_Item] = []
    texts: list[str] = []
    length = 0
    for item in items:
        text = item.text if isinstance(item, TextPart) else None
        if texts and (text is None or length + len(text) > _MOST_JOINED):
            fewer.append(TextPart("".join(texts)))
            texts, length = [], 0
        if text is None:
            fewer.append(item)
        else:
            texts.append(text)
            length += len(text)
    if texts:
        fewer.append(TextPart("".join(texts)))
    return fewer


def collect(said: Generator[Event, None, None]) -> tuple[str, Ended]:
    """The whole text and the end of an answer, for those who did not ask for a stream."""
    texts: list[str] = []
    with closing(said):
        for event in said:
            if isinstance(event, TextPart):
                texts.append(event.text)
            elif isinstance(event, Ended):
                return "".join(texts), event
    raise ApiError

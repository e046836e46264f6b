"""What an analysis says becomes lines on the wire; silence becomes heartbeats; failure becomes a cut body."""

import asyncio
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import Receive

from kinoscribe.analysis.job import Job, Spent
from kinoscribe.analysis.receipt import Looked
from kinoscribe.analysis.tools import Tools
from kinoscribe.api import stream
from kinoscribe.api.stream import EventStream, Telling, cancel_when_gone
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import Ended, Event, Progress, Started, TextPart, Usage
from kinoscribe.contract.sources import UrlSource
from kinoscribe.engines.engine import Engine
from kinoscribe.sources.resolve import Content

Said = Callable[[Job, Tools], Generator[Event, None, None]]


class Run:
    """One streamed answer without a network: what was sent, and what was left behind."""

    def __init__(self, said: Said, monkeypatch: pytest.MonkeyPatch, *, heartbeat: float = 60.0) -> None:
        monkeypatch.setattr(stream, "events", said)
        self.sent: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self.left = 0
        self.told = 0
        held = ExitStack()
        held.callback(self.closed.set)
        request = AnalyzeRequest("pegasus1.5", UrlSource("https://a.example/v.mp4"), "Why?", 0.2, True, 4096)
        looked = cast("Looked", None)
        content = Content(Path("x"), "0" * 64, 1, None, False)
        self.job = Job(
            "an-id", "one", request, content, looked, 3, Spent(3), Cancel(), held, cast("Engine", None)
        )
        self.heartbeat = heartbeat

    def play(self, *, leave_after: float | None = None) -> list[dict[str, Any]]:
        """The bodies that were sent. The client goes away after `leave_after` seconds."""

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(3600 if leave_after is None else leave_after)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.sent.append({**message, "left": self.left})

        async def go() -> None:
            tools = cast("Tools", SimpleNamespace(settings=SimpleNamespace(heartbeat_seconds=self.heartbeat)))
            await asyncio.wait_for(self.response(tools, receive)({"type": "http"}, receive, send), 30)

        asyncio.run(go())
        assert self.closed.is_set(), "the job is closed whatever happens"
        assert self.left == 1, "the place is given back once"
        assert self.told == 1, "what was used is counted once"
        return self.sent[1:]

    def response(self, tools: Tools, receive: Receive) -> EventStream:
        """The answer, whose analysis goes on in a thread that leaves its place at the end."""
        telling = Telling(tools)

        def work() -> None:
            telling.produce(self.job, when_told=self.tell)
            time.sleep(0.05)
            self.left += 1

        working = asyncio.ensure_future(asyncio.to_thread(work))
        watch = asyncio.ensure_future(cancel_when_gone(receive, self.job.cancel))
        return EventStream(self.job, telling, working, watch, {"X-Receipt": "r"})

    def tell(self) -> None:
        self.told += 1


def lines(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(body["body"]) for body in bodies if body["body"].strip()]


def whole(job: Job, tools: Tools) -> Generator[Event, None, None]:
    yield Started(job.generation_id)
    yield Progress("evidence", 0.5)
    for word in ("One ", "two ", "é😀\u2028."):
        yield TextPart(word)
    yield Ended(job.generation_id, "stop", Usage(4, 3))


def test_an_answer_is_start_text_end(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(whole, monkeypatch)
    bodies = run.play()
    said = lines(bodies)
    assert said[0]["event_type"] == "stream_start"
    assert said[-1]["event_type"] == "stream_end"
    assert "".join(line.get("text", "") for line in said) == "One two é😀\u2028."
    assert all(body["body"].isascii() and body["body"].endswith(b"\n") for body in bodies[:-1])
    assert bodies[-1]["body"] == b""
    assert [body["more_body"] for body in bodies] == [True] * (len(bodies) - 1) + [False]
    headers = dict(run.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"application/x-ndjson")
    assert headers[b"cache-control"] == b"no-cache"
    assert headers[b"x-receipt"] == b"r"
    assert b"content-length" not in headers


def test_whoever_has_read_to_the_end_finds_the_place_free(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = Run(whole, monkeypatch).play()
    assert bodies[-1]["left"] == 1


def test_silence_is_broken_by_empty_lines_even_while_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        for step in range(30):
            yield Progress("evidence", step / 30)
            time.sleep(0.02)
        yield Ended(job.generation_id, "stop", Usage(0, 3))

    bodies = Run(slow, monkeypatch, heartbeat=0.1).play()
    assert sum(body["body"] == b"\n" for body in bodies) >= 2


def test_a_failure_is_the_last_line_and_the_body_stays_open_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        yield TextPart("half an ")
        raise EngineFailed(reason="no power.")

    bodies = Run(failing, monkeypatch).play()
    end = lines(bodies)[-1]
    assert end["event_type"] == "stream_end"
    assert end["finish_reason"] is None
    assert end["error"]["code"] == "internal_server_error"
    assert "no power" in end["error"]["message"]
    assert bodies[-1]["more_body"] is True


def test_a_bug_tells_the_client_nothing_of_our_insides(monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        raise KeyError("/secret/path")

    end = lines(Run(buggy, monkeypatch).play())[-1]
    assert end["finish_reason"] is None
    assert "secret" not in json.dumps(end)


def test_a_client_that_leaves_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    def endless(job: Job, tools: Tools) -> Generator[Event, None, None]:
        try:
            yield Started(job.generation_id)
            while True:
                job.cancel.check()
                yield TextPart("more ")
                time.sleep(0.01)
        finally:
            stopped.set()

    began = time.monotonic()
    bodies = Run(endless, monkeypatch).play(leave_after=0.2)
    assert stopped.is_set()
    assert time.monotonic() - began < 5
    assert lines(bodies)[-1]["event_type"] == "text_generation"


def test_text_that_piles_up_is_joined_but_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def fast(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        for number in range(5_000):
            yield TextPart(f"{number} ")
        yield Ended(job.generation_id, "length", Usage(9, 3), warning="output truncated: ...")

    said = lines(Run(fast, monkeypatch).play())
    assert "".join(line.get("text", "") for line in said) == "".join(f"{n} " for n in range(5_000))
    assert max(len(line.get("text", "")) for line in said) <= 2_010
    assert said[-1]["finish_reason"] == "length"
    assert said[-1]["error"]["message"].startswith("output truncated:")


class Slow(Run):
    """A client that takes the head and no more, until it is let go on."""

    def play_stuck(self, patience: float, monkeypatch: pytest.MonkeyPatch, until: threading.Event) -> int:
        """How many parts of the body were sent before the client was given up, or had read on."""
        monkeypatch.setattr(stream, "_PATIENCE", patience)
        sent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(3600)
            return {}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                sent.append(message["body"])
                while not until.is_set():
                    await asyncio.sleep(0.01)

        async def go() -> None:
            tools = cast("Tools", SimpleNamespace(settings=SimpleNamespace(heartbeat_seconds=60.0)))
            await asyncio.wait_for(self.response(tools, receive)({"type": "http"}, receive, send), 30)

        asyncio.run(go())
        self.sent = [{"body": body} for body in sent]
        return len(sent)


def test_a_client_that_takes_nothing_is_given_up_and_its_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        while True:
            job.cancel.check()
            yield TextPart("more ")
            time.sleep(0.01)

    run = Slow(endless, monkeypatch)
    assert run.play_stuck(0.3, monkeypatch, threading.Event()) == 1
    assert run.closed.is_set()
    assert (run.left, run.told) == (1, 1)


def test_what_a_slow_client_has_not_read_yet_takes_little_more_room_than_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = threading.Event()
    held: list[int] = []

    def letters(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        tracemalloc.start()
        for _ in range(100_000):
            yield TextPart("x")
        held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        said.set()
        yield Ended(job.generation_id, "stop", Usage(0, 3))

    run = Slow(letters, monkeypatch)
    run.play_stuck(60.0, monkeypatch, said)
    assert "".join(line.get("text", "") for line in lines(run.sent)) == "x" * 100_000
    assert held[0] < 1_000_000, "one object for every letter"


def test_every_part_is_a_line_of_its_own_where_the_client_keeps_up(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = threading.Semaphore(1)

    def in_step(job: Job, tools: Tools) -> Generator[Event, None, None]:
        yield Started(job.generation_id)
        for number in range(50):
            assert taken.acquire(timeout=20)
            yield TextPart(f"{number} ")
        yield Ended(job.generation_id, "stop", Usage(0, 3))

    class Noting(list[Any]):
        def append(self, message: Any) -> None:
            super().append(message)
            if b"text_generation" in message.get("body", b""):
                taken.release()

    run = Run(in_step, monkeypatch)
    run.sent = Noting()
    said = [line["text"] for line in lines(run.play()) if line["event_type"] == "text_generation"]
    assert said == [f"{number} " for number in range(50)]

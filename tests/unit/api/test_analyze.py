"""Whatever becomes of an analysis, its place, its file and its engine are given back."""

import asyncio
import base64
import gc
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp
from tests.unit.analysis import pretended
from tests.unit.analysis.pretended import Engine, Gatherer, Parts, says
from tests.unit.api.asgi import ask, call, make_app, make_house

from kinoscribe.api import stream as stream_module
from kinoscribe.api.door import House
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import EngineFailed, ResourceNotExist, VideoFileBroken
from kinoscribe.contract.sources import Base64Source
from kinoscribe.engines.engine import Ask, Piece, Text
from kinoscribe.sources.resolve import Resolver
from kinoscribe.storage.blobs import Blobs

BODY = {
    "model_name": "pegasus1.5",
    "video": {"type": "url", "url": "https://a.example/v.mp4"},
    "prompt": "What is said?",
}


def failing(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
    yield Text("Half of ")
    raise EngineFailed(reason="no power.")


def buggy(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
    yield Text("Half of ")
    raise ZeroDivisionError("/secret")


class Endless:
    """An engine that talks until it is stopped; `begun` says that it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def __call__(self, _ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        yield Text("Begun. ")
        self.begun.set()
        if cancel.wait(20):
            raise Canceled
        raise AssertionError("nobody stopped the engine")


def body(*, stream: bool) -> dict[str, Any]:
    return {**BODY, "stream": stream}


def settled(house: House, parts: Parts) -> None:
    """Nothing is held any more: two analyses fit again."""
    assert parts.resolver.lent == 0, "the file is given back"
    assert parts.engine.closed == len(parts.engine.asked), "the engine is closed"
    assert house.analyses.borrowed_tokens == 0, "the threads are free"
    for _ in range(2):
        house.slots.take()
    for _ in range(2):
        house.slots.leave()


def made(parts: Parts) -> tuple[House, ASGIApp]:
    house = make_house(parts)
    return house, make_app(house)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (Parts(), 200),
        (Parts(resolver=pretended.Resolver(error=ResourceNotExist(id="a", collection="assets"))), 404),
        (Parts(Engine(failing)), 500),
        (Parts(Engine(buggy)), 500),
        (Parts(gatherer=Gatherer(error=VideoFileBroken(reason="It is a poem."))), 400),
    ],
)
def test_everything_is_given_back_however_it_ends(stream: bool, parts: Parts, status: int) -> None:
    house, app = made(parts)
    for _ in range(3):
        answer = ask(app, "POST", "/v1.3/analyze", body(stream=stream))
        late = stream and status in (400, 500)
        assert answer.status == (200 if late else status)
        assert answer.whole is not late
        assert b"secret" not in answer.body
        if late:
            end = json.loads(answer.body.splitlines()[-1])
            assert (end["event_type"], end["finish_reason"]) == ("stream_end", None)
        settled(house, parts)


def test_both_ways_say_the_same() -> None:
    _, app = made(Parts(Engine(says("One ", "two ", "three."))))
    whole = ask(app, "POST", "/v1.3/analyze", body(stream=False))
    streamed = ask(app, "POST", "/v1.3/analyze", body(stream=True))
    lines = [json.loads(line) for line in streamed.body.splitlines()]
    assert "".join(line.get("text", "") for line in lines) == whole.json()["data"] == "One two three."
    assert lines[-1]["metadata"]["usage"] == whole.json()["usage"]
    assert whole.headers["x-receipt"].endswith(whole.json()["id"])
    assert streamed.headers["x-receipt"].endswith(lines[0]["metadata"]["generation_id"])


@pytest.mark.parametrize(("dialect", "status"), [("strict", 422), ("wide", 200)])
def test_an_operator_may_accept_more_words_in_schemas(dialect: str, status: int) -> None:
    house, app = made(Parts(Engine(says('{"a":"b"}'))))
    house.tools.settings = house.tools.settings.model_copy(update={"schema": dialect})  # type: ignore[misc]
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": schema}
    asked = {**body(stream=False), "response_format": form}
    assert ask(app, "POST", "/v1.3/analyze", asked).status == status


def test_a_failure_names_its_receipt_once_the_answer_had_begun() -> None:
    parts = Parts(Engine(failing))
    _, app = made(parts)
    answer = ask(app, "POST", "/v1.3/analyze", body(stream=False))
    assert (answer.status, answer.json()["code"]) == (500, "internal_server_error")
    name = answer.headers["x-receipt"].rpartition("/")[2]
    assert "no power" in parts.receipts.bodies[name]["error"]["message"]
    refused = Parts(resolver=pretended.Resolver(error=ResourceNotExist(id="a", collection="assets")))
    assert "x-receipt" not in ask(made(refused)[1], "POST", "/v1.3/analyze", body(stream=False)).headers


def test_a_failure_says_what_was_used_until_then() -> None:
    _, app = made(Parts(Engine(failing)))
    end = json.loads(ask(app, "POST", "/v1.3/analyze", body(stream=True)).body.splitlines()[-1])
    assert end["metadata"]["usage"]["output_tokens"] == 2


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_work(stream: bool) -> None:
    endless = Endless()
    parts = Parts(Engine(endless))
    house, app = made(parts)

    async def leave_early() -> None:
        leave = asyncio.Event()
        calling = asyncio.ensure_future(call(app, "POST", "/analyze", body(stream=stream), leave=leave))
        await asyncio.to_thread(endless.begun.wait, 10)
        leave.set()
        await asyncio.wait_for(calling, 5)

    asyncio.run(leave_early())
    settled(house, parts)


@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_ends_stops_the_work_and_says_so(stream: bool) -> None:
    endless = Endless()
    parts = Parts(Engine(endless))
    house, app = made(parts)

    async def end_early() -> Any:
        calling = asyncio.ensure_future(call(app, "POST", "/analyze", body(stream=stream)))
        await asyncio.to_thread(endless.begun.wait, 10)
        calling.cancel()
        return await calling

    # `wait_for` around the call hands the cancellation on; the door turns it into an answer.
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(end_early())
    assert time.monotonic() - began < 10
    settled(house, parts)


def test_a_job_made_while_the_server_gives_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go = threading.Event(), threading.Event()
    parts = Parts()
    house, app = made(parts)

    def slow(*_: object, account: str) -> Any:
        entered.set()
        go.wait(10)
        return parts.facts

    house.tools.facts.of = slow  # type: ignore[method-assign]

    async def give_up() -> None:
        calling = asyncio.ensure_future(call(app, "POST", "/analyze", body(stream=True)))
        await asyncio.to_thread(entered.wait, 10)
        calling.cancel()
        await asyncio.sleep(0.05)
        go.set()
        await calling

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    settled(house, parts)


def test_a_reader_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module._send_body, "__kwdefaults__", {"patience": 0.2})
    parts = Parts(Engine(says(*["word "] * 50)))
    house, app = made(parts)

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(3600)

    asyncio.run(call(app, "POST", "/analyze", body(stream=True), send=stuck))
    settled(house, parts)


def test_one_too_many_is_a_503_and_refused_before_any_work() -> None:
    parts = Parts()
    house, app = made(parts)
    house.slots.take()
    house.slots.take()
    answer = ask(app, "POST", "/analyze", body(stream=True))
    assert (answer.status, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert parts.engine.asked == []


def test_a_bad_body_is_refused_even_when_all_places_are_taken() -> None:
    house, app = made(Parts())
    house.slots.take()
    house.slots.take()
    assert ask(app, "POST", "/analyze", b"{").status == 400
    assert ask(app, "POST", "/analyze", b"{", key=None).status == 401


def test_a_video_in_the_body_is_let_go_once_it_lies_on_disk(tmp_path: Path) -> None:
    text = base64.b64encode(b"a video that nobody else holds" * 100).decode()
    held: list[Base64Source] = []

    def look(asked: Ask, cancel: Cancel) -> Iterator[Piece]:
        gc.collect()
        objects = gc.get_objects()
        held.extend(found for found in objects if type(found) is Base64Source and found.text == text)
        yield from says("One.")(asked, cancel)

    blobs = Blobs(tmp_path)
    resolver = Resolver(cast("Any", None), blobs, cast("Any", None), asset_wait=0)
    _, app = made(Parts(Engine(look), resolver=cast("Any", resolver)))
    asked = {**body(stream=False), "video": {"type": "base64_string", "base64_string": text}}
    assert ask(app, "POST", "/analyze", asked).status == 200
    blobs.close()
    assert held == []


def test_two_hundred_open_streams_hold_up_no_other_call() -> None:
    """Every other kind of call has threads of its own."""
    begun, all_begun = threading.Semaphore(0), 200

    def talks(_ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        yield Text("Begun. ")
        begun.release()
        cancel.wait(60)
        raise Canceled

    parts = Parts(Engine(talks))
    house = make_house(parts, slots=all_begun)
    app = make_app(house)

    async def main() -> list[int]:
        left = asyncio.Event()
        streams = [
            asyncio.ensure_future(call(app, "POST", "/v1.3/analyze", body(stream=True), leave=left))
            for _ in range(all_begun)
        ]
        for _ in range(all_begun):
            assert await asyncio.to_thread(begun.acquire, timeout=60)
        assert house.slots.taken == all_begun
        reads = [await call(app, "GET", path) for path in ("/v1.3/models", "/readyz", "/v1.3/receipts/x")]
        refused = await call(app, "POST", "/v1.3/analyze", body(stream=False))
        left.set()
        await asyncio.gather(*streams)
        return [answer.status for answer in (*reads, refused)]

    parts.receipts.find = lambda *_: None  # type: ignore[attr-defined]
    statuses = asyncio.run(main())
    assert statuses == [200, 200, 404, 503]

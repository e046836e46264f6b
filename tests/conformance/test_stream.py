"""Rules C079 to C090: the stream, byte for byte."""

import json
import time
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from tests.conformance.exact import (
    StreamEnd,
    TextGeneration,
    answer,
    is_json,
    read_line,
    read_stream,
    refusal,
    stream,
)
from tests.conformance.scripted import LONG_TEXT, ODD_TEXT, prompt
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served
from tests.conformance.wire import Json, chunks, post_raw


@pytest.fixture(scope="module")
def streamed(body: Json) -> Json:
    return {**body, "stream": True}


@pytest.mark.rule("C079", "C083", "C086")
def test_a_stream_has_one_start_texts_and_one_end(wire: httpx2.Client, streamed: Json) -> None:
    told = stream(wire.post("analyze", json=streamed))
    assert told.texts
    assert told.end.finish_reason == "stop"
    assert told.end.metadata.usage.output_tokens > 0
    assert told.end.metadata.usage.input_tokens > 0


@pytest.mark.rule("C079")
def test_a_stream_is_not_kept_back_on_its_way(wire: httpx2.Client, streamed: Json) -> None:
    response = wire.post("analyze", json=streamed)
    told = stream(response)
    assert "no-cache" in response.headers["cache-control"]
    assert response.headers["x-accel-buffering"] == "no"
    assert "content-length" not in response.headers
    assert response.headers["x-receipt"].endswith(f"/receipts/{told.start.metadata.generation_id}")
    assert wire.get(f"receipts/{told.start.metadata.generation_id}").json()["finish_reason"] == "stop"


@pytest.mark.rule("C080")
@pytest.mark.parametrize(
    "asked", ["What is seen?", prompt("odd text"), prompt("long text"), prompt("a pause")]
)
def test_the_texts_together_are_the_answer_in_one_piece(
    wire: httpx2.Client, streamed: Json, asked: str
) -> None:
    still = {**streamed, "temperature": 0, "prompt": asked}
    told = stream(wire.post("analyze", json=still))
    whole = answer(wire.post("analyze", json={**still, "stream": False}))
    assert told.text == whole.data
    assert told.end.metadata.usage == whole.usage


@pytest.mark.rule("C081")
def test_every_chunk_holds_whole_ascii_lines(served: Served, streamed: Json) -> None:
    with post_raw(served, {**streamed, "prompt": prompt("odd text")}) as raw:
        head, _, rest = raw.receive_until(b"0\r\n\r\n").partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    parts, complete = chunks(rest)
    assert complete
    for part in parts:
        assert part.isascii()
        assert part.endswith(b"\n")
        assert part.count(b"\n") == 1
    assert read_stream(b"".join(parts)).text == ODD_TEXT


@pytest.mark.sdk
@pytest.mark.rule("C082")
@pytest.mark.parametrize("script", ["odd text", "odd text at once"])
def test_odd_characters_arrive_unharmed_in_every_sdk(
    served: Served, sdk: Sdk, streamed: Json, script: str
) -> None:
    step = {
        "do": "analyze_stream",
        "video": streamed["video"],
        "prompt": prompt(script),
        "model_name": "pegasus1.5",
    }
    (events,) = sdk.values(served.url + "/v1.3", served.key, step)
    assert _text(events) == ODD_TEXT
    kinds = [_kind(event) for event in events]
    assert kinds[0] == "stream_start"
    assert kinds[-1] == "stream_end"
    assert set(kinds[1:-1]) == {"text_generation"}


def _kind(event: dict[str, Any]) -> str:
    kind = event.get("event_type", event.get("eventType"))
    assert isinstance(kind, str)
    return kind


def _text(events: list[dict[str, Any]]) -> str:
    return "".join(event["text"] for event in events if _kind(event) == "text_generation")


@pytest.mark.rule("C084")
def test_silence_is_broken_by_empty_lines(wire: httpx2.Client, streamed: Json) -> None:
    told = stream(wire.post("analyze", json={**streamed, "prompt": prompt("a pause")}))
    assert told.text == "Before. After."
    assert told.empty_lines >= 2


@pytest.mark.sdk
@pytest.mark.rule("C084", "C085")
def test_every_sdk_reads_over_empty_lines_and_gets_text_as_it_comes(
    served: Served, sdk: Sdk, streamed: Json
) -> None:
    step = {
        "do": "analyze_stream",
        "video": streamed["video"],
        "prompt": prompt("a pause"),
        "model_name": "pegasus1.5",
    }
    (events,) = sdk.values(served.url + "/v1.3", served.key, step)
    assert _text(events) == "Before. After."
    first = next(event for event in events if _kind(event) == "text_generation")
    assert events[-1]["after"] - first["after"] > 1


@pytest.mark.rule("C085")
def test_the_first_text_comes_before_the_answer_is_complete(wire: httpx2.Client, streamed: Json) -> None:
    body = {**streamed, "prompt": prompt("a pause")}
    times: list[float] = []
    with wire.stream("POST", "analyze", json=body) as response:
        for line in response.iter_lines():
            if line and isinstance(read_line(line.encode()), TextGeneration | StreamEnd):
                times.append(time.monotonic())
    assert len(times) >= 3
    assert times[-1] - times[0] > 1


@pytest.mark.rule("C087")
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"temperature": 5}, 400, "parameter_invalid"),
        ({"video": {"type": "asset_id", "asset_id": "0" * 24}}, 404, "resource_not_exist"),
        ({"video": "3.9s.mp4"}, 400, "video_duration_too_short"),
        ({"video": "text.mp4"}, 400, "video_file_broken"),
        ({"video": "missing"}, 400, "parameter_invalid"),
        ({"prompt": "word " * 270_000}, 400, "token_limit_exceeded"),
    ],
    ids=["parameter", "resource", "length", "broken", "missing", "tokens"],
)
def test_a_refusal_comes_before_any_line(
    wire: httpx2.Client, streamed: Json, files: Any, change: Json, status: int, code: str
) -> None:
    if isinstance(change.get("video"), str):
        change = {"video": {"type": "url", "url": files.url(change["video"])}}
    response = wire.post("analyze", json={**streamed, **change})
    assert is_json(response)
    refusal(response, status, code)


@pytest.mark.rule("C088")
@pytest.mark.parametrize(
    ("script", "text"), [("a death", "The first half. "), ("a failure", "Said before. ")]
)
def test_a_failure_on_the_way_is_the_last_event_and_a_cut_body(
    served: Served, streamed: Json, script: str, text: str
) -> None:
    with post_raw(served, {**streamed, "prompt": prompt(script)}) as raw:
        head, _, rest = raw.receive_all().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    parts, complete = chunks(rest)
    assert not complete, "the body must not look complete"
    told = read_stream(b"".join(parts))
    assert told.text == text
    assert told.end.finish_reason is None
    assert told.end.error is not None
    assert told.end.error.code == "internal_server_error"


@pytest.mark.rule("C088")
def test_the_next_request_works_after_a_failure_on_the_way(
    served: Served, wire: httpx2.Client, streamed: Json
) -> None:
    with post_raw(served, {**streamed, "prompt": prompt("a death")}) as raw:
        raw.receive_all()
    stream(wire.post("analyze", json=streamed))


@pytest.mark.sdk
@pytest.mark.rule("C088")
def test_every_sdk_raises_when_the_answer_breaks_off(served: Served, sdk: Sdk, streamed: Json) -> None:
    step = {
        "do": "analyze_stream",
        "video": streamed["video"],
        "prompt": prompt("a death"),
        "model_name": "pegasus1.5",
    }
    (result,) = sdk.run(served.url + "/v1.3", served.key, step)
    assert "raised" in result, result
    assert _text(result["got"]) == "The first half. "


@pytest.mark.rule("C089")
@pytest.mark.parametrize("most", [1, 7, 100])
def test_a_stream_that_reaches_max_tokens_says_so(wire: httpx2.Client, streamed: Json, most: int) -> None:
    cut = {**streamed, "model_name": "pegasus1.2", "prompt": prompt("long text"), "max_tokens": most}
    told = stream(wire.post("analyze", json=cut))
    assert told.end.finish_reason == "length"
    assert 0 < told.end.metadata.usage.output_tokens <= most
    assert told.end.error is not None
    assert told.end.error.message.startswith("output truncated:")
    assert LONG_TEXT.startswith(told.text)
    assert told.text == answer(wire.post("analyze", json={**cut, "stream": False})).data


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "count": {"type": "integer"},
        "scenes": {"type": "array", "items": {"type": "object", "properties": {"what": {"type": "string"}}}},
    },
    "required": ["title", "count", "scenes"],
}


@pytest.mark.rule("C090")
def test_a_json_stream_adds_up_to_json(wire: httpx2.Client, streamed: Json) -> None:
    shaped = {**streamed, "temperature": 0, "response_format": {"type": "json_schema", "json_schema": SCHEMA}}
    told = stream(wire.post("analyze", json=shaped))
    whole = answer(wire.post("analyze", json={**shaped, "stream": False}))
    value = json.loads(told.text)
    assert told.text == whole.data
    assert isinstance(value["title"], str)
    assert isinstance(value["count"], int)
    assert isinstance(value["scenes"], list)


@pytest.mark.rule("C081")
def test_many_streams_at_once_keep_to_themselves(served: Served, streamed: Json) -> None:
    with ExitStack() as held:
        raws = [
            held.enter_context(post_raw(served, {**streamed, "prompt": f"Question {number}?"}))
            for number in range(8)
        ]
        ends = [raw.receive_until(b"0\r\n\r\n").partition(b"\r\n\r\n")[2] for raw in raws]
    bodies = [b"".join(chunks(rest)[0]) for rest in ends]
    told = [read_stream(body) for body in bodies]
    assert len({one.start.metadata.generation_id for one in told}) == 8
    for number, one in enumerate(told):
        assert f"Question {number}?" in one.text


@pytest.mark.rule("C085")
def test_open_streams_delay_nobody_else(served: Served, wire: httpx2.Client, streamed: Json) -> None:
    with ExitStack() as held:
        for _ in range(10):
            raw = held.enter_context(post_raw(served, {**streamed, "prompt": prompt("many pieces")}))
            raw.receive_until(b"text_generation")
        began = time.monotonic()
        for _ in range(10):
            assert wire.get("assets").status_code == 200
        assert time.monotonic() - began < 3

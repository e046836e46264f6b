"""Holds the page of rules to the tests, and the strict models to their strictness."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from tests.conformance.exact import Answer, Asset, read_stream
from tests.conformance.exact_tasks import ListedTask, Task, TaskEvent
from tests.conformance.receiver import Received
from tests.conformance.report import PAGE, page
from tests.conformance.rules import GROUPS

START = b'{"event_type":"stream_start","metadata":{"generation_id":"g"}}\n'
TEXT = b'{"event_type":"text_generation","text":"\\u00e9"}\n'
END = (
    b'{"event_type":"stream_end","finish_reason":"stop",'
    b'"metadata":{"generation_id":"g","usage":{"output_tokens":1,"input_tokens":2}}}\n'
)


def test_the_page_of_rules_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_rule_is_there_once() -> None:
    numbers = [rule.number for rules in GROUPS.values() for rule in rules]
    assert numbers == [f"C{number:03}" for number in range(1, 205)]


def test_a_good_stream_is_read() -> None:
    told = read_stream(START + b"\n" + TEXT + TEXT + END)
    assert (told.text, told.empty_lines) == ("éé", 1)


@pytest.mark.parametrize(
    "body",
    [
        START + TEXT + END[:-1],
        TEXT + END,
        START + TEXT,
        START + START + END,
        START + END + END,
        START + END + b"\n",
        START + TEXT.replace(b"\\u00e9", "é".encode()) + END,
        START + TEXT.replace(b"\n", b"\r\n") + END,
        START.replace(b'"g"', b'"h"') + END,
        START + END.replace(b'"output_tokens":1', b'"output_tokens":1.5'),
        START + END.replace(b'"stop"', b"null"),
        START + END.replace(b'"stop"', b'"length"'),
        START + TEXT.replace(b'"text"', b'"more":1,"text"') + END,
        START + b'{"event_type":"progress"}\n' + END,
        START + b"{}\n" + END,
    ],
)
def test_every_departure_from_the_grammar_is_seen(body: bytes) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        read_stream(body)


@pytest.mark.parametrize(
    "change",
    [
        {"error": None},
        {"error": {"message": "x"}},
        {"finish_reason": None},
        {"finish_reason": "length"},
        {"more": 1},
        {"data": {"a": 1}},
        {"usage": {"output_tokens": 1}},
        {"usage": {"output_tokens": "1", "input_tokens": 2}},
    ],
    ids=str,
)
def test_an_answer_with_a_flaw_is_seen(change: dict[str, object]) -> None:
    good = {"id": "g", "data": "x", "finish_reason": "stop", "usage": {"output_tokens": 1, "input_tokens": 2}}
    Answer.model_validate(good)
    with pytest.raises(ValidationError):
        Answer.model_validate({**good, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"_id": "x"},
        {"created_at": "2024-09-26T10:29:19Z"},
        {"created_at": 1727346559},
        {"status": "failed"},
        {"status": "ready"},
        {"error": {"message": "x"}},
        {"user_metadata": None},
        {"id": "0" * 24},
    ],
    ids=str,
)
def test_an_asset_with_a_flaw_is_seen(change: dict[str, object]) -> None:
    good = {
        "_id": "0" * 24,
        "method": "direct",
        "status": "processing",
        "filename": "a.mp4",
        "file_type": "video/mp4",
        "created_at": "2024-09-26T10:29:19.968Z",
    }
    Asset.model_validate(good)
    with pytest.raises(ValidationError):
        Asset.model_validate({**good, **change})


TASK: dict[str, Any] = {
    "task_id": "0" * 24,
    "custom_id": None,
    "status": "ready",
    "created_at": "2024-09-26T10:29:19.968Z",
    "completed_at": "2024-09-26T10:29:20.000Z",
    "video_source": {"type": "url", "url": "https://a.example/v", "system_metadata": {"duration": 6}},
    "request_params": {
        "analysis_mode": "general",
        "prompt": "x",
        "temperature": 0.2,
        "max_tokens": 4096,
    },
    "result": {
        "generation_id": "g",
        "data": "x",
        "finish_reason": "stop",
        "usage": {"output_tokens": 1, "input_tokens": 2},
    },
    "webhooks": [{"url": "https://a.example/h", "delivered": True, "attempts": 1}],
}
AT_WORK = {
    name: value for name, value in TASK.items() if name not in ("completed_at", "result", "webhooks")
} | {"status": "processing", "progress": {"stage": "look", "fraction": 0.5, "attempt": 1}}
EVENT: dict[str, Any] = {
    "id": "whe_" + "0" * 32,
    "created_at": "2024-09-26T10:29:20.000Z",
    "type": "analyze.task.canceled",
    "data": {
        "id": "0" * 24,
        "custom_id": None,
        "status": "canceled",
        "created_at": "2024-09-26T10:29:19.968Z",
    },
}


def _changed(good: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with the value at `path` replaced, or removed when it is `...`."""
    changed = deepcopy(good)
    *way, last = path.split(".")
    place = changed
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize(
    ("good", "path", "value"),
    [
        (TASK, "custom_id", ...),
        (TASK, "custom_id", "a b"),
        (TASK, "completed_at", ...),
        (TASK, "completed_at", "2024-09-26T10:29:19.000Z"),
        (TASK, "result", ...),
        (TASK, "result.data", {"a": 1}),
        (TASK, "result.finish_reason", None),
        (TASK, "result.finish_reason", "length"),
        (TASK, "result.usage", {}),
        (TASK, "error", {"message": "x"}),
        (TASK, "error", None),
        (TASK, "more", 1),
        (TASK, "status", "done"),
        (TASK, "status", "failed"),
        (TASK, "webhooks", []),
        (TASK, "webhooks", [{"url": "x", "delivered": True, "attempts": 0}]),
        (TASK, "webhooks", [{"url": "x", "delivered": True, "attempts": 1, "last_error": "x"}]),
        (TASK, "progress", {"stage": "look", "fraction": 1.0, "attempt": 1}),
        (TASK, "video_source.asset_id", "0" * 24),
        (TASK, "video_source.base64_string", "AAAA"),
        (TASK, "video_source.type", "asset_id"),
        (TASK, "request_params.prompt", ...),
        (TASK, "request_params.prompt_v2", {"input_text": "x"}),
        (TASK, "request_params.model_name", "pegasus1.5"),
        (TASK, "request_params.start_time", None),
        (TASK, "request_params.temperature", ...),
        (TASK, "request_params.min_segment_duration", 2),
        (AT_WORK, "result", TASK["result"]),
        (AT_WORK, "error", {"message": "x"}),
        (AT_WORK, "completed_at", TASK["completed_at"]),
        (AT_WORK, "webhooks", TASK["webhooks"]),
        (AT_WORK, "progress.fraction", 1.5),
        (AT_WORK, "status", "queued"),
    ],
    ids=str,
)
def test_a_task_with_a_flaw_is_seen(good: dict[str, Any], path: str, value: object) -> None:
    Task.model_validate(good)
    with pytest.raises(ValidationError):
        Task.model_validate(_changed(good, path, value))


def test_a_task_that_is_not_shortened_is_seen_in_a_list() -> None:
    ListedTask.model_validate(TASK)
    with pytest.raises(ValidationError):
        ListedTask.model_validate(_changed(TASK, "request_params.prompt", "x" * 31))
    schema = {"type": "json_schema", "json_schema": {"type": "object"}}
    with pytest.raises(ValidationError):
        ListedTask.model_validate(_changed(TASK, "request_params.response_format", schema))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "whe_0"),
        ("type", "analyze.task.ready"),
        ("data.custom_id", ...),
        ("data.error", {"message": "x"}),
        ("data.error", None),
        ("data.result", {}),
        ("data.completed_at", "2024-09-26T10:29:20.000Z"),
        ("created_at", 1727346559),
    ],
    ids=str,
)
def test_an_event_with_a_flaw_is_seen(path: str, value: object) -> None:
    TaskEvent.model_validate(EVENT)
    with pytest.raises(ValidationError):
        TaskEvent.model_validate(_changed(EVENT, path, value))


def test_the_receiver_verifies_the_documented_signature() -> None:
    signed = "t=1659342128,v1=04926d5c7200e01dbfb65ae2d9b7b272e84632fe2276694f2b2aeb4621bd194b"
    received = Received("/", {"tl-signature": signed}, b'{"name":"test"}', 1659342130.0, 200)
    assert received.signed_at("secret") == 1659342128
    for wrong in (
        replace(received, body=b'{"name": "test"}'),
        replace(received, at=1659342128.0 + 301),
        replace(received, headers={"tl-signature": signed.replace("v1=0", "v1=1")}),
    ):
        with pytest.raises(AssertionError):
            wrong.signed_at("secret")
    with pytest.raises(AssertionError):
        received.signed_at("other")

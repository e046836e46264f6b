"""Holds the page of rules to the tests, and the strict models to their strictness."""

import pytest
from pydantic import ValidationError
from tests.conformance.exact import Answer, Asset, read_stream
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

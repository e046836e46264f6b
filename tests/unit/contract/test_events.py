import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import EngineFailed
from kinoscribe.contract.events import (
    HEARTBEAT,
    Ended,
    Progress,
    Started,
    TextPart,
    Usage,
    answer_body,
    ndjson,
)
from kinoscribe.contract.warnings import truncated


@given(st.text())
def test_every_text_arrives_as_one_line_of_ascii(text: str) -> None:
    line = ndjson(TextPart(text))
    assert line is not None
    assert line.isascii()
    assert line.endswith(b"\n")
    assert len(line.splitlines()) == len(line.decode().splitlines()) == 1
    assert json.loads(line) == {"event_type": "text_generation", "text": text}


def test_both_halves_of_a_character_stand_in_one_event() -> None:
    assert ndjson(TextPart("\U0001f600")) == b'{"event_type":"text_generation","text":"\\ud83d\\ude00"}\n'


def test_half_a_character_is_replaced() -> None:
    line = ndjson(TextPart("a\ud83d"))
    assert line is not None
    assert json.loads(line)["text"] == "a�"


def test_start_and_end_have_exactly_their_keys() -> None:
    assert json.loads(ndjson(Started("g")) or b"") == {
        "event_type": "stream_start",
        "metadata": {"generation_id": "g"},
    }
    ended = Ended("g", "stop", Usage(output_tokens=3, input_tokens=5))
    assert json.loads(ndjson(ended) or b"") == {
        "event_type": "stream_end",
        "finish_reason": "stop",
        "metadata": {"generation_id": "g", "usage": {"output_tokens": 3, "input_tokens": 5}},
    }


def test_progress_is_not_on_the_wire_and_a_heartbeat_is_an_empty_line() -> None:
    assert ndjson(Progress("speech", 0.5)) is None
    assert HEARTBEAT == b"\n"


def test_a_cut_answer_carries_its_warning_and_a_broken_one_its_error() -> None:
    cut = Ended("g", "length", Usage(4, 5), warning=truncated(4, 4))
    assert json.loads(ndjson(cut) or b"")["error"] == {"message": truncated(4, 4)}
    broken = Ended("g", None, Usage(4, 5), error=EngineFailed(reason="it died."))
    last = json.loads(ndjson(broken) or b"")
    assert last["finish_reason"] is None
    assert last["error"] == {
        "message": "The analysis engine failed: it died.",
        "code": "internal_server_error",
    }


def test_an_answer_that_was_not_streamed_has_its_five_keys() -> None:
    ended = Ended("g", "length", Usage(4, 5), warning="output truncated: so.")
    assert answer_body("g", "é", ended) == {
        "id": "g",
        "data": "é",
        "finish_reason": "length",
        "usage": {"output_tokens": 4, "input_tokens": 5},
        "error": {"message": "output truncated: so."},
    }
    assert "error" not in answer_body("g", "", Ended("g", "stop", Usage(0, 0)))


@pytest.mark.parametrize(("tokens", "named"), [(512, "max_tokens was reached"), (511, "context limit")])
def test_the_warning_names_the_limit_that_was_reached(tokens: int, named: str) -> None:
    warning = truncated(tokens, 512)
    assert warning.startswith("output truncated:")
    assert named in warning

"""Evidence and a question become text, an end, and a receipt, whatever happens on the way."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended import Engine, Gatherer, Parts, Receipts, job, says

from kinoscribe.analysis import run
from kinoscribe.analysis.job import Job
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import DatabaseUnavailable, EngineFailed, StorageFull, VideoFileBroken
from kinoscribe.contract.events import Ended, Event, TextPart, Usage
from kinoscribe.engines.engine import Ask, Finished, Piece, Text

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def events(parts: Parts, asked: Job) -> list[Event]:
    return list(run.events(replace(asked, engine=parts.engine), parts.tools))


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, TextPart))


def ended(said: list[Event]) -> Ended:
    assert isinstance(said[-1], Ended)
    assert sum(isinstance(event, Ended) for event in said) == 1
    return said[-1]


def test_an_answer_is_text_and_one_end_with_its_tokens_counted() -> None:
    parts = Parts(Engine(says("One two ", "three.")))
    said = events(parts, job())
    assert text(said) == "One two three."
    end = ended(said)
    assert (end.finish_reason, end.warning, end.error) == ("stop", None, None)
    assert end.usage.output_tokens == 4
    assert end.usage.input_tokens > 5, "the evidence counts as well"
    assert parts.engine.closed == 1


def test_the_engine_sees_the_window_only() -> None:
    parts = Parts()
    events(parts, job(10.0, 20.0))
    (ask,) = parts.engine.asked
    assert [sentence.text for sentence in ask.notes.speech] == ["Late words."]
    assert [(shot.start, shot.end) for shot in ask.notes.shots] == [(10.0, 20.0)]
    assert (ask.start, ask.end) == (10.0, 20.0)


def test_an_answer_that_is_too_long_is_cut_with_a_warning_and_the_engine_is_stopped() -> None:
    asked = []

    def endless(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        while True:
            asked.append(1)
            yield Text("word ")

    parts = Parts(Engine(endless))
    end = ended(events(parts, job(max_tokens=10)))
    assert end.finish_reason == "length"
    assert end.usage.output_tokens == 10
    assert end.warning is not None
    assert end.warning.startswith("output truncated:")
    assert "max_tokens" in end.warning
    assert parts.engine.closed == 1
    assert len(asked) == 11


def test_what_is_no_character_is_marked_as_such() -> None:
    parts = Parts(Engine(says("One \ud83d", " two \U0001f600.")))
    assert text(events(parts, job())) == "One \ufffd two \U0001f600."


def test_a_context_that_is_full_is_another_warning() -> None:
    parts = Parts(Engine(says("word " * 100), context_tokens=100))
    end = ended(events(parts, job(spent=40)))
    assert end.finish_reason == "length"
    assert end.usage.input_tokens + end.usage.output_tokens == 100
    assert end.warning is not None
    assert end.warning.startswith("output truncated:")


def test_an_engine_that_counts_for_itself_is_believed() -> None:
    parts = Parts(Engine(says("One.", finished=Finished("stop", 100, 50))))
    assert ended(events(parts, job())).usage == Usage(output_tokens=50, input_tokens=100)


def test_an_engine_that_says_it_was_cut_is_believed() -> None:
    parts = Parts(Engine(says("One.", finished=Finished("length"))))
    assert ended(events(parts, job())).finish_reason == "length"


def test_json_is_sent_only_when_it_fits_the_schema() -> None:
    good = Parts(Engine(says('{"a"', ": 1}")))
    assert text(events(good, job(json_schema=SCHEMA))) == '{"a":1}'
    bad = Parts(Engine(says('{"a"', ': "one"}')))
    said: list[Event] = []
    with pytest.raises(EngineFailed):
        said.extend(run.events(job(engine=bad.engine, json_schema=SCHEMA), bad.tools))
    assert text(said) == ""
    assert len(bad.engine.asked) == 2


def test_an_answer_that_does_not_fit_is_asked_for_once_more_with_the_fault() -> None:
    answers = iter(['{"a": "one"}', 'Sorry: ```json\n{"a": 1}\n```'])
    parts = Parts(Engine(lambda *_: iter([Text(next(answers)), Finished()])))
    said = events(parts, job(json_schema=SCHEMA))
    assert text(said) == '{"a":1}'
    assert ended(said).finish_reason == "stop"
    first, second = parts.engine.asked
    assert second.prompt.startswith(first.prompt)
    assert '{"a": "one"}' in second.prompt
    assert "/a" in second.prompt


def test_a_second_answer_that_is_cut_is_sent_as_it_is() -> None:
    answers = iter([[Text("no"), Finished()], [Text('{"a": '), Finished("length")]])
    parts = Parts(Engine(lambda *_: iter(next(answers))))
    said = events(parts, job(json_schema=SCHEMA))
    assert text(said) == '{"a": '
    assert ended(said).finish_reason == "length"


def test_an_engine_that_says_the_same_for_ever_is_cut_off() -> None:
    parts = Parts(Engine(lambda *_: (Text('{"a": 1},\n') for _ in itertools.count())))
    said = events(parts, job(json_schema=SCHEMA, max_tokens=20))
    assert ended(said).finish_reason == "length"
    assert ended(said).usage.output_tokens <= 20


def test_json_that_was_cut_is_sent_as_it_is_and_marked() -> None:
    parts = Parts(Engine(says('{"a": [1, 2', finished=Finished("length"))))
    said = events(parts, job(json_schema=SCHEMA))
    assert text(said) == '{"a": [1, 2'
    assert ended(said).finish_reason == "length"


@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_an_engine_that_just_stops_has_failed(schema: Any) -> None:
    parts = Parts(Engine(lambda *_: iter([Text('{"a": 1}')])))
    with pytest.raises(EngineFailed):
        events(parts, job(json_schema=schema))


def test_a_failure_keeps_count_and_has_a_receipt() -> None:
    def failing(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text("Half of ")
        raise EngineFailed(reason="no power.")

    parts, asked = Parts(Engine(failing)), job()
    with pytest.raises(EngineFailed):
        events(parts, asked)
    assert asked.spent.output_tokens == 2
    receipt = parts.receipts.bodies["an-id"]
    assert receipt["tokens"] == {"output_tokens": 2, "input_tokens": asked.spent.input_tokens}
    assert receipt["finish_reason"] is None
    assert receipt["error"] == {
        "code": "internal_server_error",
        "message": EngineFailed(reason="no power.").message,
    }


def test_evidence_that_fails_has_a_receipt_too() -> None:
    parts = Parts(gatherer=Gatherer(error=VideoFileBroken(reason="It is a poem.")))
    with pytest.raises(VideoFileBroken):
        events(parts, job())
    receipt = parts.receipts.bodies["an-id"]
    assert receipt["evidence"] is None
    assert receipt["error"]["code"] == "video_file_broken"
    assert parts.engine.asked == []


@pytest.mark.parametrize("error", [StorageFull(), DatabaseUnavailable()])
def test_a_receipt_that_cannot_be_kept_costs_nobody_the_answer(error: Any) -> None:
    parts = Parts(receipts=Receipts(error=error))
    assert ended(events(parts, job())).finish_reason == "stop"


def test_the_receipt_is_there_when_the_end_is_said() -> None:
    parts = Parts(gatherer=Gatherer(at_hand=True))
    for event in run.events(job(engine=parts.engine), parts.tools):
        if isinstance(event, Ended):
            receipt = parts.receipts.bodies["an-id"]
    assert receipt["finish_reason"] == "stop"
    assert receipt["evidence"]["from_store"] is True
    assert set(receipt["seconds"]) == {"evidence", "answer"}


def test_a_receipt_does_not_tell_that_others_have_asked_about_the_video() -> None:
    parts = Parts(gatherer=Gatherer(at_hand=True), receipts=Receipts(known=False))
    events(parts, job())
    assert parts.receipts.bodies["an-id"]["evidence"]["from_store"] is False


def test_whoever_loses_interest_stops_the_engine() -> None:
    parts = Parts(Engine(says(*["word "] * 100)))
    asked = job(engine=parts.engine)
    with closing(run.events(asked, parts.tools)) as said:
        while not isinstance(next(said), TextPart):
            continue
        asked.cancel.throw()
        with pytest.raises(Canceled):
            list(said)
    assert parts.engine.closed == 1


def test_closing_the_answer_closes_the_engine() -> None:
    parts = Parts(Engine(says(*["word "] * 100)))
    said = run.events(job(engine=parts.engine), parts.tools)
    while not isinstance(next(said), TextPart):
        continue
    said.close()
    assert parts.engine.closed == 1

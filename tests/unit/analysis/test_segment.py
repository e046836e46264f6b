"""Segments are asked for window by window; nonsense, limits and second attempts end as the contract wants."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.analysis.pretended import NOTES, Engine, Parts, job, says

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.segment import segment
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import AnalysisFailed, ApiError, EngineFailed
from kinoscribe.contract.events import Ended, TextPart
from kinoscribe.contract.segments import Definition, DefinitionField, Segmentation
from kinoscribe.engines.engine import Ask, Finished, Piece, Text

FIELDS = (
    DefinitionField("title", "string", "a title"),
    DefinitionField("mood", "string", "a mood", enum=("calm", "loud")),
    DefinitionField("count", "integer", "how many"),
    DefinitionField("share", "number", "how much"),
    DefinitionField("live", "boolean", "is it live"),
    DefinitionField("tags", "array", "tags", enum=("a", "b"), items="string"),
    DefinitionField("peak", "timestamp", "the best moment", format="hh:mm:ss.fff"),
    DefinitionField("goals", "time_array", "goals", fields=(DefinitionField("who", "string", "by whom"),)),
)
PART = Definition("part", "a part", FIELDS)
OTHER = Definition("other one", "another part")
GOOD = {"part": [{"start_time": 1, "end_time": 5, "metadata": {"title": "One"}}], "other one": []}


def asked(*definitions: Definition, **more: Any) -> Segmentation:
    return Segmentation(definitions or (PART, OTHER), **{"max_tokens": 4096, **more})


def say(
    play: Any, segmentation: Segmentation | None = None, *, lenient: bool = False, **more: Any
) -> tuple[str, Ended, Engine, Job]:
    engine = Engine(play)
    for name in ("context_tokens",):
        if name in more:
            setattr(engine, name, more.pop(name))
    tools = Parts(engine=engine).tools
    object.__setattr__(tools.settings, "partial_segments", lenient)
    task = more.pop("task", None) or job(
        prompt="", segmentation=segmentation or asked(), analysis_mode="time_based_metadata", **more
    )
    texts = []
    said = segment(replace(task, engine=engine), NOTES, tools)
    try:
        while True:
            event = next(said)
            if isinstance(event, TextPart):
                texts.append(event.text)
    except StopIteration as stop:
        return "".join(texts), stop.value, engine, task


def test_every_definition_is_answered_in_the_order_of_the_request() -> None:
    text, ended, engine, _ = say(says(json.dumps(GOOD)))
    nulls = dict.fromkeys([field.name for field in FIELDS])
    assert json.loads(text) == {
        "part": [{"start_time": 1, "end_time": 5, "metadata": {**nulls, "title": "One"}}],
        "other one": [],
    }
    assert list(json.loads(text)["part"][0]["metadata"]) == [field.name for field in FIELDS]
    assert (ended.finish_reason, ended.warning) == ("stop", None)
    assert ended.usage.output_tokens > 0
    assert [wish.id for wish in engine.asked[0].segments] == ["part", "other one"]
    assert len(engine.asked) == 1


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ({"mood": "LOUD"}, {"mood": "loud"}),
        ({"mood": "angry"}, {"mood": None}),
        ({"count": 3.0}, {"count": 3}),
        ({"count": "4"}, {"count": 4}),
        ({"count": 3.5}, {"count": None}),
        ({"count": True}, {"count": None}),
        ({"count": 10**30}, {"count": None}),
        ({"share": "nan"}, {"share": None}),
        ({"share": "2.5"}, {"share": 2.5}),
        ({"live": "yes"}, {"live": True}),
        ({"live": "perhaps"}, {"live": None}),
        ({"tags": ["a", "z", 3, None, "b"]}, {"tags": ["a", "b"]}),
        ({"tags": "a"}, {"tags": ["a"]}),
        ({"tags": None}, {"tags": None}),
        ({"title": {"text": "One"}}, {"title": None}),
        ({"title": 7}, {"title": "7"}),
        ({"title": "\ud800!"}, {"title": "?!"}),
        ({"peak": "0:03"}, {"peak": "00:00:03.000"}),
        ({"peak": 900}, {"peak": None}),
        ({"peak": "soon"}, {"peak": None}),
        (
            {"goals": [{"start_time": 0, "end_time": 2, "who": "x"}, {"start_time": 8, "end_time": 9}, 3]},
            {"goals": [{"start_time": 1, "end_time": 2, "who": "x"}]},
        ),
        ({"goals": "none"}, {"goals": None}),
    ],
)
def test_values_have_their_types_or_are_null(given_value: Any, expected: Any) -> None:
    body = {"part": [{"start_time": 1, "end_time": 5, "metadata": given_value}], "other one": []}
    text, *_ = say(says(json.dumps(body)))
    (found,) = json.loads(text)["part"]
    assert {name: found["metadata"][name] for name in expected} == expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("seconds", (1.25, 5.5, 2.0)),
        ("hh:mm:ss", ("00:00:01", "00:00:06", "00:00:02")),
        ("hh:mm:ss.fff", ("00:00:01.250", "00:00:05.500", "00:00:02.000")),
    ],
)
def test_boundaries_follow_the_style_and_a_timestamp_its_own_format(style: Any, expected: Any) -> None:
    values = {"peak": 2.0, "goals": [{"start_time": 2.0, "end_time": 3.0}]}
    body = {"part": [{"start_time": 1.25, "end_time": 5.5, "metadata": values}], "other one": []}
    exact = Finished(notes={"times": "exact"})
    text, *_ = say(says(json.dumps(body), finished=exact), asked(time_style=style))
    (found,) = json.loads(text)["part"]
    start, end, event = expected
    assert (found["start_time"], found["end_time"]) == (start, end)
    assert found["metadata"]["peak"] == "00:00:02.000"
    assert found["metadata"]["goals"][0]["start_time"] == event


def test_several_definitions_share_windows_that_end_at_cuts() -> None:
    def play(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text(
            json.dumps({wish.id: [{"start_time": ask.start, "end_time": ask.end}] for wish in ask.segments})
        )
        yield Finished()

    notes_end = replace(NOTES, end=60.0)
    engine = Engine(play)
    engine.context_tokens = 10
    tools = Parts(engine=engine).tools
    object.__setattr__(tools.settings, "partial_segments", False)
    task = job(0.0, 60.0, engine=engine, prompt="", segmentation=asked(replace(PART, fields=()), OTHER))
    for _ in segment(task, notes_end, tools):
        pass
    assert [(ask.start, ask.end) for ask in engine.asked] == [(0, 15), (15, 30), (30, 45), (45, 60)]
    assert all(len(ask.segments) == 2 for ask in engine.asked)
    assert all(ask.end - ask.start <= 20.0 + 1e-6 for ask in engine.asked)


def test_ranges_are_all_that_is_looked_at() -> None:
    ranged = replace(OTHER, ranges=((2.0, 4.0), (10.0, 14.0)))
    body = json.dumps({"other one": [{"start_time": 0, "end_time": 20}]})
    text, _, engine, _ = say(says(body), asked(ranged))
    assert [(ask.start, ask.end) for ask in engine.asked] == [(2.0, 4.0), (10.0, 14.0)]
    assert [s.text for ask in engine.asked for s in ask.notes.speech] == ["Early words."]
    times = [(s["start_time"], s["end_time"]) for s in json.loads(text)["other one"]]
    assert times == [(2, 4), (10, 14)]


def test_times_counted_from_the_begin_of_a_window_are_put_right() -> None:
    ranged = replace(OTHER, ranges=((10.0, 14.0),))
    text, *_ = say(says(json.dumps({"other one": [{"start_time": 1, "end_time": 3}]})), asked(ranged))
    assert [(s["start_time"], s["end_time"]) for s in json.loads(text)["other one"]] == [(11, 13)]


NONSENSE = [
    "",
    "no",
    "[]",
    "{}",
    "[" * 20_000,
    '{"part": 3, "other one": []}',
    '{"part": [1], "other one": []}',
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_asked_about_once_more_and_then_fails(nonsense: str) -> None:
    engine = Engine(says(nonsense))
    with pytest.raises(EngineFailed, match=r"asked twice, .*(JSON|array|element)"):
        say(engine.play)
    answers = iter([nonsense, json.dumps(GOOD)])

    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text(next(answers))
        yield Finished()

    text, _, asked_engine, _ = say(play)
    assert json.loads(text)["part"]
    assert "cannot be used" in asked_engine.asked[1].prompt


def test_boundaries_move_to_a_cut_near_them_unless_the_engine_knows_its_times() -> None:
    said = json.dumps({"other one": [{"start_time": 3.5, "end_time": 9.6}]})
    for notes, end in (({}, 10), ({"times": "exact"}, 9.6)):
        text, *_ = say(says(said, finished=Finished(notes=notes)), asked(OTHER))
        assert json.loads(text)["other one"][0]["end_time"] == end


def test_a_fence_around_the_answer_is_taken_off() -> None:
    text, *_ = say(says(f"Here it is:\n```json\n{json.dumps(GOOD)}\n```"))
    assert len(json.loads(text)["part"]) == 1


def many(count: int) -> str:
    part = [
        {"start_time": n / 100, "end_time": (n + 1) / 100, "metadata": {"title": f"Segment {n}"}}
        for n in range(count)
    ]
    return json.dumps({"part": part, "other one": part[:2]})


def test_over_max_tokens_the_analysis_fails_and_says_what_to_change() -> None:
    with pytest.raises(AnalysisFailed, match=r"^analysis failed: .*max_tokens is 2048\. Raise max_tokens"):
        say(says(many(1500)), asked(max_tokens=2048))


def test_with_the_setting_what_was_found_is_given_with_a_warning() -> None:
    text, ended, *_ = say(says(many(1500)), asked(max_tokens=2048), lenient=True)
    found = json.loads(text)
    assert 20 < len(found["part"]) < 1500
    assert len(found["other one"]) == 2
    assert ended.usage.output_tokens <= 2048
    assert ended.finish_reason == "stop"
    assert ended.warning == "partial result: the segments of part are incomplete: max_tokens was reached."


def test_unlimited_ends_ready_with_a_warning_for_a_window_that_brought_nothing() -> None:
    ranged = replace(OTHER, ranges=((2.0, 4.0), (10.0, 14.0)))

    def play(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text(
            "no" if ask.start == 10.0 else json.dumps({"other one": [{"start_time": 2, "end_time": 3}]})
        )
        yield Finished()

    text, ended, *_ = say(play, asked(ranged, max_tokens=None))
    assert len(json.loads(text)["other one"]) == 1
    assert ended.warning is not None
    assert ended.warning.startswith(
        "partial result: the segments of other one are incomplete: from 10.0 to 14.0"
    )
    assert ended.finish_reason == "stop"


def test_of_an_answer_that_was_cut_the_complete_elements_are_kept_where_parts_are_welcome() -> None:
    whole = json.dumps({"other one": [{"start_time": n, "end_time": n + 1} for n in range(9)]})
    for cut in (len(whole) - 20, len(whole) - 3, len(whole) - 1):
        play = says(whole[:cut], finished=Finished("length"))
        text, ended, *_ = say(play, asked(OTHER, max_tokens=None))
        assert len(json.loads(text)["other one"]) in (8, 9)
        assert ended.warning is not None
        assert "other one" in ended.warning


def test_nothing_found_at_all_is_a_failure_even_when_parts_are_welcome() -> None:
    with pytest.raises(EngineFailed, match="asked twice"):
        say(says("no"), asked(max_tokens=None))


@pytest.mark.parametrize("finished", [Finished("length"), None])
def test_an_answer_without_end_fails_at_max_tokens(finished: Finished | None) -> None:
    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        for _ in range(3 if finished else 10_000_000):
            yield Text("the same line for ever\n")
        if finished is not None:
            yield finished

    with pytest.raises(AnalysisFailed, match="max_tokens"):
        say(play)


def test_an_engine_that_breaks_off_is_a_failure() -> None:
    def play(_ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        yield Text("{")

    with pytest.raises(EngineFailed, match="stopped before the end"):
        say(play)


def test_a_second_attempt_does_not_ask_again_about_windows_that_are_done() -> None:
    ranged = replace(OTHER, ranges=((2.0, 4.0), (10.0, 14.0)))

    def breaks(ask: Ask, _cancel: Cancel) -> Iterator[Piece]:
        if ask.start == 10.0:
            raise EngineFailed(reason="it died")
        yield Text(json.dumps({"other one": [{"start_time": 2, "end_time": 3}]}))
        yield Finished()

    task = job(prompt="", segmentation=asked(ranged))
    with pytest.raises(ApiError, match="it died"):
        say(breaks, task=task)
    works = says(json.dumps({"other one": [{"start_time": 11, "end_time": 12}]}))
    text, _, engine, _ = say(works, task=task)
    assert [ask.start for ask in engine.asked] == [10.0]
    assert [s["start_time"] for s in json.loads(text)["other one"]] == [2, 11]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TIME = st.one_of(
    st.floats(-5, 30), st.floats(), st.text(max_size=9), st.none(), st.sampled_from(["0:03", "[00:00:04]"])
)
SAID = st.fixed_dictionaries(
    {"start_time": TIME, "end_time": TIME},
    optional={"metadata": st.fixed_dictionaries({}, optional={field.name: JSON for field in FIELDS}) | JSON},
)


@given(
    st.lists(SAID | JSON, max_size=12), st.lists(SAID, max_size=4), st.sampled_from(["seconds", "hh:mm:ss"])
)
def test_whatever_is_said_the_answer_holds_or_the_analysis_fails(part: Any, other: Any, style: Any) -> None:
    said = json.dumps({"part": part, "other one": other})
    try:
        text, *_ = say(says(said), asked(time_style=style, shortest=2.0))
    except EngineFailed:
        return
    text.encode("utf-8")
    for found in json.loads(text, parse_constant=pytest.fail).values():
        times = [(clock(s["start_time"]), clock(s["end_time"])) for s in found]
        assert all(0 <= start < end <= 20 for start, end in times)
        assert all(b[0] >= a[1] for a, b in itertools.pairwise(times))
    for one in json.loads(text)["part"]:
        check(one)


def clock(value: Any) -> float:
    if isinstance(value, str):
        hours, minutes, seconds = value.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return float(value)


def check(one: dict[str, Any]) -> None:
    values = one["metadata"]
    assert list(values) == [field.name for field in FIELDS]
    kinds = {
        "title": str,
        "mood": str,
        "count": int,
        "share": int | float,
        "live": bool,
        "tags": list,
        "peak": str,
    }
    for name, kind in kinds.items():
        assert values[name] is None or isinstance(values[name], kind), name
    assert not isinstance(values["count"], bool)
    assert values["mood"] in (None, "calm", "loud")
    assert values["tags"] is None or set(values["tags"]) <= {"a", "b"}
    for event in values["goals"] or []:
        assert list(event) == ["start_time", "end_time", "who"]
        assert (
            clock(one["start_time"])
            <= clock(event["start_time"])
            < clock(event["end_time"])
            <= clock(one["end_time"])
        )

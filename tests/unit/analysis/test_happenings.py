"""Whatever an engine says of a part becomes events inside of it, or nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.happenings import (
    SCHEMA,
    Happening,
    describing,
    joining,
    lines,
    read_happenings,
    restored,
    stored,
)
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.output.conform import conform


def said(*events: dict[str, Any]) -> str:
    return json.dumps({"events": events})


def event(start: Any, end: Any, what: Any = "It rains") -> dict[str, Any]:
    return {"start_time": start, "end_time": end, "what": what, "who": "", "said": "", "shown": ""}


def test_events_are_read_in_the_order_of_time() -> None:
    text = said(event(70, 80, "Later"), event("[61.0 s]", "1:05", "Sooner"))
    assert read_happenings(text, 60.0, 120.0) == (
        Happening(61.0, 65.0, "Sooner"),
        Happening(70.0, 80.0, "Later"),
    )


def test_times_outside_of_the_part_are_moved_into_it_or_not_believed() -> None:
    text = said(event(50, 70), event(110, 400), event(500, 600, "Elsewhere"))
    assert [(one.start, one.end) for one in read_happenings(text, 60.0, 120.0)] == [
        (60.0, 70.0),
        (110.0, 120.0),
    ]


def test_times_counted_from_the_begin_of_the_part_are_put_right() -> None:
    assert [
        (one.start, one.end) for one in read_happenings(said(event(0, 10), event(10, 50)), 60.0, 120.0)
    ] == [
        (60.0, 70.0),
        (70.0, 110.0),
    ]


def test_plain_words_are_one_event_and_no_words_none() -> None:
    assert read_happenings("It rains\nall day.", 1.0, 2.0) == (Happening(1.0, 2.0, "It rains all day."),)
    for nothing in ("", "  \n", said(), '{"events": 3}', "[]", said(event(1, 2, ""))):
        assert read_happenings(nothing, 1.0, 2.0) == ()


def test_of_an_account_that_was_cut_the_complete_events_are_kept() -> None:
    whole = said(event(1, 2, "One"), event(2, 3, "Two"))
    assert [one.what for one in read_happenings(whole[:-40], 0.0, 9.0)][:1] == ["One"]


def test_an_event_without_times_is_of_the_whole_part() -> None:
    assert read_happenings('{"events": [{"what": "It rains"}]}', 3.0, 9.0) == (
        Happening(3.0, 9.0, "It rains"),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
EVENT = st.fixed_dictionaries(
    {},
    optional={"start_time": JSON, "end_time": JSON, "what": JSON, "who": JSON, "said": JSON, "shown": JSON},
)


@given(st.one_of(JSON, st.fixed_dictionaries({"events": st.lists(EVENT | JSON, max_size=5)})), st.booleans())
def test_whatever_is_said_all_events_lie_inside_of_the_part(value: Any, broken: bool) -> None:
    text = json.dumps(value)
    found = read_happenings(text[: len(text) // 2] if broken else text, 10.0, 20.0)
    assert all(10.0 <= one.start <= one.end <= 20.0 for one in found)
    assert list(found) == sorted(found, key=lambda one: (one.start, one.end))
    lines(found).encode("utf-8")
    assert restored(json.loads(json.dumps(stored(found)))) == found


def test_lines_tell_all_of_an_event_with_the_clocks_of_the_pictures() -> None:
    one = Happening(1.0, 62.55, "It rains.", "Ada", "Oh no.", "an umbrella")
    assert lines([one]) == "[1.0 s - 62.5 s] It rains; who: Ada; said: Oh no.; shown: an umbrella"
    assert lines([one], briefly=True) == "[1.0 s - 62.5 s] It rains"


def test_the_shape_that_is_asked_for_is_one_of_the_dialect() -> None:
    schema = read_schema(SCHEMA, "pegasus1.5")
    assert conform(said(event(1, 2)), schema) == json.dumps({"events": [event(1, 2)]}, separators=(",", ":"))


@pytest.mark.parametrize("words", [describing(60.0, 120.5), joining(60.0, 120.5, 7)])
def test_the_words_that_ask_name_the_part(words: str) -> None:
    assert "60.0" in words
    assert "120.5" in words
    assert "seconds" in words

"""Bytes in any pieces give the same events, and events tell no more than they can."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.engines.openai.stream import Heard, ToldError, Unreadable, events, hear, is_done

ROWS = ["Ä dog", "runs\n\nfast", 'says "data: x"', "", "犬"]


def stream(end: bytes) -> bytes:
    told = [{"choices": [{"index": 0, "delta": {"content": row}}]} for row in ROWS]
    lines = [b"data: " + json.dumps(one, ensure_ascii=False).encode() + end + end for one in told]
    return b": a comment" + end + end + b"".join(lines) + b"data: [DONE]" + end + end


@settings(deadline=None)
@given(st.lists(st.integers(0, 400)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_events_are_the_same_however_they_are_cut(cuts: list[int], end: bytes) -> None:
    data = stream(end)
    edges = [0, *sorted(cuts), len(data)]
    parts = [data[a:b] for a, b in pairwise(edges)]
    found = list(events(parts))
    assert [hear(one).text for one in found[:-1]] == ROWS
    assert is_done(found[-1])


def test_an_event_is_there_as_soon_as_its_empty_line_is_whatever_ends_lines() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        taken: list[int] = []
        parts = [b"data: a" + end + end, b"data: b" + end + end]
        found = events(taken.append(number) or part for number, part in enumerate(parts))  # type: ignore[func-returns-value]
        assert (next(found), taken) == (b"a", [0])
        assert (next(found), taken) == (b"b", [0, 1])


def test_an_event_without_its_empty_line_at_the_end_still_counts() -> None:
    assert list(events([b'data: {"a":1}'])) == [b'{"a":1}']
    assert list(events([b"data: a\ndata: b\n\n"])) == [b"a\nb"]
    assert list(events([b"data: a\r", b"\n", b"", b"\n", b"data: b\r", b"", b"\n\n"])) == [b"a", b"b"]
    assert list(events([b"data: a\r", b"", b"\ndata: b\r\n\r\n"])) == [b"a\nb"]


def test_lines_that_are_no_data_are_passed_over() -> None:
    assert list(events([b"event: x\nid: 1\nretry: 5\ndata: a\n\n: b\n\nnonsense\n\n"])) == [b"a"]


@pytest.mark.parametrize("part", [b"data: " + b"x" * 1_000_000, b"data: " + b"x" * 1_000_000 + b"\n"])
def test_an_event_without_end_is_not_kept(part: bytes) -> None:
    with pytest.raises(Unreadable):
        list(events(part for _ in range(20)))


@pytest.mark.parametrize(
    ("event", "heard"),
    [
        ({"choices": []}, Heard()),
        ({}, Heard()),
        ({"id": "x", "object": "chat.completion.chunk"}, Heard()),
        ({"choices": None, "usage": None}, Heard()),
        ({"choices": [{"delta": None}]}, Heard()),
        ({"choices": [{"delta": {"role": "assistant", "content": None}}]}, Heard()),
        ({"choices": [{"delta": {"content": "a"}, "finish_reason": None}]}, Heard("a")),
        ({"choices": [{"index": 1, "delta": {"content": "a"}}]}, Heard()),
        ({"choices": [{"delta": {"reasoning_content": "hm"}}]}, Heard("", True)),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, Heard("", False, "stop")),
        ({"choices": [{"delta": {}, "finish_reason": 7}]}, Heard()),
        ({"choices": [{"delta": {"content": 7}}]}, Heard()),
        ({"choices": [{"delta": {"content": [{"text": "a"}, 7, {"text": 8}]}}]}, Heard("a")),
        ({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Heard("", False, None, 3, 4)),
        ({"choices": [], "usage": {"prompt_tokens": True, "completion_tokens": -1}}, Heard(miscounted=True)),
        ({"choices": [], "usage": "x", "error": None}, Heard(miscounted=True)),
        ({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 4}}, Heard("", False, None, None, 4, True)),
        ({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}}, Heard("", False, None, 3)),
        ({"choices": [], "usage": {}}, Heard()),
    ],
)  # fmt: skip
def test_each_event_is_heard_for_what_it_is(event: Any, heard: Heard) -> None:
    assert hear(json.dumps(event).encode()) == heard


@pytest.mark.parametrize(
    "event",
    [b"", b"{", b"[]", b"7", b'{"choices": {}}', b'{"choices": [7]}', b"\xff", b'{"choices":[{"delta":7}]}'],
)
def test_what_is_no_event_of_an_answer_is_told(event: bytes) -> None:
    with pytest.raises(Unreadable):
        hear(event)


@pytest.mark.parametrize("event", [{"error": {"message": "x"}}, {"error": "x", "choices": []}])
def test_an_error_in_the_middle_is_told(event: Any) -> None:
    with pytest.raises(ToldError):
        hear(json.dumps(event).encode())


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_do_any_harm(data: bytes) -> None:
    for event in events([data]):
        try:
            hear(event)
        except (Unreadable, ToldError):
            continue


def test_deep_nonsense_does_no_harm() -> None:
    with pytest.raises(Unreadable):
        hear(b'{"usage":' + b"[" * 100_000)

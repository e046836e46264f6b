"""Turns what an engine says of one window into raw segments by definition, or into what is wrong with it."""

import json
from typing import Any

from kinoscribe.analysis.merge import Segment
from kinoscribe.analysis.segment_values import read_values, seconds_of
from kinoscribe.engines.engine import SegmentWish
from kinoscribe.output.json_text import NotJson, find_json

Raw = dict[str, list[Any]]
_MOST = 20_000
_SLACK = 0.5  # seconds by which a time may lie outside of a window that it is meant to lie in


class Nonsense(Exception):
    """An answer that cannot be used as it is; the message says why, as one would tell whoever gave it.

    `rest` is what can still be made of it.
    """

    def __init__(self, reason: str, rest: Raw | None = None) -> None:
        super().__init__(reason)
        self.rest = rest or {}


def read_raw(text: str, wishes: tuple[SegmentWish, ...]) -> Raw:
    """The array of every definition. Raises `Nonsense`."""
    value = _object(text)
    raw: Raw = {}
    for wish in wishes:
        items = value.get(wish.id)
        if not isinstance(items, list):
            raise Nonsense(f"the answer has no array under {json.dumps(wish.id)[:80]}")
        timed = [item for item in items[:_MOST] if _times(item) is not None]
        if items and not timed:
            raise Nonsense(f"no element under {json.dumps(wish.id)[:80]} has a start_time and an end_time")
        raw[wish.id] = timed
    return raw


def read_cut(text: str, wishes: tuple[SegmentWish, ...]) -> Raw:
    """The complete elements of an answer that was cut off; empty when there are none."""
    try:
        value = _object(text)
    except Nonsense:
        return {}
    lists = {wish.id: value.get(wish.id) for wish in wishes}
    found = {
        name: [item for item in items[:_MOST] if _times(item) is not None]
        for name, items in lists.items()
        if isinstance(items, list)
    }
    return found if any(found.values()) else {}


def _object(text: str) -> dict[str, Any]:
    try:
        value = find_json(text)
    except NotJson as error:
        raise Nonsense("the answer is not one JSON object") from error
    if not isinstance(value, dict):
        raise Nonsense("the answer is not one JSON object")
    return value


def _times(item: object) -> tuple[float, float] | None:
    if not isinstance(item, dict):
        return None
    start, end = seconds_of(item.get("start_time")), seconds_of(item.get("end_time"))
    return None if start is None or end is None else (min(start, end), max(start, end))


def read_segments(items: list[Any], wish: SegmentWish, start: float, end: float) -> tuple[Segment, ...]:
    """The segments of a window, in the video's own time: an engine may have counted from the window's start."""
    found = [(times, item.get("metadata")) for item in items if (times := _times(item)) is not None]
    shift = start if counted_from_start([times for times, _ in found], start, end) else 0.0
    return tuple(
        Segment(first + shift, last + shift, read_values(given, wish.fields))
        for (first, last), given in found
    )


def counted_from_start(times: list[tuple[float, float]], start: float, end: float) -> bool:
    """Whether every time lies before the window, and inside of it when its start is added."""
    latest = max((last for _, last in times), default=0.0)
    return bool(times) and latest <= start and latest <= end - start + _SLACK

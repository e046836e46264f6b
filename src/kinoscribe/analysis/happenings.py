"""Turns what an engine says happens in a part of a video into events with absolute times, and those into lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kinoscribe.analysis.segment_text import counted_from_start
from kinoscribe.analysis.segment_values import seconds_of
from kinoscribe.output.json_text import NotJson, find_json

# A change of the words or of the shape asked for makes other accounts: what was kept under another number is not read.
VERSION = "1"
MOST_EVENTS = 24
_LONGEST = 400
_LONGEST_ALONE = 2_000
_TEXT = {"type": "string"}
_TIME = {"type": "number"}
_FIELDS = ("what", "who", "said", "shown")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "start_time": _TIME,
                    "end_time": _TIME,
                    **dict.fromkeys(_FIELDS, _TEXT),
                },
                "required": ["start_time", "end_time", *_FIELDS],
            },
        }
    },
    "required": ["events"],
}
_SHAPE = (
    "start_time and end_time in seconds of the video, as the clocks say them; what happens, in one sentence; "
    "who takes part; what is said that matters, in its own words; what is shown: things, places, text on the "
    "screen. Leave a field empty when there is nothing for it. Say nothing that was neither seen nor heard."
)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens in a video, in absolute seconds."""

    start: float
    end: float
    what: str
    who: str = ""
    said: str = ""
    shown: str = ""


def describing(start: float, end: float) -> str:
    """The words that ask for the account of one part."""
    return (
        f"Describe this part of a longer video, from {start:.1f} to {end:.1f} seconds. List what happens "
        f"in the order of time, as at most {MOST_EVENTS} events: {_SHAPE}"
    )


def joining(start: float, end: float, most: int) -> str:
    """The words that ask to make a long account shorter."""
    return (
        f"Join these accounts of a video from {start:.1f} to {end:.1f} seconds into one that is shorter: "
        f"at most {most} events in the order of time. Join neighbours that tell of the same, and keep names, numbers "
        f"and times as they are. For every event: {_SHAPE}"
    )


def read_happenings(text: str, start: float, end: float) -> tuple[Happening, ...]:
    """The events of a part, clipped to it, in order. Words that are not of the wanted shape are one event.

    Nothing comes of a text that says nothing.
    """
    try:
        value = find_json(text)
    except NotJson:
        said = _clean(text, _LONGEST_ALONE)
        return (Happening(start, end, said),) if said else ()
    items = value.get("events") if isinstance(value, dict) else value
    if not isinstance(items, list):
        return ()
    timed = [(item, _times(item, start, end)) for item in items[:1000] if isinstance(item, dict)]
    shift = start if counted_from_start([times for _, times in timed], start, end) else 0.0
    found = []
    for item, (first, last) in timed:
        low, high = (min(max(time + shift, start), end) for time in (first, last))
        texts = {name: _clean(item.get(name)) for name in _FIELDS}
        if any(texts.values()) and (low < high or start <= first + shift <= end):
            found.append(Happening(low, high, **texts))
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def stored(found: Iterable[Happening]) -> list[list[Any]]:
    """The events as JSON values, for `restored`."""
    return [[one.start, one.end, one.what, one.who, one.said, one.shown] for one in found]


def restored(body: Iterable[Sequence[Any]]) -> tuple[Happening, ...]:
    return tuple(Happening(*one) for one in body)


def lines(found: Iterable[Happening], *, briefly: bool = False) -> str:
    """One line for each event; `briefly`: only what happens."""
    return "\n".join(_line(one, briefly=briefly) for one in found)


def _line(one: Happening, *, briefly: bool) -> str:
    told = [one.what.rstrip(".")] if one.what else []
    if not briefly or not told:
        told += [f"who: {one.who}"] if one.who else []
        told += [f"said: {one.said}"] if one.said else []
        told += [f"shown: {one.shown}"] if one.shown else []
    return f"[{one.start:.1f} s - {one.end:.1f} s] {'; '.join(told)}"


def _times(item: dict[str, Any], start: float, end: float) -> tuple[float, float]:
    first, last = seconds_of(item.get("start_time")), seconds_of(item.get("end_time"))
    if first is None and last is None:
        return start, end
    first = last if first is None else first
    last = first if last is None else last
    assert first is not None
    assert last is not None
    return min(first, last), max(first, last)


def _clean(value: object, most: int = _LONGEST) -> str:
    if isinstance(value, list):
        value = ", ".join(part for part in value[:20] if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    told = " ".join(value.split())[:most]
    return told.encode("utf-8", "replace").decode("utf-8")

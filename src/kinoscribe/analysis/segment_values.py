"""Turns what an engine says of a segment into the declared fields: every one, in order, of its type or null."""

import math
import re
from typing import Any

from kinoscribe.contract.limits import LARGEST_INTEGER
from kinoscribe.contract.times import TimeStyle, clock_time, seconds_number
from kinoscribe.engines.engine import SegmentField

_CLOCK = re.compile(
    r"\[?\s*(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:[.,]\d{1,12})?)\s*(?:s|sec|seconds)?\s*\]?"
)
_NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?")
_FURTHEST = 1e9
_MOST_ITEMS = 1_000
_LONGEST_TEXT = 20_000
_TRUE, _FALSE = ("true", "yes"), ("false", "no")

Values = dict[str, Any]


def seconds_of(value: object) -> float | None:
    """12.5, `12.5`, `0:12` and `[00:00:12.500]` are seconds; None for what is no time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < _FURTHEST else None
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0 + float(seconds.replace(",", "."))


def read_values(given: object, fields: tuple[SegmentField, ...]) -> Values:
    """Every field in declared order. Times stay seconds until `write_values`."""
    told = given if isinstance(given, dict) else {}
    return {field.name: read_value(told.get(field.name), field) for field in fields}


def read_value(value: object, field: SegmentField) -> Any:
    """The value as the field's type, or None."""
    match field.type:
        case "array":
            return _array(value, field)
        case "timestamp":
            return seconds_of(value)
        case "time_array":
            return _events(value, field)
    return _scalar(value, field.type, field.enum)


def _scalar(value: object, kind: str, enum: tuple[str, ...]) -> Any:
    found = _TYPES[kind](value) if kind in _TYPES else None
    if found is None or not enum:
        return found
    said = _said(found)
    if said in enum:
        return found
    like = [option for option in enum if option.strip().casefold() == said.strip().casefold()]
    return like[0] if like and kind == "string" else None


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
    number = _number(value)
    return None if number is None or isinstance(value, bool) else str(number)


def _boolean(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    said = value.strip().lower() if isinstance(value, str) else ""
    return True if said in _TRUE else False if said in _FALSE else None


def _number(value: object) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INTEGER else None
    if not isinstance(value, float) or not math.isfinite(value) or abs(value) > LARGEST_INTEGER:
        return None
    return int(value) if value.is_integer() else value


def _integer(value: object) -> int | None:
    number = _number(value)
    return number if isinstance(number, int) else None


_TYPES = {"string": _text, "boolean": _boolean, "number": _number, "integer": _integer}


def _array(value: object, field: SegmentField) -> list[Any] | None:
    if value is None:
        return None
    given = value if isinstance(value, list) else [value]
    read = [_scalar(item, field.items or "string", field.enum) for item in given[:_MOST_ITEMS]]
    return [item for item in read if item is not None]


def _events(value: object, field: SegmentField) -> list[Values] | None:
    if not isinstance(value, list):
        return None
    found = []
    for item in value[:_MOST_ITEMS]:
        start = seconds_of(item.get("start_time")) if isinstance(item, dict) else None
        end = seconds_of(item.get("end_time")) if isinstance(item, dict) else None
        if start is not None and end is not None and start <= end:
            found.append({"start_time": start, "end_time": end, **read_values(item, field.fields)})
    return sorted(found, key=lambda event: (event["start_time"], event["end_time"]))


def join_values(first: Values, second: Values) -> Values:
    """Of two that became one: the first's, where it has none the second's; lists hold what either holds."""
    joined: Values = {}
    for name, mine in first.items():
        theirs = second.get(name)
        if mine is None:
            joined[name] = theirs
        elif isinstance(mine, list) and isinstance(theirs, list):
            joined[name] = [*mine, *(item for item in theirs[:_MOST_ITEMS] if item not in mine)][:_MOST_ITEMS]
        else:
            joined[name] = mine
    return joined


def alike(first: Values, second: Values) -> bool:
    """Whether two segments are told of in the same words: most of what both tell is equal, and something is."""
    both = [(a, second.get(name)) for name, a in first.items() if a not in (None, [])]
    both = [(a, b) for a, b in both if b not in (None, [])]
    equal = sum(_said(a).casefold() == _said(b).casefold() for a, b in both)
    return equal > 0 and equal * 2 > len(both)


def write_values(
    values: Values,
    fields: tuple[SegmentField, ...],
    style: TimeStyle,
    inside: tuple[int, int],
    step: float,
    clip: tuple[float, float],
) -> Values:
    """The values as they go out: times written, events clipped to the segment `inside` (in steps of `step`).

    A timestamp outside of `clip`, the time that was asked about, is not believed.
    """
    written: Values = {}
    for field in fields:
        value = values.get(field.name)
        if field.type == "timestamp" and value is not None:
            known = clip[0] - 0.5 <= value <= clip[1] + 0.5
            value = write_time(min(max(value, clip[0]), clip[1]), _style(field)) if known else None
        elif field.type == "time_array" and value is not None:
            value = [e for e in (_written(event, style, inside, step) for event in value) if e is not None]
        written[field.name] = value
    return written


def write_time(seconds: float, style: TimeStyle) -> int | float | str:
    """A boundary in the style that was asked for."""
    return seconds_number(seconds) if style == "seconds" else clock_time(seconds, style)


def _style(field: SegmentField) -> TimeStyle:
    return field.format if field.format in ("hh:mm:ss", "hh:mm:ss.fff") else "seconds"  # type: ignore[return-value]


def _written(event: Values, style: TimeStyle, inside: tuple[int, int], step: float) -> Values | None:
    """An event on the grid of its segment; a moment takes up one step."""
    low, high = inside
    if event["end_time"] < low * step or event["start_time"] > high * step:
        return None
    start = min(max(low, math.floor(event["start_time"] / step + 0.5)), high - 1)
    end = min(max(start + 1, math.floor(event["end_time"] / step + 0.5)), high)
    return {
        **event,
        "start_time": write_time(start * step, style),
        "end_time": write_time(end * step, style),
    }

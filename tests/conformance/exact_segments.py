"""The strict reading of what a segmentation answers, and of the values that a schema with times asks for."""

import json
import re
from typing import Any

import jsonschema_rs

CLOCKS = {
    "hh:mm:ss": re.compile(r"\d{2,}:[0-5]\d:[0-5]\d"),
    "hh:mm:ss.fff": re.compile(r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}"),
}
# Promised lengths hold to this many seconds.
SLACK = 0.05


def seconds(value: Any, style: str = "seconds") -> float:
    """A time as it is written in a style; any other form is an assertion error."""
    if style == "seconds":
        assert isinstance(value, int | float), value
        assert not isinstance(value, bool)
        return float(value)
    assert isinstance(value, str), value
    assert CLOCKS[style].fullmatch(value), value
    hours, minutes, rest = value.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def segments(
    data: str, asked: list[dict[str, Any]], *, style: str = "seconds", start: float = 0.0, end: float
) -> dict[str, list[dict[str, Any]]]:
    """The segments by definition, after every promise about them was checked."""
    found = json.loads(data)
    assert list(found) == [one["id"] for one in asked]
    for definition in asked:
        last = start
        for segment in found[definition["id"]]:
            assert list(segment) == ["start_time", "end_time", "metadata"]
            begin, until = seconds(segment["start_time"], style), seconds(segment["end_time"], style)
            assert last - SLACK <= begin < until <= end + SLACK, segment
            last = until
            fields = definition.get("fields", [])
            assert list(segment["metadata"]) == [field["name"] for field in fields]
            for field in fields:
                _check_value(segment["metadata"][field["name"]], field, style, begin, until)
    return found  # type: ignore[no-any-return]


def _check_value(value: Any, field: dict[str, Any], style: str, begin: float, until: float) -> None:
    if value is None:
        return
    match field["type"]:
        case "timestamp":
            seconds(value, field["format"])
        case "array":
            assert isinstance(value, list)
            for one in value:
                assert jsonschema_rs.is_valid({"type": field["items"]["type"]}, one)
                assert "enum" not in field or one in field["enum"]
        case "time_array":
            assert isinstance(value, list)
            names = [one["name"] for one in field["items"]["fields"]]
            for event in value:
                assert list(event) == ["start_time", "end_time", *names]
                assert begin - SLACK <= seconds(event["start_time"], style)
                assert (
                    seconds(event["start_time"], style) <= seconds(event["end_time"], style) <= until + SLACK
                )
        case kind:
            assert jsonschema_rs.is_valid({"type": kind}, value), value
            assert "enum" not in field or value in field["enum"]


def plain(schema: Any) -> Any:
    """The schema with the API's own type of times put into words that every validator knows."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "timestamp":
        clock = CLOCKS.get(schema["format"])
        return {"type": "number"} if clock is None else {"type": "string", "pattern": f"^{clock.pattern}$"}
    return {key: plain(value) for key, value in schema.items()}


def fits(schema: dict[str, Any], data: str) -> Any:
    """The value of an answer that is JSON and nothing else, and fits."""
    assert data == data.strip()
    value = json.loads(data)
    jsonschema_rs.validate(plain(schema), value, validate_formats=True)
    return value

"""Puts a value into the order and the forms of a schema where that takes no guess: order, times, whole numbers."""

import re
from typing import Any

import jsonschema_rs

from kinoscribe.contract.json_ends import name_of
from kinoscribe.contract.times import clock_time, seconds_number
from kinoscribe.output.timestamps import plain

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,6})?)")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_TIMES = frozenset({"start_time", "end_time"})
_DEEPEST = 100
_Node = dict[str, Any]


def mended(value: Any, schema: _Node) -> Any:
    """The value, with what has an unmistakable meaning written as the schema wants it. Nothing is made up."""
    return _Mender(schema.get("$defs", {})).place(value, schema, "", 0)


def read_time(value: object) -> float | None:
    """Seconds out of a number, of a text such as `90.5`, or of a clock such as `1:30`; None when it is no time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip().removesuffix("s").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)


class _Mender:
    def __init__(self, defined: dict[str, _Node]) -> None:
        self._defined = defined

    def place(self, value: Any, node: _Node, name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            return value
        if "$ref" in node:
            return self.place(value, self._defined[name_of(node["$ref"])], name, depth + 1)
        if "anyOf" in node:
            return self._branch(value, node["anyOf"], name, depth)
        match node.get("type"), value:
            case "object", dict():
                return self._object(value, node, depth)
            case "array", list():
                return [self.place(one, node["items"], "", depth + 1) for one in value]
            case "timestamp", _:
                return _as_time(value, node["format"])
            case "integer", float() if value.is_integer() or name in _TIMES:
                return round(value)
        return value

    def _object(self, value: dict[str, Any], node: _Node, depth: int) -> dict[str, Any]:
        properties: dict[str, _Node] = node["properties"]
        required = set(node["required"])
        mended = {}
        for name, part in properties.items():
            if name in value:
                own = self.place(value[name], part, name, depth + 1)
                if own is None and name not in required and not self._fits(None, part):
                    continue  # a model's way of saying that an optional property is not there
                mended[name] = own
        if node.get("additionalProperties") is False:
            return mended
        return mended | {name: part for name, part in value.items() if name not in properties}

    def _branch(self, value: Any, branches: list[_Node], name: str, depth: int) -> Any:
        for branch in branches:
            own = self.place(value, branch, name, depth + 1)
            if self._fits(own, branch):
                return own
        return value

    def _fits(self, value: Any, node: _Node) -> bool:
        schema = {**node, "$defs": self._defined} if self._defined else node
        return jsonschema_rs.is_valid(plain(schema), value, validate_formats=True)


def _as_time(value: Any, style: Any) -> Any:
    seconds = read_time(value)
    if seconds is None or seconds < 0:
        return value
    return seconds_number(seconds) if style == "seconds" else clock_time(seconds, style)

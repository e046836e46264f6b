"""Turns what the evidence gave into the exact shape of a schema; what cannot stand there gives way to the plainest."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import jsonschema_rs

from kinoscribe.contract.json_empty import empty_value, nearest_number
from kinoscribe.contract.json_ends import name_of
from kinoscribe.contract.json_texts import empty_text, fits

_MOST_TRIES = 300
_LONGEST_RUN = 4
_NUMBER = re.compile(r"\d+(?:[.,:-]\d+)*")
_TIME = {
    "hh:mm:ss": re.compile(r"\d{2,}:[0-5]\d:[0-5]\d"),
    "hh:mm:ss.fff": re.compile(r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}"),
}
_Node = dict[str, Any]


def fitted(value: Any, schema: _Node) -> Any:
    """The value, or the nearest one that fits the schema (as `read_schema` gives it)."""
    return _Fitter(schema).place(value, schema)


def text_that_fits(text: str, node: _Node) -> str | None:
    """The text changed as little as possible so that it keeps to pattern, format and lengths; None when it cannot."""
    return next((one for one in islice(_variants(text, node), _MOST_TRIES) if fits(one, node)), None)


class _Fitter:
    def __init__(self, root: _Node) -> None:
        self._root = root
        self._defined: dict[str, _Node] = root.get("$defs", {})

    def place(self, value: Any, node: _Node) -> Any:
        if "enum" in node:
            return self._member(value, node)
        if "$ref" in node:
            return self.place(value, self._defined[name_of(node["$ref"])])
        if "anyOf" in node:
            return self._branch(value, node)
        match node.get("type"), value:
            case "object", dict():
                return self._object(value, node)
            case "array", list():
                return self._array(value, node)
            case (("integer" | "number"), int() | float()) if not isinstance(value, bool):
                return nearest_number(value, node)
            case "boolean", bool():
                return value
            case "string", str():
                found = text_that_fits(value, node)
                return (empty_text(node) or "") if found is None else found
            case "timestamp", _ if _is_time(value, node):
                return value
        return empty_value(node, self._root)

    def _member(self, value: Any, node: _Node) -> Any:
        if jsonschema_rs.is_valid({"enum": node["enum"]}, value):
            return next(
                one
                for one in node["enum"]
                if one == value and isinstance(one, bool) == isinstance(value, bool)
            )
        return empty_value(node, self._root)

    def _branch(self, value: Any, node: _Node) -> Any:
        """The first branch that takes the value as it is, else the one that changes its kind least."""
        kinds = _kinds_of(value)
        for branch in node["anyOf"]:
            own = self.place(value, branch)
            if own == value and isinstance(own, bool) == isinstance(value, bool):
                return own
        same = (b for b in node["anyOf"] if self._kind(b) in kinds)
        branch = next(same, None)
        return empty_value(node, self._root) if branch is None else self.place(value, branch)

    def _kind(self, node: _Node) -> Any:
        return self._kind(self._defined[name_of(node["$ref"])]) if "$ref" in node else node.get("type")

    def _object(self, value: dict[str, Any], node: _Node) -> dict[str, Any]:
        required = set(node.get("required", ()))
        return {
            name: self.place(value[name], part) if name in value else empty_value(part, self._root)
            for name, part in node.get("properties", {}).items()
            if name in value or name in required
        }

    def _array(self, value: list[Any], node: _Node) -> list[Any]:
        items = [self.place(one, node["items"]) for one in value[: node.get("maxItems", len(value))]]
        missing = node.get("minItems", 0) - len(items)
        return items + [empty_value(node["items"], self._root) for _ in range(missing)]


def _kinds_of(value: Any) -> tuple[str, ...]:
    match value:
        case None:
            return ("null",)
        case bool():
            return ("boolean",)
        case int() | float():
            return ("number", "integer")
        case str():
            return ("string", "timestamp")
        case list():
            return ("array",)
    return ("object",)


def _is_time(value: Any, node: _Node) -> bool:
    form = _TIME.get(node["format"])
    if form is None:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and form.fullmatch(value) is not None


def _variants(text: str, node: _Node) -> Iterator[str]:
    least, most = node.get("minLength", 0), node.get("maxLength")
    if most is not None and len(text) > most:
        yield _cut(text, most)
    if len(text) < least:
        yield text.ljust(least, ".")
    yield text
    if "pattern" not in node and "format" not in node:
        return
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    yield from (plain, plain.replace("-", "_"), plain.upper(), plain.upper().replace("-", "_"))
    yield from (found.group() for found in islice(_NUMBER.finditer(text), 20))
    words = text.split()[:40]
    for length in range(1, _LONGEST_RUN + 1):
        for first in range(len(words) - length + 1):
            run = " ".join(words[first : first + length]).strip(".,;:!?\"'()")
            yield run
            yield run.lower()
    yield from ("unknown", "Unknown", "UNKNOWN", "none", "n/a")


def _cut(text: str, most: int) -> str:
    """The text cut before a word, where one ends early enough."""
    head = text[:most]
    whole = head.rsplit(None, 1)[0] if not text[most].isspace() and " " in head else head
    return (whole if len(whole) * 2 > most else head).rstrip()

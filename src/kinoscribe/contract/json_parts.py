"""Reads the small words of a JSON schema, each of which has a form of its own (contract 8)."""

from typing import Any

from kinoscribe.contract.errors import SchemaInvalid
from kinoscribe.contract.shown import show
from kinoscribe.contract.times import TIME_STYLES

_Node = dict[str, Any]


def read_parts(node: _Node, word: str, path: str) -> list[_Node]:
    """The schemas under `anyOf` or `allOf`."""
    parts = node[word]
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise SchemaInvalid(
            p=f"{path}.{word}", reason=f"{show(parts)} was given; an array of schemas is accepted."
        )
    return parts


def read_count(node: _Node, word: str, path: str) -> int | None:
    """A number of items, None when it is not given."""
    given = node.get(word)
    if given is None:
        return None
    whole = isinstance(given, int | float) and not isinstance(given, bool) and float(given).is_integer()
    if not whole or given < 0:
        raise SchemaInvalid(
            p=f"{path}.{word}", reason=f"{show(given)} was given; a whole number is accepted."
        )
    return int(given)


def read_time_style(node: _Node, path: str) -> str:
    """The `format` of a `timestamp`, refused in the words of the original."""
    style = node.get("format")
    if isinstance(style, str) and style in TIME_STYLES:
        return style
    reason = f"format is required for timestamp type; allowed values: {', '.join(TIME_STYLES)}"
    raise SchemaInvalid(p=f"{path}.format", reason=reason)


def read_required(required: Any, properties: _Node, path: str) -> set[str]:
    """The names of the properties that have to be there."""
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise SchemaInvalid(p=path, reason=f"{show(required)} was given; an array of strings is accepted.")
    for name in required:
        if name not in properties:
            raise SchemaInvalid(p=path, reason=f"{show(name)} names no property.")
    return set(required)

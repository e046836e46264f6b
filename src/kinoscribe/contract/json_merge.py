"""Turns two parts of a JSON schema that hold at once, in `allOf` or beside `anyOf` and `$ref`, into one part."""

import json
from typing import Any

from kinoscribe.contract.errors import SchemaNotSupported
from kinoscribe.contract.json_words import NOTES

_HIGHER = ("minimum", "exclusiveMinimum", "minItems", "minLength")
_LOWER = ("maximum", "exclusiveMaximum", "maxItems", "maxLength")


class Contradiction(Exception):
    """No value can keep to both parts."""


def both(first: dict[str, Any], second: dict[str, Any], path: str) -> dict[str, Any]:
    """The part that allows what both allow; words for people come from the second where it has them.

    Raises `Contradiction`, or `SchemaNotSupported` for words that cannot be joined.
    """
    merged = dict(first)
    for word, value in second.items():
        if word not in first or first[word] == value or word in NOTES:
            merged[word] = value
        else:
            merged[word] = _joined(word, first[word], value, path)
    for one, other in ((first, second), (second, first)):
        if one.get("additionalProperties") is False:
            _leave_out(merged, one, other)
    return merged


def _joined(word: str, first: Any, second: Any, path: str) -> Any:
    match word, first, second:
        case "type", _, _:
            return _kinds(first, second)
        case "properties", dict(), dict():
            return {
                name: both(first[name], second[name], f"{path}.properties.{name}")
                if name in first and name in second
                else first.get(name, second.get(name))
                for name in {**first, **second}
            }
        case "required", list(), list():
            return [*first, *(name for name in second if name not in first)]
        case "items", dict(), dict():
            return both(first, second, f"{path}.items")
        case "enum", list(), list():
            return _common(first, second)
        case "const", _, _:
            raise Contradiction
        case "additionalProperties", bool(), _:
            return second if first else False
        case "additionalProperties", _, bool():
            return first if second else False
        case _, int() | float(), int() | float() if word in _HIGHER:
            return max(first, second)
        case _, int() | float(), int() | float() if word in _LOWER:
            return min(first, second)
    raise SchemaNotSupported(reason=f"{path}.{word}: Two of them that hold at once are not supported.")


def _kinds(first: Any, second: Any) -> Any:
    ours = first if isinstance(first, list) else [first]
    theirs = second if isinstance(second, list) else [second]
    kept = [kind for kind in ours if kind in theirs or (kind == "integer" and "number" in theirs)]
    kept += [kind for kind in theirs if kind == "integer" and "number" in ours and kind not in kept]
    if not kept:
        raise Contradiction
    return kept[0] if len(kept) == 1 else kept


def _common(first: list[Any], second: list[Any]) -> list[Any]:
    known = {json.dumps(value, sort_keys=True) for value in second}
    kept = [value for value in first if json.dumps(value, sort_keys=True) in known]
    if not kept:
        raise Contradiction
    return kept


def _leave_out(merged: dict[str, Any], closed: dict[str, Any], other: dict[str, Any]) -> None:
    """A part that allows no more properties forbids those that only the other names."""
    allowed, named = closed.get("properties", {}), other.get("properties", {})
    if not isinstance(allowed, dict) or not isinstance(named, dict):
        return
    away = [name for name in named if name not in allowed]
    required = merged.get("required", [])
    if isinstance(required, list) and any(name in required for name in away):
        raise Contradiction
    merged["properties"] = {
        name: part for name, part in merged.get("properties", {}).items() if name not in away
    }

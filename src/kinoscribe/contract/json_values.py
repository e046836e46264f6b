"""Turns `enum`, `const` and the bounds of integers into the values and the range that one place of a schema allows."""

import math
from collections.abc import Mapping
from typing import Any

from kinoscribe.contract.errors import SchemaInvalid, SchemaNotSupported
from kinoscribe.contract.json_words import BOUNDS
from kinoscribe.contract.limits import LARGEST_INTEGER, SCHEMA_VALUES
from kinoscribe.contract.shown import show

Scalar = str | int | float | bool | None


def read_range(node: dict[str, Any], path: str) -> dict[str, int]:
    """The bounds of an `integer` as inclusive whole numbers. Raises `SchemaInvalid` when nothing lies between them."""
    least, most = -LARGEST_INTEGER, LARGEST_INTEGER
    found: dict[str, int] = {}
    for name in BOUNDS:
        bound = node.get(name)
        if bound is None:
            continue
        _check_bound(bound, f"{path}.{name}")
        match name:
            case "minimum":
                least = max(least, math.ceil(bound))
            case "exclusiveMinimum":
                least = max(least, math.floor(bound) + 1)
            case "maximum":
                most = min(most, math.floor(bound))
            case _:
                most = min(most, math.ceil(bound) - 1)
        found["minimum" if name.endswith("inimum") else "maximum"] = 0
    if least > most:
        raise SchemaInvalid(p=path, reason="No whole number lies within its bounds.")
    given = {"minimum": least, "maximum": most}
    return {name: given[name] for name in given if name in found}


def read_bounds(node: dict[str, Any], path: str) -> dict[str, float]:
    """The bounds of a `number` as they are. Raises `SchemaInvalid` when nothing lies between them."""
    found = {name: node[name] for name in BOUNDS if name in node}
    for name, bound in found.items():
        _check_bound(bound, f"{path}.{name}")
    least = max(found.get("minimum", -math.inf), found.get("exclusiveMinimum", -math.inf))
    most = min(found.get("maximum", math.inf), found.get("exclusiveMaximum", math.inf))
    open_ended = least in (found.get("exclusiveMinimum"),) or most in (found.get("exclusiveMaximum"),)
    if least > most or (open_ended and math.nextafter(least, math.inf) >= most):
        raise SchemaInvalid(p=path, reason="No number lies within its bounds.")
    return found


def _check_bound(bound: object, path: str) -> None:
    if isinstance(bound, bool) or not isinstance(bound, int | float) or abs(bound) > LARGEST_INTEGER:
        raise SchemaInvalid(
            p=path,
            reason=f"{show(bound)} was given; a number up to {LARGEST_INTEGER} either way is accepted.",
        )


def read_values(node: dict[str, Any], kind: str | None, path: str) -> list[Scalar] | None:
    """The values that `enum` and `const` leave for the type `kind`, or None when neither is there.

    Raises `SchemaInvalid` or `SchemaNotSupported`.
    """
    listed = node.get("enum")
    if listed is None and "const" not in node:
        return None
    if isinstance(listed, list) and len(listed) > SCHEMA_VALUES:
        raise SchemaInvalid(p=f"{path}.enum", reason=f"At most {SCHEMA_VALUES} values are accepted.")
    if listed is None:
        values = [_scalar(node["const"], f"{path}.const")]
    elif isinstance(listed, list) and listed:
        values = [_scalar(value, f"{path}.enum[{place}]") for place, value in enumerate(listed)]
    else:
        raise SchemaInvalid(
            p=f"{path}.enum", reason=f"{show(listed)} was given; an array of values is accepted."
        )
    if listed is not None and "const" in node:
        only = _key(_scalar(node["const"], f"{path}.const"))
        values = [value for value in values if _key(value) == only]
    fitting = {
        _key(value): value for value in (_as(value, kind) for value in values) if value is not _NONE_FITS
    }
    if not fitting:
        raise SchemaInvalid(p=path, reason="No value of its enum or const has its type.")
    return list(fitting.values())


def type_of(values: list[Scalar]) -> str | None:
    """The one JSON type of all values, or None when they differ."""
    kinds = {_type(value) for value in values}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else None


def within_range(values: list[Scalar], bounds: Mapping[str, Any], path: str) -> list[Scalar]:
    """The values that keep to `minimum` and `maximum`. Raises `SchemaInvalid` when none does."""
    least, most = bounds.get("minimum", -math.inf), bounds.get("maximum", math.inf)
    above, below = bounds.get("exclusiveMinimum", -math.inf), bounds.get("exclusiveMaximum", math.inf)
    kept = [v for v in values if not isinstance(v, int | float) or (least <= v <= most and above < v < below)]
    if not kept:
        raise SchemaInvalid(p=path, reason="No value of its enum or const lies within its bounds.")
    return kept


class _NoneFits:
    pass


_NONE_FITS = _NoneFits()


def _scalar(value: Any, path: str) -> Scalar:
    if isinstance(value, list | dict):
        raise SchemaNotSupported(
            reason=f"{path}: {show(value)} is not supported as a value of enum or const."
        )
    if isinstance(value, int | float) and abs(value) > LARGEST_INTEGER:
        raise SchemaInvalid(p=path, reason=f"A number up to {LARGEST_INTEGER} either way is accepted.")
    return value  # type: ignore[no-any-return]


def _as(value: Scalar, kind: str | None) -> Any:
    """The value as one of the type `kind`, `_NONE_FITS` when it is none."""
    own = _type(value)
    if kind is None or own == kind:
        return int(value) if isinstance(value, float) and own == "integer" else value
    return value if (own, kind) == ("integer", "number") else _NONE_FITS


def _type(value: Scalar) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case float() if not value.is_integer():
            return "number"
    return "integer"


def _key(value: Scalar) -> tuple[str, Scalar]:
    """What tells values apart as JSON does: `1` and `1.0` are one number, `1` and `true` are two values."""
    return _type(value), value

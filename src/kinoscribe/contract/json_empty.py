"""Turns a schema that was read into the plainest value that fits it: null, nothing, zero, an empty text."""

import math
from typing import Any

from kinoscribe.contract.json_ends import name_of
from kinoscribe.contract.json_texts import empty_text

_Node = dict[str, Any]
_TIMES = {"hh:mm:ss": "00:00:00", "hh:mm:ss.fff": "00:00:00.000"}


def empty_value(node: _Node, root: _Node) -> Any:
    """The value for one place of the schema `root`, as `read_schema` gives it: only what must be there is there."""
    return _Plain(root.get("$defs", {})).value(node)


class _Plain:
    def __init__(self, defined: dict[str, _Node]) -> None:
        self._defined = defined
        self._heights = _heights(defined)

    def value(self, node: _Node) -> Any:
        if "enum" in node:
            return None if None in node["enum"] else node["enum"][0]
        if "$ref" in node:
            return self.value(self._defined[name_of(node["$ref"])])
        if "anyOf" in node:
            branches = node["anyOf"]
            nothing = any(branch.get("type") == "null" for branch in branches)
            return None if nothing else self.value(min(branches, key=lambda b: _height(b, self._heights)))
        match node["type"]:
            case "object":
                required = set(node["required"])
                return {
                    name: self.value(part) for name, part in node["properties"].items() if name in required
                }
            case "array":
                return [self.value(node["items"]) for _ in range(node.get("minItems", 0))]
            case "integer" | "number":
                return nearest_number(0, node)
            case "boolean":
                return False
            case "string":
                return empty_text(node) or ""
            case "timestamp":
                return _TIMES.get(node["format"], 0)
        return None


def nearest_number(wanted: float, node: _Node) -> float:
    """The number within the bounds of an `integer` or `number` that is nearest to the wanted one."""
    whole = node.get("type") == "integer"
    least, most = node.get("minimum", -math.inf), node.get("maximum", math.inf)
    above, below = node.get("exclusiveMinimum", -math.inf), node.get("exclusiveMaximum", math.inf)
    if max(least, above) < wanted < min(most, below):
        return _whole(wanted, least, most) if whole else wanted
    near = min(max(wanted, least), most)
    if above < near < below:
        return _whole(near, least, most) if whole else near
    if near <= above:
        return _inside(above, min(most, below), 1)
    return _inside(below, max(least, above), -1)


def _whole(number: float, least: float, most: float) -> int:
    rounded = round(number)
    return rounded + 1 if rounded < least else rounded - 1 if rounded > most else rounded


def _inside(bound: float, other: float, way: int) -> float:
    """A number just beyond an excluded bound: a round one where there is room."""
    for step in (1, 0.1, 0.01, 0.001):
        near = round(bound + way * step, 3)
        if (near - bound) * way > 0 and (other - near) * way > 0:
            return near
    return math.nextafter(bound, other) if math.isinf(other) else (bound + other) / 2


def _heights(defined: dict[str, _Node]) -> dict[str, float]:
    """How deep the flattest value of every definition is."""
    heights = dict.fromkeys(defined, math.inf)
    for _ in defined:
        heights = {name: _height(part, heights) for name, part in defined.items()}
    return heights


def _height(node: _Node, heights: dict[str, float]) -> float:
    if "$ref" in node:
        return 1 + heights[name_of(node["$ref"])]
    if "anyOf" in node:
        return min(_height(branch, heights) for branch in node["anyOf"])
    match node.get("type"):
        case "object":
            required = set(node["required"])
            inner = (part for name, part in node["properties"].items() if name in required)
            return 1 + max((_height(part, heights) for part in inner), default=0)
        case "array" if node.get("minItems"):
            return 1 + _height(node["items"], heights)
    return 0

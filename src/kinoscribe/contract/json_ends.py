"""Finds the definitions of a JSON schema that lead back to themselves, and those that do so without an end."""

from collections.abc import Iterator
from typing import Any

from kinoscribe.contract.json_words import REFERENCE

_Node = dict[str, Any]


def recursive(defined: _Node) -> frozenset[str]:
    """The names of the definitions that lead back to themselves, by whatever way."""
    leads = {name: references(part) & defined.keys() for name, part in defined.items()}
    found = set()
    for name, first in leads.items():
        reached, waiting = set[str](), list(first)
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting += leads[other]
        if name in reached:
            found.add(name)
    return frozenset(found)


def references(part: Any) -> set[str]:
    """The names that the `$ref`s anywhere in a part of a schema point at."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                found.add(name_of(one["$ref"]))
            waiting += one.values()
    return found


def name_of(reference: str) -> str:
    """The name of the definition that a JSON pointer into `$defs` points at (RFC 6901)."""
    return reference.removeprefix(REFERENCE).replace("~1", "/").replace("~0", "~")


def pointer_to(name: str) -> str:
    """The reference to a definition."""
    return REFERENCE + name.replace("~", "~0").replace("/", "~1")


def endless(root: _Node, path: str) -> Iterator[str]:
    """The paths of definitions, and of the root, that have no value of a finite size."""
    parts: dict[str, _Node] = root.get("$defs", {})
    finite: set[str] = set()
    grows = True
    while grows:
        found = {name for name, part in parts.items() if name not in finite and _ends(part, finite)}
        finite |= found
        grows = bool(found)
    yield from (f"{path}.$defs.{name}" for name in parts if name not in finite)
    if not _ends(root, finite):
        yield path


def _ends(node: _Node, finite: set[str]) -> bool:
    if "$ref" in node:
        return name_of(node["$ref"]) in finite
    if "anyOf" in node:
        return any(_ends(branch, finite) for branch in node["anyOf"])
    match node.get("type"):
        case "object":
            required = set(node.get("required", ()))
            return all(_ends(part, finite) for name, part in node["properties"].items() if name in required)
        case "array":
            return not node.get("minItems") or _ends(node["items"], finite)
    return True

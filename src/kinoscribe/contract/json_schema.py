"""Turns the `json_schema` of a request into one plain tree that an engine can fill (contract 8).

The dialect is JSON Schema with a type `timestamp` of its own. Words outside of it are refused with 422; nothing is
silently left out but notes for people. References are put in place, but for those that lead back to themselves.
"""

from typing import Any, Literal

import jsonschema_rs

from kinoscribe.contract.errors import ParameterInvalid, SchemaInvalid, SchemaNotSupported
from kinoscribe.contract.json_ends import endless, name_of, pointer_to, recursive
from kinoscribe.contract.json_merge import Contradiction, both
from kinoscribe.contract.json_parts import read_count, read_parts, read_required, read_time_style
from kinoscribe.contract.json_texts import check_text, fitting_texts
from kinoscribe.contract.json_values import read_bounds, read_range, read_values, type_of, within_range
from kinoscribe.contract.json_words import KINDS, NOTES, REFERENCE, TITLES, Dialect
from kinoscribe.contract.limits import (
    RULES,
    SCHEMA_CHARACTERS,
    SCHEMA_DEPTH,
    SCHEMA_ITEMS,
    SCHEMA_NAME,
    SCHEMA_PARTS,
    SCHEMA_PROPERTIES,
    SCHEMA_VALUES,
)
from kinoscribe.contract.shown import show

ROOT = "response_format.json_schema"
RESERVED_NAMES = ("start_time", "end_time")

_POSITIONS = "properties of the root and of the items of an array in it"

# Where a place lies decides whether a `timestamp` may stand there: in a field of the root, and in a cell of a
# row of an array that is itself a field of the root.
Place = Literal["root", "field", "row", "cell", "deep"]
_OF_PROPERTY: dict[Place, Place] = {"root": "field", "row": "cell"}
_OF_ITEMS: dict[Place, Place] = {"field": "row"}
_Node = dict[str, Any]


def read_schema(value: Any, model_name: str, *, wide: bool = False) -> _Node:
    """The schema with what has no effect left out, in declaration order, a required property first.

    Every place has a `type`, or an `enum` of several types, or `anyOf`, or a `$ref` into the `$defs` of the root;
    bounds of whole numbers are inclusive; a reserved property of type `string` has become a `timestamp`; `title`
    and `description` stay, for they say what is wanted. A value that fits exists. `wide` honours more words than
    the contract. Raises `ParameterInvalid`, or `SchemaNotSupported`, naming the path.
    """
    if not isinstance(value, dict) or not value:
        given = "An empty object" if value == {} else show(value)
        raise ParameterInvalid(p=ROOT, reason=f"{given} was given; a JSON schema is accepted.")
    return _Reader(value, timestamps=RULES[model_name].windows, wide=wide).read_root()


class _Reader:
    """Walks one schema and counts what it costs."""

    def __init__(self, root: _Node, *, timestamps: bool, wide: bool) -> None:
        definitions = root.get("$defs")
        self._root = root
        self._defined = definitions if isinstance(definitions, dict) else {}
        self._timestamps = timestamps
        self._dialect = Dialect(wide=wide)
        self._recursive = recursive(self._defined)
        self._kept: dict[str, _Node] = {}
        self._parts = 0
        self._properties = 0
        self._values = 0
        self._characters = 0

    def read_root(self) -> _Node:
        given = self._root.get("$defs")
        if given is not None and not isinstance(given, dict):
            raise SchemaInvalid(p=f"{ROOT}.$defs", reason=f"{show(given)} was given; an object is accepted.")
        tree = self._read(self._root, ROOT, "root", 0)
        for name in self._defined:  # also those that nothing points at have to be right
            if name not in self._kept:
                self._read(self._defined[name], f"{ROOT}.$defs.{name}", "deep", 1)
        if not self._kept:
            return tree
        tree = {**tree, "$defs": self._kept}
        for path in endless(tree, ROOT):
            raise SchemaNotSupported(reason=f"{path}: It refers to itself without end; no value can fit it.")
        return tree

    def _read(self, given: Any, path: str, place: Place, depth: int) -> _Node:
        node = self._own(given, path, place, depth)
        if "$ref" in node:
            return self._read_reference(node, path, place, depth)
        if "allOf" in node:
            return self._read(self._all_of(node, path), path, place, depth + 1)
        if "anyOf" in node:
            return self._read_branches(node, path, depth)
        kinds = self._dialect.read_kinds(node, path, timestamps=self._timestamps)
        if len(kinds) > 1:
            return self._read_kinds(node, kinds, path, depth)
        return self._read_one(node, kinds[0] if kinds else None, path, place, depth)

    def _own(self, given: Any, path: str, place: Place, depth: int) -> _Node:
        """The words of a place, all of them known."""
        if not isinstance(given, dict):
            raise SchemaInvalid(p=path, reason=f"{show(given)} was given; an object is accepted.")
        if depth > SCHEMA_DEPTH:
            raise SchemaInvalid(p=path, reason=f"At most {SCHEMA_DEPTH} levels are accepted.")
        self._parts += 1
        if self._parts > SCHEMA_PARTS:
            raise SchemaInvalid(
                p=ROOT, reason=f"At most {SCHEMA_PARTS} parts in all are accepted, references put in place."
            )
        node = {name: part for name, part in given.items() if part is not None or name == "const"}
        self._dialect.check_words(node, path, at_root=place == "root")
        if place == "root":
            node.pop("$defs", None)
        return node

    def _read_reference(self, node: _Node, path: str, place: Place, depth: int) -> _Node:
        name = self._target(node["$ref"], path)
        beside = {word: part for word, part in node.items() if word != "$ref"}
        if name not in self._recursive:
            inner: Place = "root" if place == "root" else "deep"
            return self._read(self._joined(self._defined[name], beside, path), path, inner, depth + 1)
        if not NOTES.issuperset(beside):
            word = next(word for word in beside if word not in NOTES)
            raise SchemaNotSupported(
                reason=f"{path}.{word}: The keyword is not supported beside a $ref that leads back to itself."
            )
        if name not in self._kept:
            self._kept[name] = {}
            self._kept[name] = self._read(self._defined[name], f"{ROOT}.$defs.{name}", "deep", 1)
        return {**_titles(node), "$ref": pointer_to(name)}

    def _target(self, reference: Any, path: str) -> str:
        inside = isinstance(reference, str) and reference.startswith(REFERENCE)
        name = name_of(reference) if inside else ""
        if not inside or name not in self._defined:
            raise SchemaNotSupported(reason=f"{path}.$ref: {show(reference)} points at nothing in #/$defs.")
        return name

    def _joined(self, first: Any, second: _Node, path: str) -> _Node:
        if not isinstance(first, dict):
            raise SchemaInvalid(p=path, reason=f"{show(first)} was given; an object is accepted.")
        try:
            return both(first, second, path)
        except Contradiction as error:
            raise SchemaInvalid(p=path, reason="No value fits all that holds here at once.") from error

    def _all_of(self, node: _Node, path: str) -> _Node:
        parts = read_parts(node, "allOf", path)
        merged = {word: part for word, part in node.items() if word != "allOf"}
        for place, part in enumerate(parts):
            merged = self._joined(self._open(part, f"{path}.allOf[{place}]"), merged, path)
        return merged

    def _open(self, part: _Node, path: str) -> _Node:
        """A part whose own `$ref` and `allOf` are put in place, so that it can be joined with others."""
        self._parts += 1
        if self._parts > SCHEMA_PARTS:
            raise SchemaInvalid(p=ROOT, reason=f"At most {SCHEMA_PARTS} parts in all are accepted.")
        if "$ref" in part:
            name = self._target(part["$ref"], path)
            if name in self._recursive:
                raise SchemaNotSupported(
                    reason=f"{path}.$ref: A $ref that leads back to itself is not supported here."
                )
            beside = {word: value for word, value in part.items() if word != "$ref"}
            return self._open(self._joined(self._defined[name], beside, path), path)
        return self._all_of(part, path) if "allOf" in part and self._dialect.wide else part

    def _read_branches(self, node: _Node, path: str, depth: int) -> _Node:
        parts = read_parts(node, "anyOf", path)
        shared = {word: part for word, part in node.items() if word not in (*NOTES, "anyOf")}
        branches = []
        for place, part in enumerate(parts):
            at = f"{path}.anyOf[{place}]"
            try:
                joined = both(shared, self._open(part, at), at) if shared else part
            except Contradiction:
                continue
            branches.append(self._read(joined, at, "deep", depth + 1))
        if not branches:
            raise SchemaInvalid(p=f"{path}.anyOf", reason="No value fits all that holds here at once.")
        return _any_of(node, branches)

    def _read_kinds(self, node: _Node, kinds: tuple[str, ...], path: str, depth: int) -> _Node:
        """A list of types counts as `anyOf` (contract 8)."""
        self._dialect.check_words_of(node, kinds, path)
        listed = "enum" in node or "const" in node
        values = read_values(node, None, path) if listed else None
        branches = []
        for kind in kinds:
            own = self._dialect.only({word: node[word] for word in node if word not in NOTES}, kind)
            if values is not None:
                own.pop("const", None)
                own["enum"] = [value for value in values if _is_kind(value, kind)]
                if not own["enum"]:
                    continue
            branches.append(self._read_one(own, kind, path, "deep", depth))
        if not branches:
            raise SchemaInvalid(p=path, reason="No value of its enum or const has its type.")
        return _any_of(node, branches)

    def _read_one(self, node: _Node, kind: str | None, path: str, place: Place, depth: int) -> _Node:
        if kind == "timestamp":
            self._dialect.check_words_of(node, (kind,), path)
        values = read_values(node, kind, path)
        if kind is None:
            kind = self._dialect.guess(node) if values is None else type_of(values)
        self._dialect.check_words_of(node, (kind,) if kind else (), path)
        if kind == "timestamp" and place not in ("field", "cell"):
            raise SchemaInvalid(
                p=path, reason=f"timestamp is not accepted here; {_POSITIONS} are its places."
            )
        tree = _titles(node)
        if kind is not None:
            tree["type"] = kind
        tree |= self._read_words(node, kind, path, place, depth)
        if values is not None:
            fitting = within_range(values, tree, path)
            tree["enum"] = fitting_texts(fitting, tree, path) if kind == "string" else fitting
        elif kind == "string":
            check_text(tree, path)
        self._count(tree)
        return tree

    def _read_words(self, node: _Node, kind: str | None, path: str, place: Place, depth: int) -> _Node:
        match kind:
            case "object":
                return self._read_object(node, path, place, depth)
            case "array":
                return self._read_array(node, path, place, depth)
            case "integer":
                return read_range(node, path)
            case "number":
                return read_bounds(node, path)
            case "timestamp":
                return {"format": read_time_style(node, path)}
            case "string":
                return {word: node[word] for word in self._dialect.words["string"] if word in node}
        return {}

    def _read_object(self, node: _Node, path: str, place: Place, depth: int) -> _Node:
        given = node.get("properties", {})
        if not isinstance(given, dict):
            raise SchemaInvalid(
                p=f"{path}.properties", reason=f"{show(given)} was given; an object is accepted."
            )
        required = read_required(node.get("required", []), given, f"{path}.required")
        self._properties += len(given)
        if self._properties > SCHEMA_PROPERTIES:
            raise SchemaInvalid(p=ROOT, reason=f"At most {SCHEMA_PROPERTIES} properties in all are accepted.")
        properties: _Node = {}
        inner = _OF_PROPERTY.get(place, "deep")
        for name, part in given.items():
            if len(name) > SCHEMA_NAME:
                reason = f"{show(name)} has {len(name)} characters; at most {SCHEMA_NAME} are accepted."
                raise SchemaInvalid(p=f"{path}.properties", reason=reason)
            at = f"{path}.properties.{name}"
            reserved = self._timestamps and name in RESERVED_NAMES
            if reserved:
                _check_boundary(part, at)
            read = self._read(part, at, inner, depth + 1)
            properties[name] = _as_boundary(read, at) if reserved else read
        first = next((name for name in properties if name in required), None)
        if first is not None:
            properties = {first: properties[first], **properties}
        tree: _Node = {
            "properties": properties,
            "required": [name for name in properties if name in required],
        }
        more = node.get("additionalProperties", True)
        if more is not True:
            at = f"{path}.additionalProperties"
            tree["additionalProperties"] = more if more is False else self._read(more, at, "deep", depth + 1)
        return tree

    def _read_array(self, node: _Node, path: str, place: Place, depth: int) -> _Node:
        least = read_count(node, "minItems", path) or 0
        most = read_count(node, "maxItems", path)
        if least > 1 and not self._dialect.wide:
            raise SchemaNotSupported(reason=f"{path}.minItems: {least} is not supported; 0 and 1 are.")
        if least > SCHEMA_ITEMS:
            raise SchemaInvalid(p=f"{path}.minItems", reason=f"At most {SCHEMA_ITEMS} are accepted.")
        if most is not None and most < least:
            raise SchemaInvalid(p=f"{path}.maxItems", reason=f"{most} is less than minItems, {least}.")
        items = self._read(node.get("items", {}), f"{path}.items", _OF_ITEMS.get(place, "deep"), depth + 1)
        bounds = {"minItems": least or None, "maxItems": most}
        return {"items": items, **{word: bound for word, bound in bounds.items() if bound is not None}}

    def _count(self, tree: _Node) -> None:
        texts = [tree[name] for name in (*TITLES, "pattern") if name in tree]
        values = tree.get("enum", [])
        self._values += len(values)
        self._characters += sum(len(text) for text in (*texts, *values) if isinstance(text, str))
        if self._values > SCHEMA_VALUES:
            raise SchemaInvalid(p=ROOT, reason=f"At most {SCHEMA_VALUES} values of enum in all are accepted.")
        if self._characters > SCHEMA_CHARACTERS:
            raise SchemaInvalid(p=ROOT, reason=f"At most {SCHEMA_CHARACTERS} characters in all are accepted.")


def _titles(node: _Node) -> _Node:
    return {name: node[name] for name in TITLES if isinstance(node.get(name), str)}


def _any_of(node: _Node, branches: list[_Node]) -> _Node:
    if len(branches) == 1:
        return {**branches[0], **_titles(node)}
    return {**_titles(node), "anyOf": branches}


def _is_kind(value: Any, kind: str) -> bool:
    return kind in KINDS and kind != "timestamp" and jsonschema_rs.is_valid({"type": kind}, value)


def _check_boundary(part: Any, path: str) -> None:
    """A text with any `format` is no time, also with one that the dialect does not know (contract 8)."""
    if isinstance(part, dict) and part.get("type") == "string" and part.get("format") is not None:
        raise _no_boundary(path)


def _no_boundary(path: str) -> SchemaInvalid:
    return SchemaInvalid(
        p=path, reason="A time is wanted here: number, integer, timestamp or a plain string is accepted."
    )


def _as_boundary(tree: _Node, path: str) -> _Node:
    """A reserved property holds a time of the video, so its type must be able to (contract 8)."""
    match tree.get("type"):
        case "number" | "integer" | "timestamp":
            return tree
        case "string" if not tree.keys() & {"enum", "pattern", "format", "minLength", "maxLength"}:
            return {**tree, "type": "timestamp", "format": "hh:mm:ss.fff"}
    raise _no_boundary(path)

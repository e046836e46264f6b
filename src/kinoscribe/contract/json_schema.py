"""Turns the `json_schema` of a request into one plain tree that an engine can fill (contract 8).

The dialect is JSON Schema with a type `timestamp` of its own. Words outside of it are refused with 422, words of
it that no engine here honours yet with 400; nothing is silently left out but notes for people.
"""

from typing import Any, Literal

from kinoscribe.contract.errors import ParameterInvalid, SchemaInvalid, SchemaNotSupported
from kinoscribe.contract.json_values import BOUNDS, read_range, read_values, type_of, within_range
from kinoscribe.contract.limits import (
    RULES,
    SCHEMA_CHARACTERS,
    SCHEMA_DEPTH,
    SCHEMA_NAME,
    SCHEMA_PROPERTIES,
    SCHEMA_VALUES,
)
from kinoscribe.contract.shown import show
from kinoscribe.contract.times import TIME_STYLES

ROOT = "response_format.json_schema"
RESERVED_NAMES = ("start_time", "end_time")

_WORDS: dict[str, tuple[str, ...]] = {
    "object": ("properties", "required"),
    "array": ("items", "minItems"),
    "string": ("pattern", "format"),
    "integer": BOUNDS,
    "number": (),
    "boolean": (),
    "null": (),
    "timestamp": ("format",),
}
_EVERYWHERE = ("type", "enum", "const", "anyOf", "$ref", "$defs")
_TITLES = ("title", "description")
_NOTES = (*_TITLES, "$comment", "$comments", "$schema", "$id", "default", "examples", "deprecated")
_MORE_NOTES = ("readOnly", "writeOnly")
_IGNORED = frozenset(_NOTES + _MORE_NOTES)
_KNOWN = frozenset(_EVERYWHERE).union(*_WORDS.values())
_FORMATS = ("uuid", "date-time", "date", "time")
_NOT_YET = "is not supported by this server yet."
_REFERENCE = "#/$defs/"
_POSITIONS = "properties of the root and of the items of an array in it"

# Where a place lies decides whether a `timestamp` may stand there: in a field of the root, and in a cell of a
# row of an array that is itself a field of the root.
Place = Literal["root", "field", "row", "cell", "deep"]
_OF_PROPERTY: dict[Place, Place] = {"root": "field", "row": "cell"}
_OF_ITEMS: dict[Place, Place] = {"field": "row"}


def read_schema(value: Any, model_name: str) -> dict[str, Any]:
    """The schema with what has no effect left out, in declaration order, a required property first.

    Every place has a `type`, or else an `enum` of several types; bounds are inclusive; a reserved property of type
    `string` has become a `timestamp`; `title` and `description` stay, for they say what is wanted. Raises
    `ParameterInvalid`, or `SchemaNotSupported`, naming the path.
    """
    if not isinstance(value, dict) or not value:
        given = "An empty object" if value == {} else show(value)
        raise ParameterInvalid(p=ROOT, reason=f"{given} was given; a JSON schema is accepted.")
    reader = _Reader(value, timestamps=RULES[model_name].windows)
    tree = reader.read(value, ROOT, "root", 0)
    if value.get("$defs"):
        raise SchemaInvalid(p=f"{ROOT}.$defs", reason=f"It {_NOT_YET}")
    if tree.get("type") != "object":
        raise SchemaInvalid(p=f"{ROOT}.type", reason=f"A root that is no object {_NOT_YET}")
    return tree


class _Reader:
    """Walks one schema and counts what it costs."""

    def __init__(self, root: dict[str, Any], *, timestamps: bool) -> None:
        definitions = root.get("$defs")
        self._defined = definitions if isinstance(definitions, dict) else {}
        self._timestamps = timestamps
        self._properties = 0
        self._values = 0
        self._characters = 0

    def read(self, given: Any, path: str, place: Place, depth: int) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise SchemaInvalid(p=path, reason=f"{show(given)} was given; an object is accepted.")
        if depth > SCHEMA_DEPTH:
            raise SchemaInvalid(p=path, reason=f"At most {SCHEMA_DEPTH} levels are accepted.")
        node = {name: part for name, part in given.items() if part is not None or name == "const"}
        self._check_words(node, path, place)
        kind = self._read_type(node, path) or _guess(node, path)
        _check_words_of(node, kind, path)
        values = read_values(node, kind, path)
        if kind == "timestamp" and place not in ("field", "cell"):
            raise SchemaInvalid(
                p=path, reason=f"timestamp is not accepted here; {_POSITIONS} are its places."
            )
        tree = {name: node[name] for name in _TITLES if isinstance(node.get(name), str)}
        if kind is not None:
            tree["type"] = kind
        tree |= self._read_kind(node, kind, path, place, depth)
        if values is not None:
            tree["enum"] = within_range(values, tree, path)
        self._count(tree, path)
        return tree

    def _check_words(self, node: dict[str, Any], path: str, place: Place) -> None:
        """Refuses words that stand nowhere in the dialect, or that nothing here honours yet."""
        for word in node:
            if word in ("minLength", "maxLength"):
                raise SchemaNotSupported(
                    reason=f"String length constraints ({word}) are not supported. Path: {path}."
                )
            known = word in _KNOWN or word in _IGNORED
            if not known or (word == "$defs" and place != "root"):
                raise SchemaNotSupported(reason=f"{path}: The keyword {show(word)} is not supported here.")
        reference = node.get("$ref")
        if reference is not None:
            name = reference.removeprefix(_REFERENCE) if isinstance(reference, str) else ""
            if reference == name or name not in self._defined:
                raise SchemaNotSupported(
                    reason=f"{path}.$ref: {show(reference)} points at nothing in #/$defs."
                )
        for word in ("anyOf", "$ref"):
            if word in node:
                raise SchemaInvalid(p=f"{path}.{word}", reason=f"It {_NOT_YET}")

    def _read_type(self, node: dict[str, Any], path: str) -> str | None:
        kind = node.get("type")
        accepted = tuple(word for word in _WORDS if self._timestamps or word != "timestamp")
        if isinstance(kind, list) and kind and all(isinstance(one, str) and one in accepted for one in kind):
            raise SchemaInvalid(p=f"{path}.type", reason=f"A list of types {_NOT_YET}")
        if kind is None or (isinstance(kind, str) and kind in accepted):
            return kind
        listed = ", ".join(accepted)
        raise SchemaInvalid(
            p=f"{path}.type",
            reason=f"{show(kind)} was given. You should use one of the following values: {listed}.",
        )

    def _read_kind(
        self, node: dict[str, Any], kind: str | None, path: str, place: Place, depth: int
    ) -> dict[str, Any]:
        match kind:
            case "object":
                return self._read_object(node, path, place, depth)
            case "array":
                return self._read_array(node, path, place, depth)
            case "integer":
                return read_range(node, path)
            case "timestamp":
                return {"format": _read_time_style(node, path)}
            case "string":
                _check_text(node, path)
        return {}

    def _read_object(self, node: dict[str, Any], path: str, place: Place, depth: int) -> dict[str, Any]:
        given = node.get("properties", {})
        if not isinstance(given, dict):
            raise SchemaInvalid(
                p=f"{path}.properties", reason=f"{show(given)} was given; an object is accepted."
            )
        required = _read_required(node.get("required", []), given, f"{path}.required")
        self._properties += len(given)
        if self._properties > SCHEMA_PROPERTIES:
            raise SchemaInvalid(p=ROOT, reason=f"At most {SCHEMA_PROPERTIES} properties in all are accepted.")
        properties: dict[str, Any] = {}
        inner = _OF_PROPERTY.get(place, "deep")
        for name, part in given.items():
            if len(name) > SCHEMA_NAME:
                reason = f"{show(name)} has {len(name)} characters; at most {SCHEMA_NAME} are accepted."
                raise SchemaInvalid(p=f"{path}.properties", reason=reason)
            at = f"{path}.properties.{name}"
            read = self.read(part, at, inner, depth + 1)
            reserved = self._timestamps and name in RESERVED_NAMES
            properties[name] = _as_boundary(read, at) if reserved else read
        first = next((name for name in properties if name in required), None)
        if first is not None:
            properties = {first: properties[first], **properties}
        return {"properties": properties, "required": [name for name in properties if name in required]}

    def _read_array(self, node: dict[str, Any], path: str, place: Place, depth: int) -> dict[str, Any]:
        least = node.get("minItems", 0)
        if isinstance(least, bool) or not isinstance(least, int | float) or least < 0 or 0 < least < 1:
            raise SchemaInvalid(p=f"{path}.minItems", reason=f"{show(least)} was given; 0 or 1 is accepted.")
        if least > 1:
            raise SchemaNotSupported(reason=f"{path}.minItems: {show(least)} is not supported; 0 and 1 are.")
        items = self.read(node.get("items", {}), f"{path}.items", _OF_ITEMS.get(place, "deep"), depth + 1)
        if items.get("type") == "array":
            raise SchemaInvalid(p=f"{path}.items.type", reason=f"An array of arrays {_NOT_YET}")
        return {"items": items, "minItems": 1} if least else {"items": items}

    def _count(self, tree: dict[str, Any], path: str) -> None:
        texts = [tree[name] for name in _TITLES if name in tree]
        values = tree.get("enum", [])
        self._values += len(values)
        self._characters += sum(len(text) for text in (*texts, *values) if isinstance(text, str))
        if self._values > SCHEMA_VALUES:
            raise SchemaInvalid(p=path, reason=f"At most {SCHEMA_VALUES} values of enum in all are accepted.")
        if self._characters > SCHEMA_CHARACTERS:
            raise SchemaInvalid(p=path, reason=f"At most {SCHEMA_CHARACTERS} characters in all are accepted.")


def _guess(node: dict[str, Any], path: str) -> str | None:
    """A place without a type allows every value: the type of its enum, or any type that fits its other words."""
    values = read_values(node, None, path)
    if values is not None:
        return type_of(values)
    return next((kind for kind, words in _WORDS.items() if any(word in node for word in words)), "string")


def _check_words_of(node: dict[str, Any], kind: str | None, path: str) -> None:
    allowed = {*_EVERYWHERE, *_IGNORED, *(_WORDS[kind] if kind else ())}
    if kind == "timestamp":
        allowed -= {"enum", "const"}
    for word in node:
        if word not in allowed:
            of_what = f"the type {kind}" if kind else "values of several types"
            raise SchemaNotSupported(reason=f"{path}.{word}: The keyword is not supported for {of_what}.")


def _check_text(node: dict[str, Any], path: str) -> None:
    style = node.get("format")
    if style is not None and style not in _FORMATS:
        listed = ", ".join(_FORMATS)
        raise SchemaNotSupported(reason=f"{path}.format: {show(style)} is not supported; {listed} are.")
    for word in ("pattern", "format"):
        if word in node:
            raise SchemaInvalid(p=f"{path}.{word}", reason=f"It {_NOT_YET}")


def _read_time_style(node: dict[str, Any], path: str) -> str:
    style = node.get("format")
    if isinstance(style, str) and style in TIME_STYLES:
        return style
    reason = f"format is required for timestamp type; allowed values: {', '.join(TIME_STYLES)}"
    raise SchemaInvalid(p=f"{path}.format", reason=reason)


def _read_required(required: Any, properties: dict[str, Any], path: str) -> set[str]:
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise SchemaInvalid(p=path, reason=f"{show(required)} was given; an array of strings is accepted.")
    for name in required:
        if name not in properties:
            raise SchemaInvalid(p=path, reason=f"{show(name)} names no property.")
    return set(required)


def _as_boundary(tree: dict[str, Any], path: str) -> dict[str, Any]:
    """A reserved property holds a time of the video, so its type must be able to (contract 8)."""
    match tree.get("type"):
        case "number" | "integer" | "timestamp":
            return tree
        case "string" if "enum" not in tree:
            return {**tree, "type": "timestamp", "format": "hh:mm:ss.fff"}
    raise SchemaInvalid(
        p=path, reason="A time is wanted here: number, integer, timestamp or a plain string is accepted."
    )

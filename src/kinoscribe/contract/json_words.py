"""Names the words of the JSON schema dialect (contract 8), by type, and says which of them a schema may not use."""

from typing import Any

from kinoscribe.contract.errors import SchemaInvalid, SchemaNotSupported
from kinoscribe.contract.shown import show

BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
LENGTHS = ("minLength", "maxLength")
TEXT_FORMATS = ("uuid", "date-time", "date", "time")
TITLES = ("title", "description")
REFERENCE = "#/$defs/"

_EVERYWHERE = ("type", "enum", "const", "anyOf", "$ref", "$defs")
_STRICT: dict[str, tuple[str, ...]] = {
    "object": ("properties", "required"),
    "array": ("items", "minItems"),
    "string": ("pattern", "format"),
    "integer": BOUNDS,
    "number": (),
    "boolean": (),
    "null": (),
    "timestamp": ("format",),
}
# What `KINOSCRIBE_SCHEMA=wide` honours beyond the contract's dialect.
_WIDER: dict[str, tuple[str, ...]] = {
    "object": ("additionalProperties",),
    "array": ("maxItems",),
    "string": LENGTHS,
    "number": BOUNDS,
}
_NOTES = (*TITLES, "$comment", "$comments", "$schema", "$id", "default", "examples", "deprecated")
NOTES = frozenset((*_NOTES, "readOnly", "writeOnly"))
KINDS = tuple(_STRICT)


class Dialect:
    """The words that may stand in a schema: the contract's, or with `wide` some more."""

    def __init__(self, *, wide: bool) -> None:
        self.wide = wide
        self.words = {kind: own + (_WIDER.get(kind, ()) if wide else ()) for kind, own in _STRICT.items()}
        self._everywhere = (*_EVERYWHERE, "allOf") if wide else _EVERYWHERE
        self._known = frozenset(self._everywhere).union(NOTES, *self.words.values())

    def check_words(self, node: dict[str, Any], path: str, *, at_root: bool) -> None:
        """Raises `SchemaNotSupported` for the first word that stands nowhere in the dialect."""
        for word in node:
            if word in LENGTHS and word not in self._known:
                raise SchemaNotSupported(
                    reason=f"String length constraints ({word}) are not supported. Path: {path}."
                )
            if word not in self._known or (word == "$defs" and not at_root):
                raise SchemaNotSupported(reason=f"{path}: The keyword {show(word)} is not supported here.")

    def check_words_of(self, node: dict[str, Any], kinds: tuple[str, ...], path: str) -> None:
        """Raises `SchemaNotSupported` for a word of another type; no kinds stand for values of several types."""
        allowed = {*self._everywhere, *NOTES}.union(*(self.words[kind] for kind in kinds))
        if kinds == ("timestamp",):
            allowed -= {"enum", "const"}
        for word in node:
            if word not in allowed:
                of_what = f"the type {' or '.join(kinds)}" if kinds else "values of several types"
                raise SchemaNotSupported(reason=f"{path}.{word}: The keyword is not supported for {of_what}.")

    def only(self, node: dict[str, Any], kind: str) -> dict[str, Any]:
        """The part of a place with several types that speaks of one of them."""
        foreign = frozenset().union(*self.words.values()) - set(self.words[kind]) - {"type"}
        return {**{word: part for word, part in node.items() if word not in foreign}, "type": kind}

    def guess(self, node: dict[str, Any]) -> str:
        """The type of a place that names none: the first that fits its other words, else a string."""
        return next(
            (kind for kind, words in self.words.items() if any(word in node for word in words)), "string"
        )

    def read_kinds(self, node: dict[str, Any], path: str, *, timestamps: bool) -> tuple[str, ...]:
        """The types that a place names, empty when it names none. Raises `SchemaInvalid`."""
        given = node.get("type")
        if given is None:
            return ()
        accepted = [kind for kind in KINDS if timestamps or kind != "timestamp"]
        named = given if isinstance(given, list) and given else [given]
        for kind in named:
            if not isinstance(kind, str) or kind not in accepted:
                raise SchemaInvalid(
                    p=f"{path}.type",
                    reason=(
                        f"{show(kind)} was given. You should use one of the following values: "
                        f"{', '.join(accepted)}."
                    ),
                )
        return tuple(dict.fromkeys(named))

"""Turns the words about a string in a JSON schema into texts that keep to all of them (contract 8)."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from kinoscribe.contract.errors import SchemaInvalid, SchemaNotSupported
from kinoscribe.contract.json_words import LENGTHS, TEXT_FORMATS
from kinoscribe.contract.limits import SCHEMA_CHARACTERS, SCHEMA_PATTERN
from kinoscribe.contract.patterns import compiles, examples, matcher
from kinoscribe.contract.shown import show

# The nearest honest value where the evidence has none: nobody takes these for findings.
EMPTY_TEXTS = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date-time": "1970-01-01T00:00:00Z",
    "date": "1970-01-01",
    "time": "00:00:00Z",
}


def fits(text: str, node: dict[str, Any]) -> bool:
    """Whether a text keeps to the `pattern`, `format`, `minLength` and `maxLength` of a place."""
    if not node.get("minLength", 0) <= len(text) <= node.get("maxLength", len(text)):
        return False
    if "pattern" in node and not matcher(node["pattern"])(text):
        return False
    style = node.get("format")
    if style is None:
        return True
    return jsonschema_rs.is_valid({"type": "string", "format": style}, text, validate_formats=True)


def empty_text(node: dict[str, Any]) -> str | None:
    """The plainest text that keeps to all that a place asks of its text; None when none could be made."""
    return next((text for text in _candidates(node) if fits(text, node)), None)


def check_text(node: dict[str, Any], path: str) -> None:
    """Raises `SchemaNotSupported` or `SchemaInvalid` when the words make no sense or no text could be made."""
    style, pattern = node.get("format"), node.get("pattern")
    if style is not None and style not in TEXT_FORMATS:
        listed = ", ".join(TEXT_FORMATS)
        raise SchemaNotSupported(reason=f"{path}.format: {show(style)} is not supported; {listed} are.")
    if pattern is not None and not (isinstance(pattern, str) and len(pattern) <= SCHEMA_PATTERN):
        reason = f"a regular expression of at most {SCHEMA_PATTERN} characters is supported."
        raise SchemaNotSupported(reason=f"{path}.pattern: {show(pattern)} was given; {reason}")
    if pattern is not None and not compiles(pattern):
        raise SchemaNotSupported(reason=f"{path}.pattern: {show(pattern)} is no valid regular expression.")
    for word in LENGTHS:
        length = node.get(word, 0)
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            raise SchemaInvalid(
                p=f"{path}.{word}", reason=f"{show(length)} was given; a whole number is accepted."
            )
    if node.get("minLength", 0) > SCHEMA_CHARACTERS:
        raise SchemaInvalid(p=f"{path}.minLength", reason=f"At most {SCHEMA_CHARACTERS} are accepted.")
    if empty_text(node) is None:
        named = " with ".join(word for word in ("pattern", "format", *LENGTHS) if word in node)
        raise SchemaNotSupported(
            reason=f"{path}.{named.split(' ')[0]}: No text that fits {named} could be made; use a plainer one."
        )


def fitting_texts(values: list[Any], node: dict[str, Any], path: str) -> list[Any]:
    """The values of an enum of texts that keep to the other words. Raises when none does."""
    words = {word: node[word] for word in ("pattern", "format", *LENGTHS) if word in node}
    if not words:
        return values
    check_text(words, path)
    kept = [value for value in values if isinstance(value, str) and fits(value, words)]
    if not kept:
        raise SchemaInvalid(
            p=path, reason="No value of its enum or const fits its pattern, format or length."
        )
    return kept


def _candidates(node: dict[str, Any]) -> Iterator[str]:
    style, pattern = node.get("format"), node.get("pattern")
    if style is not None:
        yield EMPTY_TEXTS[style]
    if pattern is not None:
        yield from examples(pattern)
    if style is None:
        yield ""
        yield "-" * node.get("minLength", 0)

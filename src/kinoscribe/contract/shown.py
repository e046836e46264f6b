"""Turns values a client sent into short harmless text for the sentence of an error."""

import json

_LONGEST_TEXT = 1000
_LONGEST_VALUE = 80


def harmless(text: str, most: int = _LONGEST_TEXT) -> str:
    """`text` in one line of printable characters that every encoding of JSON can carry, cut at `most`."""
    cut = text if len(text) <= most else text[: most - 3] + "..."
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def show(value: object) -> str:
    """A JSON value as an error may repeat it: short values as they were sent, others by their kind."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str() if len(value) > _LONGEST_VALUE:
            return f'{_quoted(value[: _LONGEST_VALUE - 3])[:-1]}..."'
        case str():
            return _quoted(value)
        case int() if value.bit_length() > 4 * _LONGEST_VALUE:
            return "a number of very many digits"
        case int() | float():
            return json.dumps(value)
        case list() | tuple():
            return "an array"
        case dict():
            return "an object"
    return "a value of another kind"


def _quoted(text: str) -> str:
    return harmless(json.dumps(text, ensure_ascii=False))

"""Finds the JSON value in an engine's text: without fences or words around it, closed where its end is missing."""

import json
from typing import Any

_PAIRS = {"{": "}", "[": "]"}
_DEEPEST = 200
# After a digit nobody knows whether more of them were to come.
_ENDS = ('"', "}", "]", "true", "false", "null")


class NotJson(Exception):
    """No value was found; the message says why."""


def find_json(text: str) -> Any:
    """The value. A text that breaks off is closed after its last complete element. Raises `NotJson`."""
    whole = text.strip()
    try:
        return _load(whole)
    except ValueError as error:
        reason = str(error)
    for begin in _begins(whole):
        for candidate in (whole[begin:], *closed(whole[begin:])):
            try:
                return _load_first(candidate)
            except ValueError:
                continue
    raise NotJson(f"it is not JSON ({reason})")


def closed(text: str) -> tuple[str, ...]:
    """What a JSON text that breaks off may be taken for: closed as it is, or after its last complete element."""
    stack: list[str] = []
    best = ""
    inside = escaped = False
    for place, sign in enumerate(text):
        if inside:
            inside = escaped or sign != '"'
            escaped = not escaped and sign == "\\"
        elif sign == '"':
            inside = True
        elif sign in _PAIRS:
            stack.append(_PAIRS[sign])
            if len(stack) > _DEEPEST:
                return ()
            best = text[: place + 1] + "".join(reversed(stack))
        elif sign in "}]":
            if not stack or stack.pop() != sign:
                return (best,)
            best = text[: place + 1] + "".join(reversed(stack))
            if not stack:
                return (best,)
        elif sign == "," and stack:
            best = text[:place] + "".join(reversed(stack))
    whole = not inside and text.rstrip().endswith(_ENDS)
    return (text + "".join(reversed(stack)), best) if whole else (best,)


def _begins(text: str) -> list[int]:
    """Where a value may begin: the first brace and the first bracket, whichever comes first."""
    return sorted(place for place in (text.find("{"), text.find("[")) if place >= 0)


def _load(text: str) -> Any:
    """Also where control characters stand in strings as they are: grammars of model servers let them through."""
    try:
        return json.loads(text, parse_constant=_refuse, strict=False)
    except RecursionError as error:
        raise ValueError("it has too many levels") from error


def _load_first(text: str) -> Any:
    """The value a text begins with, whatever follows."""
    try:
        return json.JSONDecoder(parse_constant=_refuse, strict=False).raw_decode(text)[0]
    except RecursionError as error:
        raise ValueError("it has too many levels") from error


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON number")

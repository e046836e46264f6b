import contextlib
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, SchemaNotSupported
from kinoscribe.contract.json_schema import read_schema

ROOT = "response_format.json_schema"


def read(model_name: str = "pegasus1.5", /, **properties: object) -> dict[str, Any]:
    return read_schema({"type": "object", "properties": properties}, model_name)["properties"]


def refused(schema: object, model_name: str = "pegasus1.5") -> ApiError:
    with pytest.raises(ParameterInvalid) as caught:
        read_schema(schema, model_name)
    assert caught.value.code == "parameter_invalid"
    return caught.value


def refused_field(field: object, model_name: str = "pegasus1.5") -> ApiError:
    return refused({"type": "object", "properties": {"f": field}}, model_name)


def test_a_schema_comes_out_in_its_order_without_what_has_no_effect() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "x",
        "title": "Answer",
        "description": "All of it.",
        "$comment": "c",
        "examples": [{}],
        "type": "object",
        "properties": {
            "title": {"type": "string", "title": "T", "default": "", "deprecated": False},
            "count": {"type": "integer", "minimum": 0.5, "exclusiveMaximum": 10},
            "score": {"type": "number", "readOnly": True},
            "sure": {"type": "boolean"},
            "nothing": {"type": "null"},
            "mood": {"type": "string", "enum": ["good", "bad"]},
            "fixed": {"const": 5},
            "words": {"type": "array", "items": {"type": "string"}, "minItems": 1.0},
            "rows": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "inner": {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        },
        "required": ["title", "words"],
    }
    tree = read_schema(schema, "pegasus1.5")
    assert tree == {
        "title": "Answer",
        "description": "All of it.",
        "type": "object",
        "properties": {
            "title": {"title": "T", "type": "string"},
            "count": {"type": "integer", "minimum": 1, "maximum": 9},
            "score": {"type": "number"},
            "sure": {"type": "boolean"},
            "nothing": {"type": "null"},
            "mood": {"type": "string", "enum": ["good", "bad"]},
            "fixed": {"type": "integer", "enum": [5]},
            "words": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "rows": {
                "type": "array",
                "items": {"type": "object", "properties": {"a": {"type": "string"}}, "required": []},
            },
            "inner": {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        },
        "required": ["title", "words"],
    }
    assert list(tree["properties"]) == list(schema["properties"])  # type: ignore[call-overload]


def test_an_optional_first_property_lets_the_first_required_one_go_in_front() -> None:
    part = {"type": "string"}
    inner = {"type": "object", "properties": {"a": part, "b": part, "c": part}, "required": ["c", "b"]}
    tree = read_schema({**inner, "properties": {**inner["properties"], "d": inner}}, "pegasus1.5")  # type: ignore[dict-item]
    assert list(tree["properties"]) == ["b", "a", "c", "d"]
    assert tree["required"] == ["b", "c"]
    assert list(tree["properties"]["d"]["properties"]) == ["b", "a", "c"]


@pytest.mark.parametrize("schema", [{}, [], "x", 5, True])
def test_what_is_no_schema_is_refused(schema: object) -> None:
    assert ROOT in refused(schema).message


@pytest.mark.parametrize("keyword", ["minLength", "maxLength"])
def test_length_constraints_are_refused_in_the_words_of_the_original(keyword: str) -> None:
    error = refused_field({"type": "string", keyword: 5})
    assert error.status == 422
    assert f"String length constraints ({keyword}) are not supported." in error.message
    assert f"{ROOT}.properties.f" in error.message


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"type": "object", "additionalProperties": False}, "additionalProperties"),
        ({"type": "object", "additionalProperties": {}}, "additionalProperties"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "maxItems": 5}, "maxItems"),
        ({"type": "array", "minItems": 2}, "minItems"),
        ({"type": "array", "prefixItems": []}, "prefixItems"),
        ({"type": "array", "contains": {}}, "contains"),
        ({"type": "number", "minimum": 1}, "minimum"),
        ({"type": "number", "multipleOf": 1}, "multipleOf"),
        ({"type": "integer", "multipleOf": 1}, "multipleOf"),
        ({"oneOf": []}, "oneOf"),
        ({"allOf": []}, "allOf"),
        ({"not": {}}, "not"),
        ({"if": {}}, "if"),
        ({"type": "object", "patternProperties": {}}, "patternProperties"),
        ({"type": "object", "propertyNames": {}}, "propertyNames"),
        ({"type": "string", "format": "email"}, "format"),
        ({"type": "string", "format": 5}, "format"),
        ({"type": "string", "enum": ["a", []]}, "enum[1]"),
        ({"const": {}}, "const"),
        ({"$ref": "https://example.org/schema"}, "$ref"),
        ({"$ref": "#/$defs/absent"}, "$ref"),
        ({"$ref": "#/properties/f"}, "$ref"),
        ({"$ref": 5}, "$ref"),
        ({"type": "string", "$defs": {}}, "$defs"),
        ({"type": "string", "items": {}}, "items"),
        ({"type": "boolean", "minimum": 1}, "minimum"),
        ({"enum": [1, "a"], "minimum": 1}, "minimum"),
        ({"type": "timestamp", "format": "seconds", "enum": ["a"]}, "enum"),
        ({"nullable": True}, "nullable"),
    ],
)
def test_words_outside_of_the_dialect_are_unprocessable(field: object, named: str) -> None:
    error = refused_field(field)
    assert isinstance(error, SchemaNotSupported)
    assert error.status == 422
    assert f"{ROOT}.properties.f" in error.message
    assert named in error.message


@pytest.mark.parametrize(
    ("field", "path"),
    [
        (True, ""),
        ("string", ""),
        (None, ""),
        ({"type": "thing"}, ".type"),
        ({"type": 5}, ".type"),
        ({"type": []}, ".type"),
        ({"type": "string", "enum": []}, ".enum"),
        ({"type": "string", "enum": "a"}, ".enum"),
        ({"type": "string", "enum": [1]}, ""),
        ({"type": "string", "const": 1}, ""),
        ({"enum": [1], "const": 2}, ""),
        ({"enum": [1], "const": True}, ""),
        ({"type": "integer", "enum": [1.5, "a"]}, ""),
        ({"type": "integer", "enum": [1], "minimum": 2}, ""),
        ({"type": "integer", "minimum": 5, "maximum": 4}, ""),
        ({"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 5}, ""),
        ({"type": "integer", "minimum": "5"}, ".minimum"),
        ({"type": "integer", "exclusiveMinimum": True}, ".exclusiveMinimum"),
        ({"type": "integer", "maximum": 10**400}, ".maximum"),
        ({"type": "integer", "maximum": 1e999}, ".maximum"),
        ({"type": "integer", "enum": [1e999]}, ".enum[0]"),
        ({"type": "array", "minItems": -1}, ".minItems"),
        ({"type": "array", "minItems": 0.5}, ".minItems"),
        ({"type": "array", "minItems": True}, ".minItems"),
        ({"type": "array", "items": []}, ".items"),
        ({"type": "object", "properties": []}, ".properties"),
        ({"type": "object", "required": "a"}, ".required"),
        ({"type": "object", "required": [1]}, ".required"),
        ({"type": "object", "required": ["a"]}, ".required"),
        ({"type": "object", "properties": {"a" * 300: {}}}, ".properties"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_path(field: object, path: str) -> None:
    error = refused_field(field)
    assert error.status == 400
    assert error.message.startswith(f"{ROOT}.properties.f{path}: ")


def test_values_keep_the_type_that_json_gives_them() -> None:
    fields = read(
        a={"type": "integer", "enum": [1, True, 2.0, "x", None, 2]},
        b={"type": "number", "enum": [1, 2.5, True]},
        c={"const": None},
        d={"enum": [1, "a", None]},
        e={"enum": [True, False]},
        f={"type": "integer", "enum": [1, 5, 9], "minimum": 2, "maximum": 8},
        g={"enum": ["a", "b"], "const": "b"},
    )
    assert fields["a"] == {"type": "integer", "enum": [1, 2]}
    assert [type(value) for value in fields["a"]["enum"]] == [int, int]
    assert fields["b"] == {"type": "number", "enum": [1, 2.5]}
    assert fields["c"] == {"type": "null", "enum": [None]}
    assert fields["d"] == {"enum": [1, "a", None]}
    assert fields["e"] == {"type": "boolean", "enum": [True, False]}
    assert fields["f"] == {"type": "integer", "minimum": 2, "maximum": 8, "enum": [5]}
    assert fields["g"] == {"type": "string", "enum": ["b"]}


def test_a_place_without_a_type_is_filled_by_what_fits_its_words() -> None:
    fields = read(
        a={}, b={"properties": {}}, c={"items": {"type": "integer"}}, d={"minimum": 3}, e={"title": "E"}
    )
    assert [part["type"] for part in fields.values()] == ["string", "object", "array", "integer", "string"]


@pytest.mark.parametrize("style", ["seconds", "hh:mm:ss", "hh:mm:ss.fff"])
def test_a_timestamp_stands_in_a_field_or_in_a_row(style: str) -> None:
    stamp = {"type": "timestamp", "format": style}
    row = {"type": "object", "properties": {"t": stamp}}
    fields = read(t=stamp, rows={"type": "array", "items": row})
    assert fields["t"] == stamp
    assert fields["rows"]["items"]["properties"]["t"] == stamp


@pytest.mark.parametrize("style", [None, "mm:ss", 5, []])
def test_a_timestamp_without_its_format_is_refused_in_the_words_of_the_original(style: object) -> None:
    error = refused_field({"type": "timestamp", "format": style})
    assert error.status == 400
    assert error.message == (
        f"{ROOT}.properties.f.format: format is required for timestamp type; "
        "allowed values: seconds, hh:mm:ss, hh:mm:ss.fff"
    )


def test_a_timestamp_anywhere_else_is_refused() -> None:
    stamp = {"type": "timestamp", "format": "seconds"}
    inner = {"type": "object", "properties": {"t": stamp}}
    for field, path in (
        (inner, ".properties.t"),
        ({"type": "array", "items": stamp}, ".items"),
        (
            {"type": "array", "items": {"type": "object", "properties": {"x": inner}}},
            ".items.properties.x.properties.t",
        ),
    ):
        assert refused_field(field).message.startswith(
            f"{ROOT}.properties.f{path}: timestamp is not accepted here"
        )
    assert refused_field(stamp, "pegasus1.2").message.startswith(f"{ROOT}.properties.f.type: ")
    assert refused(stamp).status == 400


def test_reserved_names_hold_times() -> None:
    fields = read(
        start_time={"type": "string", "description": "Begin."},
        end_time={"type": "integer"},
        deep={
            "type": "object",
            "properties": {"end_time": {"type": "string"}, "start_time": {"type": "number"}},
        },
    )
    stamp = {"type": "timestamp", "format": "hh:mm:ss.fff"}
    assert fields["start_time"] == {"description": "Begin.", **stamp}
    assert fields["end_time"] == {"type": "integer"}
    assert fields["deep"]["properties"] == {"end_time": stamp, "start_time": {"type": "number"}}
    assert read(start_time=stamp) == {"start_time": stamp}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "boolean"},
        {"type": "object"},
        {"type": "array"},
        {"type": "null"},
        {"enum": ["a"]},
        {"enum": [1, "a"]},
        {"type": "string", "format": "date-time"},
    ],
)
def test_reserved_names_of_other_types_are_refused_but_by_the_oldest_model(part: dict[str, Any]) -> None:
    error = refused({"type": "object", "properties": {"start_time": part}})
    assert error.status == 400
    assert f"{ROOT}.properties.start_time" in error.message
    assert read("pegasus1.2", start_time=part)["start_time"]
    assert read("pegasus1.2", start_time={"type": "string"})["start_time"] == {"type": "string"}


def test_a_reserved_name_of_a_format_that_is_not_known_is_refused_as_a_time() -> None:
    error = refused({"type": "object", "properties": {"end_time": {"type": "string", "format": "email"}}})
    assert error.status == 400
    assert f"{ROOT}.properties.end_time" in error.message


def test_depth_breadth_and_length_are_bounded() -> None:
    part: dict[str, Any] = {"type": "string"}
    for _ in range(15):
        part = {"type": "object", "properties": {"a": part}}
    assert read(a=part)
    assert "16 levels" in refused_field({"type": "object", "properties": {"a": part}}).message
    many = {str(n): {"type": "string"} for n in range(2001)}
    assert "2000 properties" in refused({"type": "object", "properties": many}).message
    assert "4000 values" in refused_field({"enum": list(range(4001))}).message
    half = {"enum": list(range(2100))}
    assert "4000 values" in refused({"type": "object", "properties": {"a": half, "b": half}}).message
    assert "characters" in refused_field({"type": "string", "description": "x" * 400_001}).message


def test_any_of_keeps_its_branches_and_what_holds_beside_them() -> None:
    fields = read(
        a={"anyOf": [{"type": "string"}, {"type": "null"}], "title": "A", "default": None},
        b={"anyOf": [{"type": "integer", "maximum": 9}, {"type": "null"}], "type": "integer", "minimum": 2},
        c={"type": ["string", "null"], "pattern": "^a"},
        d={"type": ["string", "integer"], "enum": ["x", 1, 2.5]},
        e={
            "type": "object",
            "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
            "anyOf": [{"required": ["x"]}, {"required": ["y"]}],
        },
    )
    assert fields["a"] == {"title": "A", "anyOf": [{"type": "string"}, {"type": "null"}]}
    assert fields["b"] == {"type": "integer", "minimum": 2, "maximum": 9}
    assert fields["c"] == {"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]}
    assert fields["d"] == {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "integer", "enum": [1]}]}
    assert [branch["required"] for branch in fields["e"]["anyOf"]] == [["x"], ["y"]]


def test_references_are_put_in_place_but_for_those_that_lead_back() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/point", "description": "Where."},
            "b": {"type": "array", "items": {"$ref": "#/$defs/a~1b"}},
            "c": {"$ref": "#/$defs/node"},
        },
        "$defs": {
            "point": {"type": "object", "properties": {"x": {"type": "number"}}, "description": "A point."},
            "a/b": {"type": "string", "enum": ["p"]},
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            },
        },
    }
    tree = read_schema(schema, "pegasus1.5")
    assert tree["properties"]["a"]["properties"] == {"x": {"type": "number"}}
    assert tree["properties"]["a"]["description"] == "Where."
    assert tree["properties"]["b"]["items"] == {"type": "string", "enum": ["p"]}
    assert tree["properties"]["c"] == {"$ref": "#/$defs/node"}
    assert list(tree["$defs"]) == ["node"]
    assert tree["$defs"]["node"]["properties"]["next"]["anyOf"][0] == {"$ref": "#/$defs/node"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
        {
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/n"}},
            "$defs": {
                "n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]},
            },
        },
        {
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/n"}},
            "$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": 1}},
        },
    ],
)
def test_what_refers_to_itself_without_end_is_unprocessable(schema: dict[str, Any]) -> None:
    error = refused(schema)
    assert error.status == 422
    assert "without end" in error.message


def test_a_schema_that_explodes_is_refused_in_bounded_time() -> None:
    doubling = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(13)
    }
    error = refused({"$ref": "#/$defs/d0", "$defs": {**doubling, "d13": {"type": "null"}}})
    assert error.status == 400
    wide = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 3} for n in range(13)}
    with pytest.raises(ParameterInvalid):
        read_schema(
            {"$ref": "#/$defs/d0", "$defs": {**wide, "d13": {"type": "null"}}}, "pegasus1.5", wide=True
        )


@pytest.mark.parametrize(
    "root", [{"type": "array"}, {"type": "string"}, {"enum": [1, "a"]}, {"type": ["null", "object"]}]
)
def test_the_root_may_be_of_any_type_but_a_time(root: dict[str, Any]) -> None:
    assert read_schema(root, "pegasus1.5")
    assert refused({"type": "timestamp", "format": "seconds"}).status == 400


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"type": "string", "pattern": "["}, "pattern"),
        ({"type": "string", "pattern": 5}, "pattern"),
        ({"type": "string", "pattern": "a" * 1001}, "pattern"),
        ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
        ({"type": "string", "pattern": "^x", "format": "date"}, "pattern"),
        ({"anyOf": [{"type": "string", "maxLength": 5}]}, "maxLength"),
        ({"type": ["string", "null"], "minimum": 5}, "minimum"),
    ],
)
def test_texts_that_nobody_could_write_are_unprocessable(field: object, named: str) -> None:
    error = refused_field(field)
    assert error.status == 422
    assert named in error.message
    assert f"{ROOT}.properties.f" in error.message


@pytest.mark.parametrize(
    "field",
    [
        {"anyOf": []},
        {"anyOf": {}},
        {"anyOf": [5]},
        {"anyOf": [{"type": "string"}], "type": "integer"},
        {"anyOf": [{"type": "timestamp", "format": "seconds"}]},
        {"type": "string", "enum": ["a"], "pattern": "^b"},
        {"type": ["string", "boolean"], "enum": [1]},
    ],
)
def test_branches_without_a_value_are_refused(field: object) -> None:
    assert refused_field(field).status == 400


def test_the_wide_dialect_honours_more_words() -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "a": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 4},
            "b": {"type": "string", "minLength": 2, "maxLength": 5},
            "c": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1},
            "d": {"allOf": [{"type": "integer", "minimum": 3}, {"$ref": "#/$defs/few"}]},
        },
        "$defs": {"few": {"type": "integer", "minimum": 1, "maximum": 9}},
    }
    with pytest.raises(SchemaNotSupported):
        read_schema(schema, "pegasus1.5")
    tree = read_schema(schema, "pegasus1.5", wide=True)
    assert tree["additionalProperties"] is False
    assert tree["properties"] == {
        "a": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 4},
        "b": {"type": "string", "minLength": 2, "maxLength": 5},
        "c": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1},
        "d": {"type": "integer", "minimum": 3, "maximum": 9},
    }


@pytest.mark.parametrize(
    "field",
    [
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "array", "minItems": 1001},
        {"type": "array", "maxItems": "5"},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "maxLength": -1},
        {"type": "number", "minimum": 1, "exclusiveMaximum": 1},
        {"type": "number", "minimum": True},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"allOf": []},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
                {"properties": {"b": {}}, "required": ["b"]},
            ]
        },
    ],
)
def test_the_wide_dialect_has_bounds_too(field: dict[str, Any]) -> None:
    with pytest.raises(ParameterInvalid):
        read_schema({"type": "object", "properties": {"f": field}}, "pegasus1.5", wide=True)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
WORDS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "items",
        "minItems",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "format",
        "anyOf",
        "$ref",
        "$defs",
        "title",
        "pattern",
        "maxLength",
    ]
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", "timestamp"])


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(
        st.text("abc", max_size=2) | st.sampled_from(["start_time", "end_time"]), inner, max_size=4
    )
    proper = st.fixed_dictionaries(
        {"type": TYPES},
        optional={
            "properties": named,
            "items": inner,
            "enum": st.lists(SCALARS, max_size=3),
            "minimum": st.integers(-5, 5),
            "maximum": st.floats(-5, 5),
            "minItems": st.integers(0, 2),
            "required": st.lists(st.text("abc", max_size=2), max_size=2),
            "format": st.sampled_from(["seconds", "hh:mm:ss", "date"]),
        },
    )
    return proper | st.dictionaries(WORDS, inner | SCALARS, max_size=3)


SCHEMAS = st.recursive(nodes(SCALARS), nodes, max_leaves=8)


@given(SCHEMAS, st.sampled_from(["pegasus1.2", "pegasus1.5"]))
def test_any_value_is_a_schema_or_is_refused(schema: Any, model_name: str) -> None:
    with contextlib.suppress(ParameterInvalid):
        tree = read_schema(schema, model_name)
        json.dumps(tree, allow_nan=False)
        assert read_schema(tree, model_name) == tree or "timestamp" in str(tree)
        jsonschema_rs.validator_for(json.loads(json.dumps(tree).replace('"timestamp"', '"string"')))

"""Rules C116 to C135: answers that are JSON of the shape a client asks for, and schemas that are refused."""

import json
import time
from typing import Any

import httpx2
import pytest
from tests.conformance.exact import answer, both_shapes, read_stream, refusal
from tests.conformance.exact_segments import fits
from tests.conformance.scripted import prompt
from tests.conformance.wire import Json

PATH = "response_format.json_schema"
DEEP = {
    "type": "object",
    "properties": {
        "note": {"type": "string"},
        "title": {"type": "string", "title": "T", "description": "D", "$comment": "C"},
        "rows": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["name"],
            },
        },
        "mood": {"enum": ["calm", "loud"]},
        "kind": {"const": "clip"},
        "maybe": {"anyOf": [{"type": "integer", "minimum": 3, "exclusiveMaximum": 9}, {"type": "null"}]},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"},
        "day": {"type": "string", "format": "date"},
        "ident": {"type": "string", "format": "uuid"},
        "moment": {"type": "string", "format": "date-time"},
        "clock": {"type": "string", "format": "time"},
        "count": {"type": "integer", "exclusiveMinimum": 4, "maximum": 7},
        "share": {"type": "number"},
        "sure": {"type": "boolean"},
        "nothing": {"type": "null"},
        "part": {"$ref": "#/$defs/part"},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "required": ["title", "rows", "maybe", "code", "part", "tree"],
    "$defs": {
        "part": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "tree": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
            },
            "required": ["name"],
        },
    },
}


def of(schema: object) -> Json:
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def field(part: object) -> Json:
    return of({"type": "object", "properties": {"f": part}})


def said(wire: httpx2.Client, body: Json, schema: Json, **more: object) -> str:
    found = answer(wire.post("analyze", json={**body, **of(schema), **more}))
    assert found.finish_reason == "stop"
    return found.data


@pytest.mark.rule("C116", "C117", "C118", "C119", "C120", "C133", "C135")
def test_every_word_of_the_dialect_is_honoured(wire: httpx2.Client, body: Json) -> None:
    value = fits(DEEP, said(wire, body, DEEP))
    assert list(value)[:2] == ["title", "note"], "the first required property goes in front"
    assert [name for name in value if name != "title"] == [
        name for name in DEEP["properties"] if name in value and name != "title"
    ]  # type: ignore[attr-defined]
    assert value["rows"]


@pytest.mark.rule("C090", "C116", "C135")
def test_a_stream_under_a_schema_adds_up_to_the_same(wire: httpx2.Client, body: Json) -> None:
    whole = said(wire, body, DEEP, temperature=0)
    response = wire.post("analyze", json={**body, **of(DEEP), "temperature": 0, "stream": True})
    assert read_stream(response.content).text == whole


@pytest.mark.rule("C120", "C121", "C122", "C123", "C124", "C125")
@pytest.mark.parametrize(
    ("part", "status", "named"),
    [
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, 422, "minItems"),
        ({"type": "string", "minLength": 1}, 422, "String length constraints (minLength) are not supported."),
        ({"type": "string", "maxLength": 9}, 422, "String length constraints (maxLength) are not supported."),
        ({"type": "object", "additionalProperties": True}, 422, "additionalProperties"),
        ({"type": "object", "additionalProperties": False}, 422, "additionalProperties"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, 422, "additionalProperties"),
        ({"type": "array", "uniqueItems": True}, 422, "uniqueItems"),
        ({"type": "array", "maxItems": 3}, 422, "maxItems"),
        ({"oneOf": [{"type": "string"}]}, 422, "oneOf"),
        ({"allOf": [{"type": "string"}]}, 422, "allOf"),
        ({"not": {"type": "string"}}, 422, "not"),
        ({"type": "string", "format": "email"}, 422, "format"),
        ({"type": "number", "minimum": 1}, 422, "minimum"),
        ({"type": "integer", "multipleOf": 2}, 422, "multipleOf"),
        ({"type": "string", "pattern": "["}, 422, "pattern"),
        ({"type": "string", "pattern": "(a" * 5000}, 422, "pattern"),
        ({"enum": [["a"]]}, 422, "enum"),
        ({"$ref": "#/$defs/absent"}, 422, "$ref"),
        ({"$ref": "https://example.com/schema.json"}, 422, "$ref"),
        ({"type": "strange"}, 400, "type"),
        ({"type": 5}, 400, "type"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_lies_outside_of_the_dialect_is_refused(
    wire: httpx2.Client, body: Json, part: Json, status: int, named: str
) -> None:
    response = wire.post("analyze", json={**body, **field(part)})
    refusal(response, status, "parameter_invalid", named)
    assert f"{PATH}.properties.f" in response.json()["message"]


@pytest.mark.rule("C126")
@pytest.mark.parametrize(
    ("part", "status"), [({"type": "string", "maxLength": 9}, 422), ({"type": "strange"}, 400)]
)
def test_a_task_is_refused_when_it_is_made(wire: httpx2.Client, body: Json, part: Json, status: int) -> None:
    asked = {key: value for key, value in body.items() if key != "stream"}
    both_shapes(wire.post("analyze/tasks", json={**asked, **field(part)}), status, "parameter_invalid")


@pytest.mark.rule("C127")
@pytest.mark.parametrize("style", ["seconds", "hh:mm:ss", "hh:mm:ss.fff"])
def test_times_stand_in_their_two_places(wire: httpx2.Client, body: Json, style: str) -> None:
    stamp = {"type": "timestamp", "format": style}
    row = {"type": "object", "properties": {"at": stamp}, "required": ["at"]}
    schema = {
        "type": "object",
        "properties": {"at": stamp, "rows": {"type": "array", "items": row, "minItems": 1}},
        "required": ["at", "rows"],
    }
    value = fits(schema, said(wire, body, schema))
    assert isinstance(value["at"], str) == (style != "seconds")


@pytest.mark.rule("C128")
def test_a_time_without_its_form_is_refused_in_the_documented_words(wire: httpx2.Client, body: Json) -> None:
    response = wire.post("analyze", json={**body, **field({"type": "timestamp"})})
    refusal(response, 400, "parameter_invalid", f"{PATH}.properties.f.format")
    allowed = "format is required for timestamp type; allowed values: seconds, hh:mm:ss, hh:mm:ss.fff"
    assert allowed in response.json()["message"]


@pytest.mark.rule("C129", "C130")
def test_a_time_anywhere_else_or_with_the_oldest_model_is_refused(wire: httpx2.Client, body: Json) -> None:
    stamp = {"type": "timestamp", "format": "seconds"}
    inner = {"type": "object", "properties": {"at": stamp}}
    for part in (inner, {"anyOf": [stamp]}, {"type": "array", "items": stamp}):
        refusal(
            wire.post("analyze", json={**body, **field(part)}),
            400,
            "parameter_invalid",
            f"{PATH}.properties.f",
        )
    defined = {"type": "object", "properties": {"f": {"$ref": "#/$defs/t"}}, "$defs": {"t": stamp}}
    refusal(wire.post("analyze", json={**body, **of(defined)}), 400, "parameter_invalid", PATH)
    old = {**body, "model_name": "pegasus1.2", **field(stamp)}
    refusal(wire.post("analyze", json=old), 400, "parameter_invalid", f"{PATH}.properties.f")


@pytest.mark.rule("C131", "C132")
def test_the_begin_of_something_is_a_time(wire: httpx2.Client, body: Json) -> None:
    for kind, form in (("number", "seconds"), ("integer", "seconds"), ("string", "hh:mm:ss.fff")):
        schema = {"type": "object", "properties": {"start_time": {"type": kind}}, "required": ["start_time"]}
        value = json.loads(said(wire, body, schema))["start_time"]
        plain: Json = {"type": "timestamp", "format": form} if kind == "string" else {"type": kind}
        fits({"type": "object", "properties": {"start_time": plain}}, json.dumps({"start_time": value}))
    for part in (
        {"type": "boolean"},
        {"type": "object"},
        {"type": "array"},
        {"type": "null"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "email"},
    ):
        schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {"end_time": part}}}}
        refusal(wire.post("analyze", json={**body, **of(schema)}), 400, "parameter_invalid", "end_time")
        if part.get("format") != "email":
            old = wire.post("analyze", json={**body, "model_name": "pegasus1.2", **of(schema)})
            assert answer(old).finish_reason == "stop"


@pytest.mark.rule("C134")
def test_json_that_is_cut_is_returned_as_it_is(wire: httpx2.Client, body: Json) -> None:
    names = {f"property_{number}": {"type": "string"} for number in range(60)}
    schema = {"type": "object", "properties": names, "required": list(names)}
    asked = {**body, "model_name": "pegasus1.2", **of(schema), "max_tokens": 40}
    found = answer(wire.post("analyze", json=asked))
    assert found.finish_reason == "length"
    assert found.data.startswith('{"property_0"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(found.data)


@pytest.mark.parametrize(
    ("script", "works"),
    [
        ("fenced json", True),
        ("half a json", True),
        ("no json", False),
        ("nothing at all", False),
        ("the wrong json", False),
    ],
)
@pytest.mark.rule("C116", "C135")
def test_whatever_an_engine_says_the_answer_fits_or_is_an_error(
    wire: httpx2.Client, body: Json, script: str, works: bool
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    response = wire.post("analyze", json={**body, "prompt": prompt(script), **of(schema)})
    if works:
        assert json.loads(answer(response).data)["a"] == 1
    else:
        refusal(response, 500, "internal_server_error", "engine")


def _exploding() -> list[Any]:
    wide: Json = {"type": "string"}
    for _ in range(60):
        wide = {"type": "object", "properties": {"a": wide}}
    doubled = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
    return [
        wide,
        {"type": "object", "properties": {"f": {"enum": list(range(50_000))}}},
        {"$ref": "#/$defs/d0", "$defs": {**doubled, "d30": {"type": "null"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20_000)}},
    ]


@pytest.mark.rule("C125")
@pytest.mark.parametrize("schema", _exploding(), ids=["deep", "values", "doubling", "circle", "properties"])
def test_a_schema_that_explodes_is_refused_soon(wire: httpx2.Client, body: Json, schema: Json) -> None:
    before = time.monotonic()
    response = wire.post("analyze", json={**body, **of(schema)})
    assert response.status_code in (400, 422), response.text[:300]
    refusal(response, response.status_code, "parameter_invalid", PATH)
    assert time.monotonic() - before < 30

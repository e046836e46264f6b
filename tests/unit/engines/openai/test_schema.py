"""Whatever shape is wanted, the schema that goes out is plain JSON Schema and takes what the contract takes."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, reject, settings
from tests.unit.contract.json_schemas import schemas
from tests.unit.engines.openai.asks import ask

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.json_empty import empty_value
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.engines.engine import SegmentField, SegmentWish
from kinoscribe.engines.openai.schema import plain, response_format, wanted_schema
from kinoscribe.output.conform import conform
from kinoscribe.output.timestamps import plain as contract_plain

FIELDS = (
    SegmentField("name", "string", "-"),
    SegmentField("mood", "string", "-", enum=("glad", "sad")),
    SegmentField("sure", "boolean", "-"),
    SegmentField("share", "number", "-"),
    SegmentField("count", "integer", "-"),
    SegmentField("words", "array", "-", items="string"),
    SegmentField("marks", "array", "-", items="integer"),
    SegmentField("kinds", "array", "-", items="string", enum=("a", "b")),
    SegmentField("at", "timestamp", "-", format="hh:mm:ss"),
    SegmentField("steps", "time_array", "-", fields=(SegmentField("what", "string", "-"),)),
)
FULL: dict[str, Any] = {
    "name": "x",
    "mood": "sad",
    "sure": True,
    "share": 0.5,
    "count": 3,
    "words": ["a"],
    "marks": [1],
    "kinds": ["b"],
    "at": 12.5,
    "steps": [{"start_time": 1.0, "end_time": 2.5, "what": "x"}],
}


def segment(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"start_time": 1.0, "end_time": 2.5, "metadata": metadata}


def wanted() -> jsonschema_rs.Draft202012Validator:
    schema = wanted_schema(ask(segments=(SegmentWish("one", "-", FIELDS), SegmentWish("two", "-"))))
    assert schema is not None
    return jsonschema_rs.Draft202012Validator(schema)


def test_segments_of_every_kind_of_field_fit() -> None:
    assert wanted().is_valid({"one": [segment(FULL), segment(FULL)], "two": [segment({})]})
    assert wanted().is_valid({"one": [], "two": []})


def test_what_cannot_be_told_is_null() -> None:
    nothing: dict[str, Any] = {name: [] if isinstance(value, list) else None for name, value in FULL.items()}
    assert wanted().is_valid({"one": [segment(nothing)], "two": []})


@pytest.mark.parametrize(
    "wrong",
    [
        {**FULL, "mood": "angry"},
        {**FULL, "count": "3"},
        {**FULL, "more": 1},
        {"name": "x"},
        {**FULL, "kinds": ["c"]},
    ],
)
def test_what_no_field_takes_does_not_fit(wrong: dict[str, Any]) -> None:
    assert not wanted().is_valid({"one": [segment(wrong)], "two": []})


def test_every_kind_of_segment_is_wanted_in_order() -> None:
    assert not wanted().is_valid({"one": []})
    schema = wanted_schema(ask(segments=(SegmentWish("b", "-"), SegmentWish("a", "-"))))
    assert schema is not None
    assert list(schema["properties"]) == ["b", "a"]


def test_free_text_wants_no_schema() -> None:
    assert wanted_schema(ask()) is None


def test_times_are_what_the_contract_writes() -> None:
    read = read_schema(
        {
            "type": "object",
            "properties": {
                "a": {"type": "timestamp", "format": "seconds"},
                "b": {"type": "timestamp", "format": "hh:mm:ss"},
                "c": {"type": "timestamp", "format": "hh:mm:ss.fff", "description": "When"},
                "timestamp": {"type": "string"},
            },
        },
        "pegasus1.5",
    )
    made = plain(read)
    check = jsonschema_rs.Draft202012Validator(made)
    assert check.is_valid({"a": 1.5, "b": "00:01:02", "c": "10:00:00.125", "timestamp": "x"})
    for wrong in ({"a": "1.5"}, {"b": "1:2:3"}, {"b": "00:61:00"}, {"c": "00:00:01"}):
        assert not check.is_valid(wrong)
    assert made["properties"]["c"]["description"] == "When"


def _types(node: Any) -> set[Any]:
    if isinstance(node, list):
        return set().union(*(_types(part) for part in node))
    if not isinstance(node, dict):
        return set()
    own = {node["type"]} if isinstance(node.get("type"), str) else set()
    return own.union(*(_types(part) for part in node.values()))


@given(schemas())
@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=60
)
def test_what_fits_the_schema_that_goes_out_fits_the_contract(given_schema: dict[str, Any]) -> None:
    try:
        read = read_schema(given_schema, "pegasus1.5", wide=True)
    except ParameterInvalid:
        reject()
    made = plain(read)
    smallest = empty_value(read, read)
    assert jsonschema_rs.Draft202012Validator(made).is_valid(smallest) or "format" in str(read)
    if jsonschema_rs.is_valid(made, smallest):
        assert jsonschema_rs.is_valid(contract_plain(read), smallest)


def test_objects_hold_nothing_beside_what_is_named() -> None:
    read = read_schema(
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
        },
        "pegasus1.5",
    )
    made = plain(read)
    assert made["additionalProperties"] is False
    assert made["properties"]["a"]["items"]["additionalProperties"] is False


def test_the_parameter_holds_the_schema_under_a_name() -> None:
    schema = {"type": "object", "properties": {}}
    made = response_format(schema)
    assert made["type"] == "json_schema"
    assert made["json_schema"]["schema"] == schema
    assert made["json_schema"]["name"]


def test_an_answer_under_the_schema_passes_the_check_of_the_contract() -> None:
    read = read_schema(
        {"type": "object", "properties": {"at": {"type": "timestamp", "format": "hh:mm:ss"}}}, "pegasus1.5"
    )
    assert conform('{"at": "00:00:09"}', read) == '{"at":"00:00:09"}'

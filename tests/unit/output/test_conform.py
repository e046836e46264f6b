"""An engine's JSON reaches the client only when it fits the schema."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.contract.json_schemas import schemas

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.json_empty import empty_value
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.output.conform import DoesNotFit, conform, repair_prompt
from kinoscribe.output.timestamps import plain

SCHEMA = read_schema(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "at": {"type": "timestamp", "format": "hh:mm:ss"},
            "type": {"type": "integer", "minimum": 1},
            "note": {"type": ["string", "null"]},
            "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        },
        "required": ["title", "at"],
    },
    "pegasus1.5",
)


def conformed(text: str) -> Any:
    return json.loads(conform(text, SCHEMA))


def test_a_fitting_answer_passes_unchanged() -> None:
    text = '{"title":"é","at":"00:01:02","type":3}'
    assert conform(text, SCHEMA) == text


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"title":"a","at":"00:00:01"}\n```',
        'Here it is: {"title":"a","at":"00:00:01"} I hope it helps.',
        '\ufeff{"title":"a","at":"00:00:01"}'.removeprefix("\ufeff"),
        '{"at":"00:00:01","title":"a"}',
        '{"title":"a","at":1}',
        '{"title":"a","at":"0:01"}',
        '{"title":"a","at":"1.2 s","type":null}',
        '{"title":"a","at":"00:00:01"',
        '{"title":"a","at":"00:00:01","note',
        '{"title":"a","at":"00:00:01","type":',
    ],
)
def test_what_has_an_unmistakable_meaning_is_mended(text: str) -> None:
    assert conform(text, SCHEMA) == '{"title":"a","at":"00:00:01"}'


def test_a_list_that_breaks_off_keeps_its_complete_elements() -> None:
    text = '{"title":"a [ \\" {","at":"00:00:01","rows":[{"n":1},{"n":2.0},{"n":3'
    assert conformed(text) == {"title": 'a [ " {', "at": "00:00:01", "rows": [{"n": 1}, {"n": 2}, {}]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot say.",
        "{{{{",
        "[" * 100_000,
        '{"a":' * 5_000,
        '{"title":"a"}',
        '{"title":1,"at":"00:00:01"}',
        '{"title":"a","at":"soon"}',
        '{"title":"a","at":"00:00:01","type":0}',
        '{"title":"a","at":"00:00:01","type":NaN}',
        '{"title":"a","at":-5}',
        "null",
        "5",
    ],
)
def test_anything_else_does_not_fit(text: str) -> None:
    with pytest.raises(DoesNotFit) as caught:
        conform(text, SCHEMA)
    assert len(str(caught.value)) < 600
    assert str(caught.value) in repair_prompt("What?", text, str(caught.value))
    assert len(repair_prompt("What?", text, "r")) < 5_000


def test_times_of_the_video_in_whole_seconds_are_rounded() -> None:
    tree = read_schema(
        {"type": "object", "properties": {"start_time": {"type": "integer"}, "n": {"type": "integer"}}},
        "pegasus1.5",
    )
    assert conform('{"start_time": 12.6}', tree) == '{"start_time":13}'
    with pytest.raises(DoesNotFit):
        conform('{"n": 12.6}', tree)


def test_properties_that_may_not_be_there_are_left_out() -> None:
    tree = read_schema(
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        "pegasus1.5",
        wide=True,
    )
    assert conform('{"b": 1, "a": "x"}', tree) == '{"a":"x"}'


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcde_ é", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(data=st.data())
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
def test_whatever_is_let_through_fits_what_the_client_sent(data: st.DataObject) -> None:
    wide = data.draw(st.booleans())
    schema = data.draw(schemas(wide=wide))
    try:
        tree = read_schema(schema, "pegasus1.5", wide=wide)
    except ParameterInvalid:
        return
    good = empty_value(tree, tree)
    for value in (good, data.draw(VALUES)):
        text = json.dumps(value)
        cut = data.draw(st.integers(0, len(text)))
        for said in (text, f"```json\n{text}\n```", text[:cut]):
            try:
                through = conform(said, tree)
            except DoesNotFit:
                assert value is not good or said == text[:cut]
                continue
            assert jsonschema_rs.is_valid(schema, json.loads(through), validate_formats=True)


def test_a_property_that_is_called_type_is_no_keyword() -> None:
    assert plain(SCHEMA)["properties"]["type"] == {"type": "integer", "minimum": 1}


def test_seconds_become_a_number_and_clock_times_a_pattern() -> None:
    made = plain({"type": "array", "items": {"type": "timestamp", "format": "seconds"}})
    assert made == {"type": "array", "items": {"type": "number"}}
    made = plain({"type": "timestamp", "format": "hh:mm:ss.fff"})
    assert made["type"] == "string"
    assert json.dumps(made)


@pytest.mark.parametrize("text", ['{"a": "x\ty\x01"}', 'Here: {"a": "x\ty\x01"} done'])
def test_control_characters_that_stand_in_strings_as_they_are_get_escaped(text: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    told = conform(text, schema)
    assert json.loads(told) == {"a": "x\ty\x01"}
    assert told.isprintable()

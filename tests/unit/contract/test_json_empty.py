"""Every schema that is accepted has a value that fits, and the value fits what the client sent, too."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.unit.contract.json_schemas import schemas

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.json_empty import empty_value, nearest_number
from kinoscribe.contract.json_schema import read_schema


def fits(schema: dict[str, Any], value: Any) -> bool:
    return bool(jsonschema_rs.is_valid(schema, value, validate_formats=True))


@pytest.mark.parametrize("wide", [False, True])
@given(data=st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_plainest_value_of_any_accepted_schema_fits_it(data: st.DataObject, wide: bool) -> None:
    schema = data.draw(schemas(wide=wide))
    try:
        tree = read_schema(schema, "pegasus1.5", wide=wide)
    except ParameterInvalid as error:
        event(f"refused: {error.message.split(': ', 1)[-1][:40]}")
        return
    event("accepted")
    value = empty_value(tree, tree)
    assert fits(schema, value), (schema, tree, value)
    assert fits(tree, value), (schema, tree, value)


@given(
    st.floats(-1e6, 1e6),
    st.sampled_from(["minimum", "exclusiveMinimum", None]),
    st.sampled_from(["maximum", "exclusiveMaximum", None]),
    st.floats(-1000, 1000),
    st.floats(0.0009765625, 1000),
)
def test_the_nearest_number_lies_within_the_bounds(
    wanted: float, low: str | None, high: str | None, least: float, room: float
) -> None:
    node: dict[str, Any] = {"type": "number"}
    if low:
        node[low] = least
    if high:
        node[high] = least + room
    found = nearest_number(wanted, node)
    assert fits(node, found)
    if fits(node, wanted):
        assert found == wanted


def test_what_must_not_be_there_is_left_out_and_null_is_preferred() -> None:
    tree = read_schema(
        {
            "type": "object",
            "properties": {
                "a": {"type": ["string", "null"]},
                "b": {"type": "string"},
                "c": {"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 1},
                "d": {"anyOf": [{"$ref": "#/$defs/t"}, {"type": "integer"}]},
            },
            "required": ["a", "c", "d"],
            "$defs": {
                "t": {"type": "object", "properties": {"t": {"$ref": "#/$defs/t"}, "n": {"type": "string"}}}
            },
        },
        "pegasus1.5",
    )
    assert empty_value(tree, tree) == {"a": None, "c": [3], "d": 0}

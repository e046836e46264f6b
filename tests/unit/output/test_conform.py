"""An engine's JSON reaches the client only when it fits the schema."""

import json

import pytest

from kinoscribe.contract.errors import EngineFailed
from kinoscribe.output.conform import conform
from kinoscribe.output.timestamps import plain

SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "at": {"type": "timestamp", "format": "hh:mm:ss"},
        "type": {"type": "integer", "minimum": 1},
    },
    "required": ["title", "at"],
}


def test_a_fitting_answer_passes_unchanged() -> None:
    text = '{"title":"é","at":"00:01:02","type":3}'
    assert conform(text, SCHEMA) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "```json\n{}\n```",
        '{"title":"a"}',
        '{"title":1,"at":"00:00:01"}',
        '{"title":"a","at":"0:01"}',
        '{"title":"a","at":"00:00:61"}',
        '{"title":"a","at":"00:00:01","type":0}',
        '{"title":"a","at":"00:00:01"} and more',
        '{"title":"a","at":"00:00:01","type":NaN}',
    ],
)
def test_anything_else_is_a_failure_of_the_engine(text: str) -> None:
    with pytest.raises(EngineFailed, match="its answer"):
        conform(text, SCHEMA)


def test_a_property_that_is_called_type_is_no_keyword() -> None:
    assert plain(SCHEMA)["properties"]["type"] == {"type": "integer", "minimum": 1}


def test_seconds_become_a_number_and_clock_times_a_pattern() -> None:
    made = plain({"type": "array", "items": {"type": "timestamp", "format": "seconds"}})
    assert made == {"type": "array", "items": {"type": "number"}}
    made = plain({"type": "timestamp", "format": "hh:mm:ss.fff"})
    assert made["type"] == "string"
    assert json.dumps(made)

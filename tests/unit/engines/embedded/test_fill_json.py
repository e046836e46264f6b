"""JSON that fits its schema by construction and holds what the evidence says."""

import json
from typing import Any

import jsonschema_rs
import pytest
from tests.unit.engines.embedded.videos import BAKERY, BLACK, CAMERA, INTERVIEW, LECTURE, MATCH, say

from kinoscribe.notes import Notes
from kinoscribe.output.timestamps import plain

FORM = "Describe the video in the given form."


def fill(given: Notes, schema: dict[str, Any], prompt: str = FORM) -> Any:
    text = say(given, prompt, schema)
    value = json.loads(text)
    jsonschema_rs.validate(plain(schema), value, validate_formats=True)
    return value


def properties(**parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": parts, "required": list(parts)}


def test_a_description_that_is_a_question_gets_a_short_answer() -> None:
    schema = properties(
        who={"type": "string", "description": "Who is baking?"},
        time={"type": "string", "description": "How long does it bake?"},
    )
    assert fill(BAKERY, schema) == {"who": "Maria Lopez", "time": "forty minutes"}


def test_questions_may_stand_in_the_prompt_instead() -> None:
    schema = properties(who={"type": "string"}, time={"type": "string"})
    prompt = "Answer in a few words.\nwho: Who is baking?\ntime: How long does it bake?"
    assert fill(BAKERY, schema, prompt) == {"who": "Maria Lopez", "time": "forty minutes"}


def test_keys_keep_the_order_of_the_schema_and_the_text_is_compact() -> None:
    schema = properties(zeta={"type": "integer"}, alpha={"type": "boolean"})
    assert say(BAKERY, FORM, schema).startswith('{"zeta":')


def test_names_alone_say_what_is_wanted() -> None:
    schema = properties(
        title={"type": "string"},
        has_speech={"type": "boolean"},
        people_on_screen={"type": "integer", "minimum": 0},
        duration_seconds={"type": "number"},
        shot_count={"type": "integer"},
        keywords={"type": "array", "items": {"type": "string"}},
    )
    value = fill(LECTURE, schema)
    assert value["title"] == "How Vaccines Work"
    assert value["has_speech"] is True
    assert value["people_on_screen"] == 0
    assert value["duration_seconds"] == 80
    assert value["shot_count"] == 4
    assert "Vaccines" in " ".join(value["keywords"])


def test_rows_of_scenes_carry_their_times() -> None:
    row = properties(
        what={"type": "string"}, at={"type": "timestamp", "format": "hh:mm:ss"}, start_time={"type": "number"}
    )
    value = fill(LECTURE, properties(scenes={"type": "array", "items": row}))
    assert [(r["what"], r["at"]) for r in value["scenes"]][:2] == [
        ("How Vaccines Work", "00:00:00"),
        ("The Immune Response", "00:00:15"),
    ]


def test_score_changes_are_rows() -> None:
    row = properties(time={"type": "timestamp", "format": "seconds"}, score={"type": "string"})
    value = fill(
        MATCH, properties(changes={"type": "array", "items": row}), "List every change of the score."
    )
    assert value == {"changes": [{"time": 12.0, "score": "1-1"}, {"time": 41.0, "score": "2-1"}]}


def test_spans_of_what_the_prompt_names_are_rows() -> None:
    row = properties(
        start={"type": "timestamp", "format": "seconds"}, end={"type": "timestamp", "format": "seconds"}
    )
    schema = properties(appears={"type": "boolean"}, spans={"type": "array", "items": row})
    value = fill(CAMERA, schema, "When is the truck visible?")
    assert value == {"appears": True, "spans": [{"start": 70, "end": 90}]}


def test_a_time_of_the_whole_is_that_of_the_window() -> None:
    schema = properties(
        start_time={"type": "timestamp", "format": "hh:mm:ss.fff"},
        end_time={"type": "timestamp", "format": "seconds"},
    )
    assert fill(LECTURE, schema) == {"start_time": "00:00:00.000", "end_time": 80}


@pytest.mark.parametrize(
    ("given", "genre"), [(LECTURE, "lecture"), (MATCH, "sports"), (BLACK, "other"), (INTERVIEW, "interview")]
)
def test_an_enum_takes_the_member_the_evidence_speaks_for(given: Notes, genre: str) -> None:
    options = ["news", "lecture", "advertisement", "sports", "interview", "other"]
    assert fill(given, properties(genre={"type": "string", "enum": options}))["genre"] == genre


def test_an_enum_of_yes_and_no_is_answered() -> None:
    schema = properties(dog={"type": "string", "enum": ["yes", "no"], "description": "Is there a dog?"})
    assert fill(BAKERY, schema) == {"dog": "no"}


def test_bounds_are_kept() -> None:
    schema = properties(
        a={"type": "integer", "minimum": 5, "description": "How many dragons?"},
        b={"type": "integer", "maximum": 2, "description": "How many eggs are needed?"},
        c={"type": "number", "exclusiveMinimum": 0, "description": "How many dragons?"},
    )
    value = fill(BAKERY, schema)
    assert (value["a"], value["b"]) == (5, 2)
    assert value["c"] > 0


def test_patterns_formats_references_and_branches_are_honoured() -> None:
    schema = {
        **properties(
            slug={"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
            day={"type": "string", "format": "date"},
            speaker={"anyOf": [{"type": "string", "description": "Who speaks?"}, {"type": "null"}]},
            items={"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/thing"}},
            fixed={"const": 7},
        ),
        "$defs": {
            "thing": properties(
                name={"type": "string"}, kind={"type": "string", "enum": ["person", "object"]}
            )
        },
    }
    value = json.loads(say(CAMERA, FORM, schema))
    assert value["slug"]
    assert value["fixed"] == 7
    assert value["speaker"] is None
    assert {"name": "truck", "kind": "object"} in value["items"]


def test_texts_are_found_in_the_evidence_by_their_pattern_and_cut_to_their_length() -> None:
    schema = properties(
        number={"type": "string", "description": "How long does it bake?", "pattern": "^[a-z]+$"},
        code={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
        short={"type": "string", "description": "Summary", "maxLength": 12},
        long={"type": "string", "description": "Who is baking?", "minLength": 20},
        day={"type": "string", "format": "date-time"},
        words={"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3},
    )
    value = fill(BAKERY, schema)
    assert value["number"] == "forty"
    assert value["code"] == "AAA-0000"
    assert 0 < len(value["short"]) <= 12
    assert value["long"].startswith("Maria Lopez")
    assert 2 <= len(value["words"]) <= 3


def test_a_branch_is_chosen_by_what_there_is_evidence_for() -> None:
    schema = properties(
        who={"type": ["null", "string"], "description": "Who is baking?"},
        dragon={"type": ["string", "null"], "description": "What does the dragon eat?"},
        dragons={
            "anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}],
            "description": "How many eggs?",
        },
    )
    value = fill(BAKERY, schema)
    assert value["who"] == "Maria Lopez"
    assert value["dragon"] is None


def test_what_leads_back_to_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
        "required": ["title", "parts", "next"],
    }
    value = fill(LECTURE, {**properties(outline={"$ref": "#/$defs/node"}), "$defs": {"node": node}})
    assert value["outline"]["title"]
    assert len(json.dumps(value)) < 20_000


def test_a_hostile_pattern_does_not_hang() -> None:
    assert fill(BAKERY, properties(x={"type": "string", "pattern": "^(a+)+$"}))["x"] == "a"


def test_what_is_not_known_is_said_in_the_field() -> None:
    schema = properties(x={"type": "string", "description": "What does the dragon eat?"})
    assert fill(BAKERY, schema)["x"].startswith("not said or shown")

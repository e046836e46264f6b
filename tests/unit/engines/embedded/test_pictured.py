"""What is asked about reference pictures is answered from where they were recognised, and from nothing else."""

import json
from dataclasses import replace
from typing import Any

from tests.unit.engines.embedded.videos import BAKERY, say

from kinoscribe.engines.embedded.pictured import mentions, sightings_of
from kinoscribe.notes import Box, Sighting, Sought, Tag

SEEN = replace(
    BAKERY,
    sightings=(
        Sighting(6.0, 10.5, "brand-mark", 0.97),
        Sighting(19.0, 23.0, "brand-mark", 0.9, Box(0, 0, 1, 1)),
    ),
    sought=(Sought("brand-mark", 14), Sought("decoy", 14, "car")),
)
SPANS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "appears": {"type": "boolean"},
        "spans": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "from": {"type": "timestamp", "format": "seconds"},
                    "to": {"type": "timestamp", "format": "hh:mm:ss"},
                },
                "required": ["from", "to"],
            },
        },
        "times_seen": {"type": "integer"},
        "first_seen_at": {"type": "number"},
        "total_seconds": {"type": "number"},
        "baker": {"type": "string", "description": "Who is baking?"},
    },
    "required": ["appears", "spans"],
}


def answer(name: str) -> dict[str, Any]:
    prompt = f"Does <@{name}> appear in the video? Give the times at which it is visible."
    found: dict[str, Any] = json.loads(say(SEEN, prompt, SPANS))
    return found


def test_a_picture_that_was_recognised_is_told_with_its_times() -> None:
    assert answer("brand-mark") == {
        "appears": True,
        "spans": [{"from": 6, "to": "00:00:10"}, {"from": 19, "to": "00:00:23"}],
        "times_seen": 2,
        "first_seen_at": 6,
        "total_seconds": 8.5,
        "baker": "Maria Lopez",
    }


def test_a_decoy_is_answered_no() -> None:
    found = answer("decoy")
    assert found["appears"] is False
    assert found["spans"] == []
    assert found["times_seen"] == 0
    assert found["baker"] == "Maria Lopez"


def test_free_answers_say_yes_with_times_and_no_with_the_reason() -> None:
    assert say(SEEN, "Does <@brand-mark> appear?") == "Yes: “brand-mark” is seen at 0:06–0:10 and 0:19–0:23."
    assert say(SEEN, "When is <@brand-mark> visible?") == "“brand-mark” is seen at 0:06–0:10 and 0:19–0:23."
    assert say(SEEN, "How many times is <@brand-mark> shown?").startswith("“brand-mark” is seen 2 times:")
    assert say(SEEN, "How long is <@brand-mark> visible?").startswith("“brand-mark” is seen for 8.5 seconds")
    said = say(SEEN, "Does <@decoy> appear in the video?")
    assert said == "No: “decoy” was not recognised in any of the 14 pictures that were looked at."


def test_a_thing_of_the_same_kind_is_no_proof() -> None:
    alike = replace(SEEN, tags=(Tag(3.0, 5.0, "car", 0.8),))
    said = say(alike, "Is <@decoy> in the video?")
    assert said.startswith("No:")
    assert "A car is seen at 0:03–0:05, but nothing shows that it is this one." in said


def test_other_questions_of_the_same_prompt_are_answered_as_ever() -> None:
    said = say(SEEN, "Does <@brand-mark> appear? Who is baking?")
    assert "“brand-mark” is seen at 0:06" in said
    assert "Maria Lopez" in said
    assert "picturemark" not in said


def test_each_field_asks_about_the_picture_it_names() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "boolean", "description": "Is <@brand-mark> there?"},
            "b": {"type": "boolean", "description": "Is <@decoy> there?"},
            "decoy_visible": {"type": "boolean"},
            "brand_mark_visible": {"type": "boolean"},
        },
    }
    found = json.loads(say(SEEN, "Look for <@brand-mark> and <@decoy>.", schema))
    assert found == {"a": True, "b": False, "decoy_visible": False, "brand_mark_visible": True}


def test_names_are_read_from_words() -> None:
    assert mentions("<@a> and <@b-1>, <@a> again, <@not this>") == ("a", "b-1")
    assert [one.start for one in sightings_of("brand-mark", SEEN)] == [6.0, 19.0]

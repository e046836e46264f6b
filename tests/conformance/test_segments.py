"""Rules C136 to C159: a video cut into timed, typed records."""

from typing import Any

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import both_shapes
from tests.conformance.exact_segments import SLACK, seconds, segments
from tests.conformance.exact_tasks import Task
from tests.conformance.wire import Json, base64_video, ended_task, make_task

SHOTS = {"id": "shot", "description": "Each camera shot."}
STAMP = {"name": "at", "type": "timestamp", "format": "hh:mm:ss", "description": "When it begins."}
FIELDS = [
    {"name": "title", "type": "string", "description": "A title."},
    {"name": "loud", "type": "boolean", "description": "Whether it is loud."},
    {"name": "share", "type": "number", "description": "A share."},
    {"name": "count", "type": "integer", "description": "How many."},
    {"name": "words", "type": "array", "items": {"type": "string"}, "description": "Keywords."},
    {"name": "numbers", "type": "array", "items": {"type": "integer"}, "description": "Numbers."},
    {"name": "mood", "type": "string", "enum": ["calm", "wild"], "description": "The mood."},
    STAMP,
]


@pytest.fixture(scope="module")
def question() -> Json:
    """Twelve seconds of video, to be cut by the models that can."""
    return {
        "model_name": "pegasus1.5",
        "video": base64_video(clip("twelve.mp4")),
        "analysis_mode": "time_based_metadata",
    }


def asked(question: Json, *definitions: Json, style: str | None = None, **more: Any) -> Json:
    wanted: Json = {"type": "segment_definitions", "segment_definitions": list(definitions)}
    if style is not None:
        wanted["segment_time_format"] = style
    return {**question, "response_format": wanted, **more}


def ready(wire: httpx2.Client, body: Json) -> Task:
    found = ended_task(wire, make_task(wire, body))
    assert found.status == "ready", found.error
    assert found.result is not None
    assert found.result.finish_reason == "stop"
    return found


def cut(wire: httpx2.Client, body: Json, *, start: float = 0.0, end: float = 12.1) -> dict[str, list[Json]]:
    wanted = body["response_format"]
    found = ready(wire, body)
    assert found.result is not None
    style = wanted.get("segment_time_format", "seconds")
    return segments(found.result.data, wanted["segment_definitions"], style=style, start=start, end=end)


def refused(
    wire: httpx2.Client, body: Json, named: str, code: str = "parameter_invalid", status: int = 400
) -> None:
    error = both_shapes(wire.post("analyze/tasks", json=body), status, code)
    assert named in error.message, error.message


@pytest.mark.rule("C136", "C139", "C140")
def test_every_definition_has_its_segments_in_order(wire: httpx2.Client, question: Json) -> None:
    found = cut(wire, asked(question, SHOTS, {"id": "other thing", "description": "Each scene."}))
    assert found["shot"]
    assert all(one["metadata"] == {} for one in found["shot"])


@pytest.mark.rule("C137", "C138", "C146")
@pytest.mark.parametrize("style", ["seconds", "hh:mm:ss", "hh:mm:ss.fff"])
def test_fields_keep_their_types_and_times_their_own_form(
    wire: httpx2.Client, question: Json, style: str
) -> None:
    found = cut(wire, asked(question, {**SHOTS, "fields": FIELDS}, style=style))
    assert found["shot"]
    assert all(seconds(one["metadata"]["at"], "hh:mm:ss") >= 0 for one in found["shot"])


@pytest.mark.rule("C145")
def test_boundaries_are_numbers_unless_another_style_is_asked_for(
    wire: httpx2.Client, question: Json
) -> None:
    assert isinstance(cut(wire, asked(question, SHOTS))["shot"][0]["start_time"], int | float)
    refused(wire, asked(question, SHOTS, style="mm:ss"), "response_format.segment_time_format")


@pytest.mark.rule("C141", "C142")
def test_lengths_hold(wire: httpx2.Client, question: Json) -> None:
    found = cut(wire, asked(question, SHOTS, min_segment_duration=2, max_segment_duration=3))["shot"]
    lengths = [one["end_time"] - one["start_time"] for one in found]
    assert len(lengths) >= 4
    assert all(length <= 3 + SLACK for length in lengths)
    assert all(length >= 2 - SLACK for length in lengths[:-1])
    for wrong in (
        {"min_segment_duration": 1.9},
        {"max_segment_duration": 1},
        {"min_segment_duration": 5, "max_segment_duration": 4},
    ):
        refused(wire, asked(question, SHOTS, **wrong), "segment_duration")


@pytest.mark.rule("C143", "C144")
def test_ranges_hold_and_bad_ones_are_refused(wire: httpx2.Client, question: Json) -> None:
    ranges = [{"start_time": 1, "end_time": 4}, {"start_time": 4, "end_time": 6.5}]
    found = cut(wire, asked(question, {**SHOTS, "time_ranges": ranges}), start=1, end=6.5)["shot"]
    assert found
    for one in found:
        inside = [
            r
            for r in ranges
            if r["start_time"] - SLACK <= one["start_time"] and one["end_time"] <= r["end_time"] + SLACK
        ]
        assert inside, one
    for wrong in (
        [{"start_time": 1, "end_time": 2.9}],
        [{"start_time": 1, "end_time": 4}, {"start_time": 3, "end_time": 6}],
        [{"start_time": 6, "end_time": 3}],
        [{"start_time": 5, "end_time": 500}],
    ):
        refused(wire, asked(question, {**SHOTS, "time_ranges": wrong}), "time_ranges")
    both = {**SHOTS, "time_ranges": ranges}
    for more in ({"start_time": 0, "end_time": 8}, {"min_segment_duration": 2}, {"max_segment_duration": 4}):
        refused(wire, asked(question, both, **more), "")


@pytest.mark.rule("C147", "C148")
def test_one_to_twenty_definitions_with_ids_and_descriptions(wire: httpx2.Client, question: Json) -> None:
    many = [{"id": f"d{number}", "description": "Each shot."} for number in range(21)]
    refused(wire, asked(question), "segment_definitions")
    refused(wire, asked(question, *many), "segment_definitions")
    assert len(cut(wire, asked(question, *many[:20]))) == 20
    for wrong, code in (
        ({"description": "Each shot."}, "parameter_not_provided"),
        ({"id": "", "description": "Each shot."}, "parameter_invalid"),
        ({"id": "a"}, "parameter_not_provided"),
    ):
        refused(wire, asked(question, wrong), "segment_definitions", code)
    refused(wire, asked(question, SHOTS, SHOTS), "segment_definitions")


@pytest.mark.rule("C149", "C150", "C151")
@pytest.mark.parametrize(
    "field",
    [
        {"type": "string", "description": "D"},
        {"name": "a", "description": "D"},
        {"name": "a", "type": "string"},
        {"name": "a", "type": "object", "description": "D"},
        {"name": "start_time", "type": "number", "description": "D"},
        {"name": "end_time", "type": "number", "description": "D"},
        {"name": "metadata", "type": "string", "description": "D"},
        {"name": "a", "type": "string", "format": "seconds", "description": "D"},
        {"name": "a", "type": "timestamp", "description": "D"},
        {"name": "a", "type": "array", "description": "D"},
        {"name": "a", "type": "array", "items": {"type": "object"}, "description": "D"},
        {"name": "a", "type": "string", "enum": [str(n) for n in range(101)], "description": "D"},
        {
            "name": "a",
            "type": "time_array",
            "items": {"type": "object", "fields": [FIELDS[0]]},
            "description": "D",
        },
    ],
    ids=lambda field: str(field)[:50],
)
def test_a_field_that_breaks_a_rule_is_refused(wire: httpx2.Client, question: Json, field: Json) -> None:
    response = wire.post("analyze/tasks", json=asked(question, {**SHOTS, "fields": [field]}))
    assert response.status_code == 400, response.text
    error = both_shapes(response, 400, response.json()["code"])
    assert "segment_definitions" in error.message
    if field.get("type") == "time_array":
        assert "timestamp" in error.message
    if "format" in field or field.get("type") == "timestamp":
        assert "response_format.segment_definitions.fields.format" in error.message


@pytest.mark.rule("C149")
def test_equal_names_of_fields_are_refused(wire: httpx2.Client, question: Json) -> None:
    refused(wire, asked(question, {**SHOTS, "fields": [FIELDS[0], FIELDS[0]]}), "segment_definitions")


@pytest.mark.rule("C152", "C153")
def test_what_does_not_go_with_segmentation_is_refused(
    wire: httpx2.Client, question: Json, body: Json
) -> None:
    good = asked(question, SHOTS)
    refused(wire, {**good, "model_name": "pegasus1.2"}, "model_name")
    refused(wire, {**good, "prompt": "Cut it."}, "prompt")
    refused(wire, {**good, "prompt_v2": {"input_text": "Cut it."}}, "prompt_v2")
    refused(wire, question, "response_format", "parameter_not_provided")
    schema = {"type": "json_schema", "json_schema": {"type": "object", "properties": {}}}
    refused(wire, {**question, "response_format": schema}, "response_format.type")
    general = {key: value for key, value in body.items() if key != "stream"}
    refused(wire, {**general, "response_format": good["response_format"]}, "analysis_mode")


@pytest.mark.rule("C154", "C155")
def test_the_output_has_a_range_and_too_much_of_it_fails(wire: httpx2.Client, question: Json) -> None:
    refused(wire, asked(question, SHOTS, max_tokens=2047), "max_tokens")
    refused(wire, asked(question, SHOTS, max_tokens=98305), "max_tokens")
    assert ready(wire, asked(question, SHOTS)).request_params.max_tokens == 32_768
    fields = [
        {"name": f"a_rather_long_name_of_a_field_{n}", "type": "string", "description": "D"}
        for n in range(50)
    ]
    many = [{"id": f"d{n}", "description": "Each shot.", "fields": fields} for n in range(20)]
    failed = ended_task(wire, make_task(wire, asked(question, *many, max_tokens=2048)))
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.message.startswith("analysis failed:")
    assert "max_tokens" in failed.error.message


@pytest.mark.rule("C157")
def test_a_window_bounds_the_segments(wire: httpx2.Client, question: Json) -> None:
    assert cut(wire, asked(question, SHOTS, start_time=2, end_time=8), start=2, end=8)["shot"]


@pytest.mark.rule("C158")
def test_events_lie_inside_their_segment(wire: httpx2.Client, question: Json) -> None:
    events = {
        "name": "events",
        "type": "time_array",
        "description": "What happens.",
        "items": {"type": "object", "fields": [{"name": "what", "type": "string", "description": "What."}]},
    }
    newest = {**question, "model_name": "pegasus1.6"}
    for style in ("seconds", "hh:mm:ss.fff"):
        found = cut(wire, asked(newest, {**SHOTS, "fields": [events]}, style=style))
        assert any(one["metadata"]["events"] for one in found["shot"])


@pytest.mark.rule("C159")
def test_unlimited_belongs_to_the_newest_model_without_ranges(
    wire: httpx2.Client, question: Json, body: Json
) -> None:
    newest = {**question, "model_name": "pegasus1.6"}
    found = ready(wire, asked(newest, SHOTS, max_tokens="unlimited"))
    assert found.request_params.max_tokens == "unlimited"
    refused(wire, asked(question, SHOTS, max_tokens="unlimited"), "max_tokens")
    ranges = [{"start_time": 1, "end_time": 4}]
    refused(wire, asked(newest, {**SHOTS, "time_ranges": ranges}, max_tokens="unlimited"), "max_tokens")
    general = {key: value for key, value in body.items() if key != "stream"}
    refused(wire, {**general, "model_name": "pegasus1.6", "max_tokens": "unlimited"}, "max_tokens")

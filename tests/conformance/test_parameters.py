"""Rules C054 to C071: what `POST /analyze` accepts and refuses in its parameters."""

import av
import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import answer, refusal
from tests.conformance.file_server import FileServer
from tests.conformance.wire import Json, without

SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}


@pytest.mark.rule("C054")
def test_a_prompt_is_required_and_says_something(wire: httpx2.Client, body: Json) -> None:
    refusal(wire.post("analyze", json=without(body, "prompt")), 400, "parameter_not_provided", "prompt")
    for blank in ("", " ", "\n\t ", "\u3000", "\u00a0"):
        response = wire.post("analyze", json={**body, "prompt": blank})
        refusal(response, 400, response.json()["code"], "prompt")


@pytest.mark.rule("C055")
def test_prompt_and_prompt_v2_exclude_each_other(wire: httpx2.Client, body: Json) -> None:
    both = {**body, "prompt_v2": {"input_text": "What is seen?"}}
    refusal(wire.post("analyze", json=both), 400, "parameter_invalid", "prompt")


@pytest.mark.rule("C056")
@pytest.mark.parametrize("named", [True, False])
def test_pegasus_1_2_takes_no_prompt_v2(wire: httpx2.Client, body: Json, named: bool) -> None:
    old = {**without(body, "prompt", "model_name"), "prompt_v2": {"input_text": "What is seen?"}}
    if named:
        old["model_name"] = "pegasus1.2"
    error = refusal(wire.post("analyze", json=old), 400, "parameter_invalid")
    assert "prompt_v2" in error.message or "model_name" in error.message


@pytest.mark.rule("C057")
@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 0.2, 1e-9])
def test_temperatures_from_0_to_1_are_accepted(wire: httpx2.Client, body: Json, value: float) -> None:
    answer(wire.post("analyze", json={**body, "temperature": value}))


@pytest.mark.rule("C057")
@pytest.mark.parametrize("value", [-0.1, 1.1, "hot", -1e-9, 2, 1e300])
def test_other_temperatures_are_refused(wire: httpx2.Client, body: Json, value: object) -> None:
    refusal(
        wire.post("analyze", json={**body, "temperature": value}), 400, "parameter_invalid", "temperature"
    )


@pytest.mark.rule("C058", "C059")
@pytest.mark.parametrize(
    ("model", "least", "most"),
    [("pegasus1.2", 1, 4096), ("pegasus1.5", 512, 98304), ("pegasus1.6", 512, 98304)],
)
def test_max_tokens_has_a_range_by_model(
    wire: httpx2.Client, body: Json, model: str, least: int, most: int
) -> None:
    for value in (least, most):
        answer(wire.post("analyze", json={**body, "model_name": model, "max_tokens": value}))
    for value in (least - 1, most + 1, -1, 10**30):
        response = wire.post("analyze", json={**body, "model_name": model, "max_tokens": value})
        refusal(response, 400, "parameter_invalid", "max_tokens", str(least), str(most))


@pytest.mark.rule("C060")
@pytest.mark.parametrize("model", ["pegasus1.2", "pegasus1.5", "pegasus1.6"])
@pytest.mark.parametrize("value", [1000.5, "1000", "unlimited", [], {}, True])
def test_max_tokens_is_a_whole_number(wire: httpx2.Client, body: Json, model: str, value: object) -> None:
    response = wire.post("analyze", json={**body, "model_name": model, "max_tokens": value})
    refusal(response, 400, "parameter_invalid", "max_tokens")


@pytest.mark.rule("C061")
@pytest.mark.parametrize("value", ["yes", "true", 1, 0, [], {}])
def test_stream_is_a_boolean(wire: httpx2.Client, body: Json, value: object) -> None:
    refusal(wire.post("analyze", json={**body, "stream": value}), 400, "parameter_invalid", "stream")


@pytest.mark.rule("C062")
@pytest.mark.parametrize("field", ["start_time", "end_time"])
@pytest.mark.parametrize("named", [True, False])
def test_pegasus_1_2_takes_no_window(wire: httpx2.Client, body: Json, field: str, named: bool) -> None:
    old = {**without(body, "model_name"), field: 5}
    if named:
        old["model_name"] = "pegasus1.2"
    refusal(wire.post("analyze", json=old), 400, "parameter_invalid", field)


@pytest.mark.rule("C063")
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (1, 4.9),
        (4, 4),
        (5, 4),
        (6, 12),
        (100, None),
        (None, 6.6),
        (0, 1000),
        (-1, 5),
        (None, -5),
        (2.1, None),
        (None, 3),
    ],
)
def test_a_window_that_does_not_fit_is_refused(
    wire: httpx2.Client, body: Json, start: float | None, end: float | None
) -> None:
    error = refusal(
        wire.post("analyze", json={**body, "start_time": start, "end_time": end}), 400, "parameter_invalid"
    )
    assert "start_time" in error.message or "end_time" in error.message


@pytest.mark.rule("C063")
@pytest.mark.parametrize(
    ("start", "end"), [(0, 4), (1, 5), (2, 6), (0, 6), (1.5, 5.5), (1.25, 6.4), (0.0, 6.0)]
)
def test_a_window_of_four_seconds_works(wire: httpx2.Client, body: Json, start: float, end: float) -> None:
    answer(wire.post("analyze", json={**body, "start_time": start, "end_time": end}))


@pytest.mark.rule("C063")
def test_pegasus_1_6_takes_a_window_of_one_second(wire: httpx2.Client, body: Json) -> None:
    newer = {**body, "model_name": "pegasus1.6"}
    answer(wire.post("analyze", json={**newer, "start_time": 2, "end_time": 3}))
    refusal(wire.post("analyze", json={**newer, "start_time": 2, "end_time": 2.9}), 400, "parameter_invalid")


@pytest.mark.rule("C064")
def test_either_end_of_the_window_may_be_left_open(wire: httpx2.Client, body: Json) -> None:
    answer(wire.post("analyze", json={**body, "start_time": 1.5}))
    answer(wire.post("analyze", json={**body, "end_time": 4.5}))
    answer(wire.post("analyze", json={**body, "start_time": 1, "end_time": None}))


def _receipt(wire: httpx2.Client, generation_id: str) -> Json:
    response = wire.get(f"receipts/{generation_id}")
    assert response.status_code == 200, response.text
    receipt: Json = response.json()
    return receipt


@pytest.mark.rule("C065")
def test_only_the_window_is_described(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    """The clip changes its colour at 4 and at 8 seconds; the scripted answer lists the shots it was given."""
    video = {"type": "url", "url": files.url("twelve.mp4")}
    whole = answer(wire.post("analyze", json={**body, "video": video}))
    part = answer(wire.post("analyze", json={**body, "video": video, "start_time": 4, "end_time": 8}))
    assert "Shots: 3" in whole.data
    assert "Shots: 1" in part.data
    assert _receipt(wire, part.id)["window"] == {"start": 4.0, "end": 8.0}
    assert part.usage.input_tokens < whole.usage.input_tokens


@pytest.mark.rule("C066")
def test_the_window_follows_the_clock_of_the_file(wire: httpx2.Client, body: Json, files: FileServer) -> None:
    with av.open(str(clip("late.ts"))) as container:
        assert container.start_time is not None
        begin = container.start_time / av.time_base
    assert begin > 90
    late = {**body, "video": {"type": "url", "url": files.url("late.ts")}}
    told = answer(wire.post("analyze", json={**late, "start_time": begin + 2, "end_time": begin + 7}))
    assert _receipt(wire, told.id)["window"]["start"] == pytest.approx(begin + 2)
    refusal(wire.post("analyze", json={**late, "start_time": 1, "end_time": 6}), 400, "parameter_invalid")
    whole = answer(wire.post("analyze", json=late))
    assert _receipt(wire, whole.id)["window"]["start"] == pytest.approx(begin, abs=0.2)


@pytest.mark.rule("C067")
def test_segmentation_belongs_to_the_asynchronous_route(wire: httpx2.Client, body: Json) -> None:
    answer(wire.post("analyze", json={**body, "analysis_mode": "general"}))
    for mode in ("time_based_metadata", "other", ""):
        refusal(
            wire.post("analyze", json={**body, "analysis_mode": mode}),
            400,
            "parameter_invalid",
            "analysis_mode",
        )
    definitions = {"type": "segment_definitions", "segment_definitions": [{"id": "a", "description": "b"}]}
    response = wire.post("analyze", json={**body, "response_format": definitions})
    refusal(response, 400, "parameter_invalid", "response_format", "/analyze/tasks")


@pytest.mark.rule("C068")
@pytest.mark.parametrize(
    ("value", "code", "named"),
    [
        ({}, "parameter_not_provided", "response_format.type"),
        ({"json_schema": SCHEMA}, "parameter_not_provided", "response_format.type"),
        ({"type": "json_schema"}, "parameter_not_provided", "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": "x"}, "parameter_invalid", "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": []}, "parameter_invalid", "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {}}, "parameter_invalid", "response_format.json_schema"),
        ({"type": "text", "json_schema": SCHEMA}, "parameter_invalid", "response_format.type"),
        ({"type": 5, "json_schema": SCHEMA}, "parameter_invalid", "response_format.type"),
    ],
    ids=str,
)
def test_a_response_format_is_whole(
    wire: httpx2.Client, body: Json, value: Json, code: str, named: str
) -> None:
    refusal(wire.post("analyze", json={**body, "response_format": value}), 400, code, named)


@pytest.mark.rule("C069")
def test_a_prompt_of_more_than_2000_tokens_is_too_long_for_pegasus_1_2(
    wire: httpx2.Client, body: Json
) -> None:
    long = {**body, "prompt": "word " * 2500}
    refusal(
        wire.post("analyze", json={**long, "model_name": "pegasus1.2"}), 400, "parameter_invalid", "prompt"
    )
    answer(wire.post("analyze", json=long))
    answer(wire.post("analyze", json={**body, "model_name": "pegasus1.2", "prompt": "word " * 1900}))


@pytest.mark.rule("C070")
def test_a_prompt_beyond_the_context_window_is_refused(wire: httpx2.Client, body: Json) -> None:
    refusal(wire.post("analyze", json={**body, "prompt": "word " * 270_000}), 400, "token_limit_exceeded")


@pytest.mark.rule("C071")
def test_custom_id_is_unknown_here(wire: httpx2.Client, body: Json) -> None:
    for name in ("custom_id", "min_segment_duration", "max_segment_duration"):
        refusal(wire.post("analyze", json={**body, name: 5}), 400, "parameter_unknown", name)


@pytest.mark.rule("C054", "C057", "C058", "C061")
def test_the_first_wrong_parameter_of_the_table_is_named(wire: httpx2.Client, body: Json) -> None:
    """The order is that of the reference: model, source, prompt, temperature, stream, format, tokens, window."""
    wrong: Json = {
        "model_name": "x",
        "video": {"type": "x"},
        "prompt": "",
        "temperature": 5,
        "stream": "x",
        "response_format": {"type": "x"},
        "max_tokens": 0,
        "start_time": -1,
    }
    for name in list(wrong):
        response = wire.post("analyze", json={**body, **wrong})
        refusal(response, 400, response.json()["code"], f"The {name}")
        del wrong[name]

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource, VideoIdSource
from kinoscribe.contract.task_params import request_params, shortened, video_source
from kinoscribe.contract.task_request import read_task

URL = "https://example.org/a.mp4"
PICTURE = "https://example.org/a.png"
ID = "0123456789abcdef01234567"
SCHEMA = {
    "$comment": "kept",
    "type": "object",
    "properties": {"b": {"type": "string"}, "a": {"enum": [None, 1]}},
}
SEVERAL = [
    {"name": "p", "media_type": "image", "url": PICTURE},
    {"name": "q", "media_type": "image", "asset_id": ID},
    {"name": "r", "media_type": "image", "base64_string": "QUJD"},
]
SHOWN = [*SEVERAL[:2], {"name": "r", "media_type": "image"}]


def params(**body: Any) -> dict[str, Any]:
    given = {"video": {"url": URL}, **body}
    if given["video"] is None:
        del given["video"]
    task = read_task(json.dumps(given).encode(), default_model="pegasus1.6", count_tokens=len)
    return request_params(task)


def test_a_question_shows_effective_values_and_nothing_else() -> None:
    assert params(prompt="Why?", custom_id="c", prompt_v2=None, start_time=None) == {
        "analysis_mode": "general",
        "prompt": "Why?",
        "temperature": 0.2,
        "max_tokens": 4096,
    }


def test_a_question_shows_all_that_was_set() -> None:
    given = {"type": "json_schema", "json_schema": SCHEMA}
    shown = params(
        prompt="Why?", temperature=1, max_tokens=600.0, start_time=0, end_time=5.5, response_format=given
    )
    assert shown == {
        "analysis_mode": "general",
        "prompt": "Why?",
        "response_format": given,
        "temperature": 1,
        "max_tokens": 600,
        "start_time": 0,
        "end_time": 5.5,
    }
    assert list(shown["response_format"]["json_schema"]["properties"]) == ["b", "a"]
    assert json.dumps(shown["max_tokens"]) == "600"


def test_pictures_are_named_and_never_echoed() -> None:
    shown = params(prompt_v2={"input_text": "<@p>?", "media_sources": SEVERAL, "other": 1})
    assert shown["prompt_v2"] == {"input_text": "<@p>?", "media_sources": SHOWN}
    assert "prompt" not in shown
    assert params(prompt_v2={"input_text": "x"})["prompt_v2"] == {"input_text": "x"}
    alone = params(video=None, prompt="x", image=SEVERAL)
    assert alone["image"] == SHOWN
    assert alone["prompt"] == "x"


def test_a_segmentation_shows_its_definitions() -> None:
    fields = [
        {"name": "a", "type": "string", "description": "A", "enum": ["x"]},
        {"name": "b", "type": "timestamp", "description": "B", "format": "hh:mm:ss"},
        {"name": "c", "type": "array", "description": "C", "items": {"type": "integer"}},
        {
            "name": "d",
            "type": "time_array",
            "description": "D",
            "items": {"type": "object", "fields": [{"name": "e", "type": "number", "description": "E"}]},
        },
    ]
    definitions = [
        {"id": "1", "description": "One", "fields": fields, "media_sources": SEVERAL},
        {"id": "2", "description": "Two", "fields": None, "other": 5},
    ]
    wanted = {"type": "segment_definitions", "segment_definitions": definitions}
    shown = params(analysis_mode="time_based_metadata", response_format=wanted, min_segment_duration=2)
    assert shown == {
        "analysis_mode": "time_based_metadata",
        "response_format": {
            "type": "segment_definitions",
            "segment_definitions": [
                {"id": "1", "description": "One", "fields": fields, "media_sources": SHOWN},
                {"id": "2", "description": "Two"},
            ],
        },
        "temperature": 0.2,
        "max_tokens": 32_768,
        "min_segment_duration": 2,
    }


def test_what_was_set_of_a_segmentation_is_shown() -> None:
    definition = {"id": "1", "description": "x", "time_ranges": [{"start_time": 0, "end_time": 2.5}]}
    wanted: dict[str, Any] = {"type": "segment_definitions", "segment_definitions": [definition]}
    wanted["segment_time_format"] = "seconds"
    assert params(analysis_mode="time_based_metadata", response_format=wanted)["response_format"] == wanted
    del definition["time_ranges"]
    shown = params(analysis_mode="time_based_metadata", response_format=wanted, max_tokens="unlimited")
    assert shown["max_tokens"] == "unlimited"


def test_a_list_shows_less() -> None:
    assert shortened(params(prompt="漢😀" * 20))["prompt"] == "漢😀" * 15
    assert shortened(params(prompt_v2={"input_text": "é" * 31}))["prompt_v2"] == {"input_text": "é" * 30}
    given = {"type": "json_schema", "json_schema": SCHEMA}
    assert shortened(params(prompt="x", response_format=given))["response_format"] == {"type": "json_schema"}
    definitions = [{"id": str(n), "description": "x"} for n in range(3)]
    wanted = {
        "type": "segment_definitions",
        "segment_definitions": definitions,
        "segment_time_format": "hh:mm:ss",
    }
    full = params(analysis_mode="time_based_metadata", response_format=wanted)
    assert shortened(full)["response_format"] == {**wanted, "segment_definitions": definitions[:1]}
    assert full["response_format"] == wanted, "what was kept stays whole"


@given(st.text(min_size=1).filter(lambda text: not text.isspace()))
def test_a_short_prompt_is_shown_whole(prompt: str) -> None:
    shown = shortened({"prompt": prompt})["prompt"]
    assert prompt.startswith(shown)
    assert len(shown) == min(len(prompt), 30)


def test_sources_are_named_and_files_never_echoed() -> None:
    assert video_source(UrlSource(URL)) == {"type": "url", "url": URL}
    assert video_source(AssetSource(ID)) == {"type": "asset_id", "asset_id": ID}
    assert video_source(Base64Source("QUJD")) == {"type": "base64_string"}
    assert video_source(VideoIdSource("v")) == {"type": "video_id", "video_id": "v"}
    assert video_source(VideoIdSource("v"), ID) == {"type": "video_id", "video_id": "v", "index_id": ID}

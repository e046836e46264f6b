import base64
import json
import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.contract.analyze import AnalyzeRequest, default_model_for, read_analyze
from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.limits import MODELS, STANDARD
from kinoscribe.contract.prompts import PromptV2
from kinoscribe.contract.sources import Base64Source, UrlSource, VideoIdSource

URL = "https://example.org/a.mp4"
ID = "0123456789abcdef01234567"
SCHEMA = {"type": "json_schema", "json_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}


def read(default_model: str = "pegasus1.2", /, **changed: Any) -> AnalyzeRequest:
    body = {"video": {"type": "url", "url": URL}, "prompt": "What happens?", **changed}
    return read_analyze(json.dumps(body).encode(), default_model=default_model, count_tokens=words)


def words(text: str) -> int:
    return len(text.split())


def test_the_smallest_request_gets_every_default() -> None:
    assert read() == AnalyzeRequest(
        model_name="pegasus1.2",
        video=UrlSource(URL),
        prompt="What happens?",
        temperature=0.2,
        stream=True,
        max_tokens=4096,
        start_time=None,
        end_time=None,
        json_schema=None,
    )
    assert read().prompt_text == "What happens?"


def test_every_field_is_read() -> None:
    request = read(
        model_name="pegasus1.6",
        analysis_mode="general",
        prompt=None,
        prompt_v2={"input_text": "Who?"},
        temperature=1,
        stream=False,
        response_format=SCHEMA,
        max_tokens=512.0,
        start_time=0,
        end_time=4.5,
    )
    assert request == AnalyzeRequest(
        model_name="pegasus1.6",
        video=UrlSource(URL),
        prompt=PromptV2("Who?"),
        temperature=1.0,
        stream=False,
        max_tokens=512,
        start_time=0.0,
        end_time=4.5,
        json_schema={
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": [],
        },
    )
    assert request.prompt_text == "Who?"
    assert isinstance(request.max_tokens, int)


def test_every_optional_field_may_be_null() -> None:
    required = {"video", "prompt"}
    names = [name for name in FIELDS if name not in required]
    assert len(names) > 10
    assert read(**dict.fromkeys(names)) == read()


@pytest.mark.parametrize("name", ["custom_id", "min_segment_duration", "max_segment_duration", "Prompt", "é"])
def test_fields_of_other_routes_are_unknown_here(name: str) -> None:
    with pytest.raises(ParameterUnknown, match=name):
        read(**{name: "x"})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"model_name": "pegasus2"}, "model_name"),
        ({"model_name": 1.5}, "model_name"),
        ({"model_name": ""}, "model_name"),
        ({"analysis_mode": "time_based_metadata"}, "analysis_mode"),
        ({"analysis_mode": "x"}, "analysis_mode"),
        ({"video": "https://example.org/a.mp4"}, "video"),
        ({"video": []}, "video"),
        ({"video_id": ID}, "video"),
        ({"video_id": ID, "model_name": "pegasus1.5"}, "video_id"),
        ({"video_id": ID, "model_name": "pegasus1.5", "video": None}, "video_id"),
        ({"video_id": 5, "video": None}, "video_id"),
        ({"video_id": "", "video": None}, "video_id"),
        ({"image": [{"name": "a", "url": URL}]}, "video"),
        ({"image": [{"name": "a", "url": URL}], "video": None}, "image"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n\t"}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "x " * 2001}, "prompt"),
        ({"prompt": "x" * 1_000_000}, "prompt"),
        ({"prompt_v2": {"input_text": "a"}, "model_name": "pegasus1.5"}, "prompt_v2"),
        ({"prompt_v2": {"input_text": "a"}, "prompt": None}, "prompt_v2"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"response_format": "json_schema"}, "response_format"),
        ({"response_format": {**SCHEMA, "type": "json"}}, "response_format.type"),
        ({"response_format": {"type": "segment_definitions", "segment_definitions": []}}, "response_format.type"),
        ({"response_format": {**SCHEMA, "segment_definitions": []}}, "response_format.segment_definitions"),
        ({"response_format": {**SCHEMA, "segment_time_format": "seconds"}}, "response_format.segment_time_format"),
        ({"response_format": {"type": "json_schema", "json_schema": []}}, "response_format.json_schema"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 4097}, "max_tokens"),
        ({"max_tokens": 10.5}, "max_tokens"),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 10**400}, "max_tokens"),
        ({"max_tokens": 511, "model_name": "pegasus1.5"}, "max_tokens"),
        ({"max_tokens": 98_305, "model_name": "pegasus1.5"}, "max_tokens"),
        ({"max_tokens": "unlimited", "model_name": "pegasus1.6"}, "max_tokens"),
        ({"start_time": 1}, "start_time"),
        ({"end_time": 9}, "end_time"),
        ({"start_time": -1, "model_name": "pegasus1.5"}, "start_time"),
        ({"end_time": -1, "model_name": "pegasus1.5"}, "end_time"),
        ({"end_time": "9", "model_name": "pegasus1.5"}, "end_time"),
        ({"start_time": 9, "end_time": 9, "model_name": "pegasus1.5"}, "start_time"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_the_name_of_its_field(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read(**changed)
    assert refused.value.status == 400
    assert f"The {named} parameter is invalid" in refused.value.message


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"video": None}, "video"),
        ({"prompt": None}, "prompt"),
        ({"prompt": None, "model_name": "pegasus1.5"}, "prompt"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"json_schema": {"type": "object"}}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": None}}, "response_format.json_schema"),
    ],
)
def test_what_is_missing_is_named(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterNotProvided) as refused:
        read(**changed)
    assert refused.value.message == f"The {named} parameter is required but was not provided."


@pytest.mark.parametrize(
    ("model_name", "tokens"),
    [
        ("pegasus1.2", 1),
        ("pegasus1.2", 4096),
        ("pegasus1.5", 512),
        ("pegasus1.5", 98_304),
        ("pegasus1.6", 98_304),
    ],
)
def test_the_ends_of_the_range_of_max_tokens_are_accepted(model_name: str, tokens: int) -> None:
    assert read(model_name=model_name, max_tokens=tokens).max_tokens == tokens


@pytest.mark.parametrize("tokens", [0, 5000, True, 1.5, "unlimited", [], {}])
def test_the_refusal_of_max_tokens_gives_its_range(tokens: object) -> None:
    with pytest.raises(ParameterInvalid, match=r"from 1 to 4096 is accepted with model_name pegasus1\.2"):
        read(max_tokens=tokens)


@pytest.mark.parametrize("temperature", [0, 1, 0.0, 1.0, 0.2])
def test_the_ends_of_the_range_of_temperature_are_accepted(temperature: float) -> None:
    assert read(temperature=temperature).temperature == temperature


@pytest.mark.parametrize("model_name", MODELS)
def test_each_model_has_its_own_default_of_max_tokens(model_name: str) -> None:
    assert read(model_name).max_tokens == read(model_name=model_name).max_tokens == 4096


def test_a_long_prompt_is_refused_by_the_oldest_model_only() -> None:
    prompt = "x " * 2001
    assert read(prompt="x " * 2000)
    assert read(prompt=prompt, model_name="pegasus1.5").prompt == prompt
    with pytest.raises(ParameterInvalid, match="2001 tokens; at most 2000"):
        read(prompt=prompt)


def test_a_prompt_that_fits_no_window_is_refused_before_its_tokens_are_counted() -> None:
    def never(text: str) -> int:
        raise AssertionError(len(text))

    for model_name, code in (("pegasus1.2", "parameter_invalid"), ("pegasus1.5", "token_limit_exceeded")):
        body = json.dumps({"model_name": model_name, "video": {"url": URL}, "prompt": "x" * 2_000_001})
        with pytest.raises(ApiError) as refused:
            read_analyze(body.encode(), default_model="pegasus1.2", count_tokens=never)
        assert refused.value.code == code


def test_a_classic_video_id_is_accepted_by_the_oldest_model() -> None:
    assert read(video=None, video_id=ID).video == VideoIdSource(ID)


ORDER: list[tuple[str, object, object]] = [
    ("unknown", 1, None),
    ("model_name", "x", "pegasus1.5"),
    ("analysis_mode", "x", "general"),
    ("video", {"url": "x"}, {"url": URL}),
    ("prompt", "", "What?"),
    ("temperature", 2, 1),
    ("stream", 2, False),
    ("response_format", {"type": "x"}, SCHEMA),
    ("max_tokens", 0, 600),
    ("start_time", -1, 5),
    ("end_time", -1, 10),
]


@pytest.mark.parametrize("place", range(len(ORDER)), ids=[name for name, _, _ in ORDER])
def test_the_first_rule_in_the_order_of_the_table_is_reported(place: int) -> None:
    right = {name: value for name, _, value in ORDER[:place]}
    wrong = {name: value for name, value, _ in ORDER[place:]}
    with pytest.raises(ApiError) as refused:
        read("pegasus1.5", **dict(reversed((right | wrong).items())))
    named = {"video": "video.url", "response_format": "response_format.type"}
    name = ORDER[place][0]
    assert f"The {named.get(name, name)} parameter" in refused.value.message


SDK = "x-fern-sdk-name"
VERSION = "x-fern-sdk-version"


@pytest.mark.parametrize(
    ("headers", "model_name"),
    [
        ({}, "pegasus1.2"),
        ({SDK: "twelvelabs", VERSION: "1.3.1"}, "pegasus1.2"),
        ({SDK: "twelvelabs", VERSION: "1.2.4"}, "pegasus1.2"),
        ({SDK: "twelvelabs", VERSION: "1.3.2"}, "pegasus1.5"),
        ({SDK: "twelvelabs", VERSION: "1.3.6"}, "pegasus1.5"),
        ({"X-Fern-SDK-Name": "twelvelabs-js", "X-Fern-SDK-Version": "1.3.4"}, "pegasus1.5"),
        ({SDK: "twelvelabs-js", VERSION: "1.10.0"}, "pegasus1.5"),
        ({SDK: "twelvelabs", VERSION: "2.0.0-beta.1"}, "pegasus1.5"),
        ({SDK: "other", VERSION: "1.3.6"}, "pegasus1.2"),
        ({VERSION: "1.3.6"}, "pegasus1.2"),
        ({SDK: "twelvelabs"}, "pegasus1.2"),
        ({SDK: "twelvelabs", VERSION: "9" * 5000 + ".1.1"}, "pegasus1.2"),
        ({SDK: "twelvelabs", VERSION: "latest"}, "pegasus1.2"),
    ],
)
def test_the_default_model_follows_the_version_of_the_sdk(headers: dict[str, str], model_name: str) -> None:
    assert default_model_for(headers) == model_name
    assert default_model_for(headers, "pegasus1.6") == "pegasus1.6"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = {
    "model_name": st.sampled_from(MODELS) | JSON,
    "analysis_mode": st.just("general") | JSON,
    "video": st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["url", "asset_id", "base64_string", "video_id"]) | JSON,
            "url": st.just(URL) | st.text() | JSON,
            "asset_id": st.just(ID) | JSON,
            "base64_string": st.text() | JSON,
        },
    )
    | JSON,
    "video_id": JSON,
    "image": JSON,
    "prompt": st.text() | JSON,
    "prompt_v2": st.fixed_dictionaries(
        {"input_text": st.text("<@a>") | JSON},
        optional={
            "media_sources": st.lists(
                st.fixed_dictionaries(
                    {"name": st.text("ab-") | JSON, "media_type": st.just("image") | JSON},
                    optional={"url": st.just(URL) | JSON, "base64_string": st.just("QUJD") | JSON},
                )
            )
            | JSON
        },
    )
    | JSON,
    "temperature": st.floats() | JSON,
    "stream": st.booleans() | JSON,
    "response_format": st.fixed_dictionaries({"type": st.just("json_schema"), "json_schema": JSON}) | JSON,
    "max_tokens": st.integers() | st.floats() | JSON,
    "start_time": st.floats() | JSON,
    "end_time": st.floats() | JSON,
    "other": JSON,
}


def read_or_refuse(body: bytes, model_name: str) -> AnalyzeRequest | ApiError:
    try:
        return read_analyze(body, default_model=model_name, count_tokens=words)
    except ApiError as refused:
        return refused


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), st.sampled_from(MODELS))
def test_any_object_is_a_request_or_is_refused_in_words(body: dict[str, Any], model_name: str) -> None:
    said = read_or_refuse(json.dumps(body).encode(), model_name)
    if isinstance(said, ApiError):
        assert 400 <= said.status <= 422
        assert said.message.isprintable()
    else:
        assert said.prompt_text.strip()
        assert 0 <= said.temperature <= 1


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_a_request_or_are_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        read_analyze(body, default_model="pegasus1.5", count_tokens=words)
    assert refused.value.status == 400


def test_a_body_of_forty_megabytes_is_checked_in_the_time_of_reading_it_once() -> None:
    text = base64.b64encode(os.urandom(1_000_000) * 31).decode()
    body = json.dumps({"video": {"type": "base64_string", "base64_string": text}, "prompt": "x"}).encode()

    def seconds(read_body: Any) -> float:
        began = time.process_time()
        read_body()
        return time.process_time() - began

    plain = min(seconds(lambda: json.loads(body)) for _ in range(3))
    ours = min(
        seconds(lambda: read_analyze(body, default_model="pegasus1.5", count_tokens=words)) for _ in range(3)
    )
    request = read_analyze(body, default_model="pegasus1.5", count_tokens=words)
    assert request.video == Base64Source(text)
    assert ours < 1.5 * plain


OWN = {**STANDARD, "qwen3-vl-8b": "pegasus1.6"}


def test_a_name_of_the_operators_own_has_the_rules_it_stands_for() -> None:
    body = {
        "video": {"type": "url", "url": "https://a.example/v.mp4"},
        "prompt": "?",
        "model_name": "qwen3-vl-8b",
    }
    found = read_analyze(json.dumps(body).encode(), default_model="pegasus1.2", count_tokens=len, names=OWN)
    assert (found.model_name, found.rules) == ("qwen3-vl-8b", "pegasus1.6")
    with pytest.raises(ParameterInvalid, match=r"pegasus1\.2, pegasus1\.5, pegasus1\.6\.") as refused:
        read_analyze(json.dumps(body).encode(), default_model="pegasus1.2", count_tokens=len)
    assert "model_name" in refused.value.message


def test_the_rules_of_the_own_name_refuse_what_they_do_not_have() -> None:
    own = {**STANDARD, "old": "pegasus1.2"}
    body = {
        "video": {"type": "url", "url": "https://a.example/v.mp4"},
        "prompt": "?",
        "model_name": "old",
        "start_time": 1,
    }
    with pytest.raises(ParameterInvalid, match="start_time"):
        read_analyze(json.dumps(body).encode(), default_model="pegasus1.5", count_tokens=len, names=own)

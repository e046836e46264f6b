import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.contract.analyze import read_analyze
from kinoscribe.contract.errors import (
    ApiError,
    ParameterInvalid,
    ParameterNotProvided,
    ParameterUnknown,
    SchemaNotSupported,
)
from kinoscribe.contract.limits import MODELS, STANDARD
from kinoscribe.contract.prompts import MediaSource, PromptV2
from kinoscribe.contract.segments import Definition, Segmentation
from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource, VideoIdSource, decode_base64
from kinoscribe.contract.task_params import request_params
from kinoscribe.contract.task_request import (
    TaskRequest,
    inline_files,
    read_stored,
    read_task,
    stored_request,
)

URL = "https://example.org/a.mp4"
PICTURE = "https://example.org/a.png"
ID = "0123456789abcdef01234567"
SCHEMA = {"type": "json_schema", "json_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
RANGED = [{"id": "a", "description": "A goal.", "time_ranges": [{"start_time": 0, "end_time": 2}]}]


def read(body: dict[str, Any], default_model: str = "pegasus1.5") -> TaskRequest:
    return read_task(json.dumps(body).encode(), default_model=default_model, count_tokens=words)


def words(text: str) -> int:
    return len(text.split())


def general(**changed: Any) -> dict[str, Any]:
    return {"video": {"type": "url", "url": URL}, "prompt": "What happens?", **changed}


def segmented(definitions: Any = None, /, **changed: Any) -> dict[str, Any]:
    wanted = [{"id": "goal", "description": "A goal is scored."}] if definitions is None else definitions
    return {
        "video": {"type": "url", "url": URL},
        "analysis_mode": "time_based_metadata",
        "response_format": {"type": "segment_definitions", "segment_definitions": wanted},
        **changed,
    }


def test_a_question_gets_every_default() -> None:
    task = read(general(), "pegasus1.2")
    assert task.custom_id is None
    assert task.request.analysis_mode == "general"
    assert task.request.max_tokens == 4096
    assert task.request.temperature == 0.2
    assert task.request.segmentation is None
    assert task.request.prompt == "What happens?"


def test_a_segmentation_gets_every_default() -> None:
    task = read(segmented())
    assert task.request.analysis_mode == "time_based_metadata"
    assert task.request.prompt == task.request.prompt_text == ""
    assert task.request.max_tokens == 32_768
    assert task.request.segmentation == Segmentation(
        (Definition("goal", "A goal is scored."),), "seconds", None, None, 32_768
    )
    assert task.request.words == "goal\nA goal is scored."


def test_every_field_of_a_segmentation_is_read() -> None:
    body = segmented(
        custom_id="a-_9",
        model_name="pegasus1.6",
        temperature=1,
        max_tokens=2048.0,
        start_time=1,
        end_time=60.5,
        min_segment_duration=2,
        max_segment_duration=10.5,
    )
    body["response_format"]["segment_time_format"] = "hh:mm:ss"
    task = read(body)
    assert task.custom_id == "a-_9"
    assert task.request.segmentation is not None
    assert task.request.segmentation.time_style == "hh:mm:ss"
    assert (task.request.segmentation.shortest, task.request.segmentation.longest) == (2.0, 10.5)
    assert task.request.max_tokens == task.request.segmentation.max_tokens == 2048
    assert (task.request.start_time, task.request.end_time) == (1.0, 60.5)


OPTIONAL = [
    "model_name", "video_id", "image", "prompt_v2", "temperature", "start_time", "end_time", "custom_id",
    "analysis_mode", "max_tokens", "response_format", "min_segment_duration", "max_segment_duration",
]  # fmt: skip


def test_every_optional_field_may_be_null() -> None:
    assert read(general(**dict.fromkeys(OPTIONAL))) == read(general())
    mode = ("analysis_mode", "response_format")
    left_out = dict.fromkeys(["prompt", *(name for name in OPTIONAL if name not in mode)])
    assert read(segmented(**left_out)) == read(segmented())


@pytest.mark.parametrize("name", ["stream", "Prompt", "segment_definitions", "é"])
def test_unknown_fields_are_refused(name: str) -> None:
    with pytest.raises(ParameterUnknown, match=name):
        read(general(**{name: False}))
    read(general(**{name: None}))


@pytest.mark.parametrize("custom_id", ["", "a" * 65, "a b", "é", "a\n", "٣", 5, ["a"]])
def test_what_is_no_custom_id_is_refused(custom_id: object) -> None:
    with pytest.raises(ParameterInvalid, match="The custom_id parameter"):
        read(general(custom_id=custom_id))


@pytest.mark.parametrize("custom_id", ["a" * 64, "-", "_", "A9"])
def test_a_custom_id_has_up_to_64_characters(custom_id: str) -> None:
    assert read(general(custom_id=custom_id)).custom_id == custom_id


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (general(analysis_mode="x"), "analysis_mode"),
        (general(model_name="x"), "model_name"),
        (general(prompt=""), "prompt"),
        (general(temperature=2), "temperature"),
        (general(max_tokens=511), "max_tokens"),
        (general(max_tokens="unlimited"), "max_tokens"),
        (general(max_tokens="unlimited", model_name="pegasus1.6"), "max_tokens"),
        (general(start_time=2, end_time=1), "start_time"),
        (general(start_time=2, model_name="pegasus1.2"), "start_time"),
        (general(response_format=segmented()["response_format"]), "analysis_mode"),
        (general(response_format={"type": "x"}), "response_format.type"),
        (general(response_format={**SCHEMA, "segment_time_format": "seconds"}), "response_format.segment_time_format"),
        (general(response_format={**SCHEMA, "segment_definitions": []}), "response_format.segment_definitions"),
        (general(min_segment_duration=2), "min_segment_duration"),
        (general(max_segment_duration=2), "max_segment_duration"),
        (general(image=[{"name": "a", "url": PICTURE}]), "video"),
        (segmented(prompt="x"), "prompt"),
        (segmented(prompt=""), "prompt"),
        (segmented(prompt_v2={"input_text": "x"}), "prompt_v2"),
        (segmented(image=[{"name": "a", "url": PICTURE}], video=None, model_name="pegasus1.6"), "image"),
        (segmented(model_name="pegasus1.2"), "model_name"),
        (segmented(response_format=SCHEMA), "response_format.type"),
        (segmented(response_format=[]), "response_format"),
        (segmented(response_format={**segmented()["response_format"], "json_schema": {}}), "response_format.json_schema"),
        (segmented([]), "response_format.segment_definitions"),
        (segmented({}), "response_format.segment_definitions"),
        (segmented(["a"]), "response_format.segment_definitions[0]"),
        (segmented(max_tokens=2047), "max_tokens"),
        (segmented(max_tokens=98_305), "max_tokens"),
        (segmented(max_tokens="unlimited"), "max_tokens"),
        (segmented(max_tokens="Unlimited", model_name="pegasus1.6"), "max_tokens"),
        (segmented(RANGED, max_tokens="unlimited", model_name="pegasus1.6"), "max_tokens"),
        (segmented(RANGED, start_time=0), "start_time"),
        (segmented(RANGED, end_time=9), "end_time"),
        (segmented(RANGED, min_segment_duration=2), "min_segment_duration"),
        (segmented(RANGED, max_segment_duration=2), "max_segment_duration"),
        (segmented(min_segment_duration=1.9), "min_segment_duration"),
        (segmented(max_segment_duration=1), "max_segment_duration"),
        (segmented(min_segment_duration="2"), "min_segment_duration"),
        (segmented(min_segment_duration=3, max_segment_duration=2), "max_segment_duration"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_the_name_of_its_field(body: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read(body)
    assert refused.value.status == 400
    assert f"The {named} parameter is invalid" in refused.value.message


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (general(video=None), "video"),
        (general(prompt=None), "prompt"),
        (general(prompt=None, response_format=segmented()["response_format"]), "prompt"),
        (general(response_format={}), "response_format.type"),
        (general(response_format={"type": "json_schema"}), "response_format.json_schema"),
        (segmented(video=None), "video"),
        (segmented(response_format=None), "response_format"),
        (segmented(response_format={"type": "segment_definitions"}), "response_format.segment_definitions"),
    ],
)
def test_what_is_missing_is_named(body: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterNotProvided) as refused:
        read(body)
    assert refused.value.message == f"The {named} parameter is required but was not provided."


def test_the_oldest_model_does_not_segment_by_default_either() -> None:
    with pytest.raises(ParameterInvalid, match=r"model_name.*Use one of pegasus1\.5, pegasus1\.6"):
        read(segmented(), "pegasus1.2")


@pytest.mark.parametrize("tokens", [2048, 98_304])
def test_the_ends_of_the_range_of_max_tokens_are_accepted(tokens: int) -> None:
    assert read(segmented(max_tokens=tokens)).request.max_tokens == tokens


def test_an_unlimited_segmentation_is_bounded_by_the_window_only() -> None:
    request = read(segmented(max_tokens="unlimited", model_name="pegasus1.6")).request
    assert request.segmentation is not None
    assert request.segmentation.max_tokens is None
    assert request.max_tokens == 261_120


def test_a_classic_video_id_is_accepted_by_the_oldest_model() -> None:
    assert read(general(video=None, video_id=ID), "pegasus1.2").request.video == VideoIdSource(ID)


def test_pictures_alone_are_a_request_without_a_video() -> None:
    body = general(video=None, image=[{"name": "a", "url": PICTURE}], model_name="pegasus1.6")
    request = read(body).request
    assert request.video is None
    assert request.images == (MediaSource("a", UrlSource(PICTURE)),)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"prompt": None, "prompt_v2": {"input_text": "x"}}, "prompt_v2"),
        ({"prompt": "<@a>"}, "prompt"),
        ({"prompt": "<@a> <@b> <@c>"}, "prompt"),
        ({"start_time": 0}, "start_time"),
        ({"model_name": "pegasus1.5"}, "image"),
        ({"image": []}, "image"),
        ({"image": [{"name": f"n{n}", "url": PICTURE} for n in range(21)]}, "image"),
        ({"image": [{"name": "a", "url": PICTURE}] * 2}, "image[1].name"),
        ({"image": [{"name": "a-b", "url": PICTURE}]}, "image[0].name"),
        ({"image": [{"name": "a", "url": PICTURE, "asset_id": ID}]}, "image[0]"),
        ({"image": [{"name": "a"}]}, "image[0]"),
        ({"image": [{"name": "a", "url": "http://example.org/a.png"}]}, "image[0].url"),
        (
            {"image": [{"name": "a", "base64_string": "A" * (20_000_000 // 3 * 4 + 8)}]},
            "image[0].base64_string",
        ),
        ({"image": [{"name": "a", "base64_string": "!"}]}, "image[0].base64_string"),
    ],
)
def test_a_wrong_question_about_pictures_is_refused(changed: dict[str, Any], named: str) -> None:
    images = [{"name": "a", "url": PICTURE}, {"name": "b", "asset_id": ID}]
    body = {"model_name": "pegasus1.6", "image": images, "prompt": "Which is larger?", **changed}
    with pytest.raises(ParameterInvalid) as refused:
        read(body)
    assert f"The {named} parameter is invalid" in refused.value.message


@pytest.mark.parametrize("prompt", ["Compare.", "<@b> or <@a>, <@a>?"])
def test_a_question_points_at_all_pictures_or_at_none(prompt: str) -> None:
    images = [{"name": "a", "url": PICTURE}, {"name": "b", "asset_id": ID}]
    assert read({"model_name": "pegasus1.6", "image": images, "prompt": prompt}).request.images == (
        MediaSource("a", UrlSource(PICTURE)),
        MediaSource("b", AssetSource(ID)),
    )


ORDER: list[tuple[str, object, object]] = [
    ("unknown", 1, None),
    ("model_name", "x", "pegasus1.5"),
    ("analysis_mode", "x", "general"),
    ("video", {"url": "x"}, {"url": URL}),
    ("prompt", "", "What?"),
    ("temperature", 2, 1),
    ("start_time", -1, 5),
    ("end_time", -1, 10),
    ("custom_id", "", "a"),
    ("response_format", {"type": "x"}, None),
    ("max_tokens", 0, 600),
    ("min_segment_duration", "x", None),
    ("max_segment_duration", 1, None),
]


@pytest.mark.parametrize("place", range(len(ORDER)), ids=[name for name, _, _ in ORDER])
def test_the_first_rule_in_the_order_of_the_table_is_reported(place: int) -> None:
    right = {name: value for name, _, value in ORDER[:place]}
    wrong = {name: value for name, value, _ in ORDER[place:]}
    with pytest.raises(ApiError) as refused:
        read(dict(reversed((right | wrong).items())))
    named = {"video": "video.url", "response_format": "response_format.type"}
    name = ORDER[place][0]
    assert f"The {named.get(name, name)} parameter" in refused.value.message


@pytest.mark.parametrize("number", ["1e400", "-1e999"])
def test_a_number_that_cannot_be_kept_is_refused_wherever_it_stands(number: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "default": ["here"]}}}
    body = general(response_format={"type": "json_schema", "json_schema": schema})
    text = json.dumps(body).replace('"here"', number)
    with pytest.raises(ParameterInvalid, match="too large"):
        read_task(text.encode(), default_model="pegasus1.5", count_tokens=words)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def contents(task: TaskRequest) -> dict[str, str]:
    return {file.name: digest(decode_base64(file.text, file.path, file.most)) for file in inline_files(task)}


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_each_file_inside_the_body_has_a_name_of_its_own() -> None:
    def picture(name: str, data: bytes) -> dict[str, str]:
        return {"name": name, "media_type": "image", "base64_string": text_of(data)}

    definitions = [
        {"id": "a", "description": "x", "media_sources": [picture("p", b"one"), picture("q", b"two")]},
        {"id": "b", "description": "x", "media_sources": [picture("p", b"three")]},
    ]
    task = read(segmented(definitions, video={"base64_string": text_of(b"video")}))
    assert {file.name: file.path for file in inline_files(task)} == {
        "video": "video.base64_string",
        "image:0:p": "response_format.segment_definitions[0].media_sources[0].base64_string",
        "image:0:q": "response_format.segment_definitions[0].media_sources[1].base64_string",
        "image:1:p": "response_format.segment_definitions[1].media_sources[0].base64_string",
    }
    assert contents(task) == {
        "video": digest(b"video"),
        "image:0:p": digest(b"one"),
        "image:0:q": digest(b"two"),
        "image:1:p": digest(b"three"),
    }
    again = read_stored(stored_request(task, contents(task)))
    assert again.request.segmentation is not None
    kept = [one.source for part in again.request.segmentation.definitions for one in part.media_sources]
    assert kept == [Base64Source(digest(data)) for data in (b"one", b"two", b"three")]

    words_and_pictures = general(
        prompt=None, prompt_v2={"input_text": "<@p>", "media_sources": [picture("p", b"one")]}
    )
    assert [file.name for file in inline_files(read(words_and_pictures))] == ["image:p"]
    alone = general(video=None, image=[picture("p", b"one")], model_name="pegasus1.6")
    assert [(file.name, file.path, file.most) for file in inline_files(read(alone))] == [
        ("image:p", "image[0].base64_string", 20_000_000)
    ]


def test_a_stored_request_holds_no_file_and_does_not_depend_on_what_is_chosen_later() -> None:
    body = general(
        video={"type": "base64_string", "base64_string": text_of(b"video" * 100)},
        extra=None,
        prompt="x " * 3000,
    )
    task = read(body, "pegasus1.6")
    text = stored_request(task, {"video": digest(b"video" * 100)})
    assert len(text) < 7000
    assert text.isascii()
    again = read_stored(text)
    assert again.request == replace(task.request, video=Base64Source(digest(b"video" * 100)))
    assert again.request.model_name == "pegasus1.6"


def test_what_was_allowed_when_it_was_accepted_is_not_judged_again() -> None:
    picture = {"name": "a", "media_type": "image", "url": "http://nas.example/a.png"}
    body = general(prompt=None, prompt_v2={"input_text": "<@a>", "media_sources": [picture]})
    told: dict[str, Any] = {"default_model": "pegasus1.5", "count_tokens": words}
    with pytest.raises(ParameterInvalid, match="https"):
        read(body)
    plain = read_task(json.dumps(body).encode(), **told, allow_http_images=True)
    assert read_stored(stored_request(plain, {})) == plain
    long = read(general(prompt="word " * 1999), "pegasus1.2")
    assert read_stored(stored_request(long, {})) == long


@pytest.mark.parametrize("read_body", [read_task, read_analyze])
def test_an_operator_may_accept_more_words_of_schemas(read_body: Callable[..., Any]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}}
    body = json.dumps(general(response_format={"type": "json_schema", "json_schema": schema})).encode()
    told = {"default_model": "pegasus1.5", "count_tokens": words}
    with pytest.raises(SchemaNotSupported, match="maxLength"):
        read_body(body, **told)
    wide = read_body(body, **told, wide_schema=True)
    if isinstance(wide, TaskRequest):
        assert read_stored(stored_request(wide, {})).request == wide.request


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.text("abcdefghé漢 ", min_size=1, max_size=20).filter(str.strip) | st.text()
SECONDS = st.integers(0, 30) | st.floats(0, 30)
RIGHT_PICTURES = st.lists(
    st.builds(
        lambda name, source: {"name": name, "media_type": "image", **source},
        st.text("ab_", min_size=1, max_size=8),
        st.sampled_from([{"url": PICTURE}, {"asset_id": ID}, {"base64_string": "QUJD"}]),
    ),
    max_size=4,
    unique_by=lambda one: str(one["name"]),
)
RIGHT_FIELDS = st.lists(
    st.builds(
        lambda name, kind: {"name": name, "description": "x", **kind},
        NAMES,
        st.sampled_from(
            [
                {"type": "string", "enum": ["a", "b"]},
                {"type": "timestamp", "format": "seconds"},
                {"type": "array", "items": {"type": "integer"}},
                {"type": "time_array", "items": {"type": "object", "fields": [{"name": "n", "type": "string", "description": "x"}]}},
            ]
        ),
    ),
    max_size=3,
)  # fmt: skip
DEFINITION = st.fixed_dictionaries(
    {"id": NAMES, "description": NAMES},
    optional={
        "fields": RIGHT_FIELDS,
        "media_sources": RIGHT_PICTURES,
        "time_ranges": st.lists(
            st.fixed_dictionaries({"start_time": SECONDS, "end_time": SECONDS}), max_size=3
        ),
        "other": JSON,
    },
)
VIDEO = st.sampled_from(
    [{"type": "url", "url": URL}, {"asset_id": ID}, {"base64_string": "QUJD"}, {"base64_string": "data:;base64,QUI"}]
)  # fmt: skip
OFTEN_RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "model_name": st.sampled_from(MODELS),
    "custom_id": st.text("ab-_", min_size=1, max_size=64),
    "temperature": st.floats(0, 1) | st.just(1),
    "max_tokens": st.integers(2048, 4096),
    "start_time": SECONDS,
    "end_time": SECONDS,
}
PROMPTS = [
    {"prompt": NAMES},
    {"prompt_v2": st.fixed_dictionaries({"input_text": NAMES}, optional={"media_sources": RIGHT_PICTURES})},
    {"prompt": NAMES, "prompt_v2": st.just({"input_text": "x"})},
]
QUESTION = st.one_of(
    *[
        st.fixed_dictionaries({"video": VIDEO, **asked}, optional={**OFTEN_RIGHT, "response_format": st.just(SCHEMA)})
        for asked in PROMPTS
    ]
)  # fmt: skip
PICTURES = st.fixed_dictionaries(
    {"image": RIGHT_PICTURES, "prompt": st.text("abc ", min_size=1), "model_name": st.just("pegasus1.6")}
)
CUT = st.fixed_dictionaries(
    {
        "video": VIDEO,
        "analysis_mode": st.just("time_based_metadata"),
        "model_name": st.sampled_from(MODELS[1:]),
        "response_format": st.fixed_dictionaries(
            {
                "type": st.just("segment_definitions"),
                "segment_definitions": st.lists(DEFINITION, min_size=1, max_size=3),
            },
            optional={"segment_time_format": st.sampled_from(["seconds", "hh:mm:ss"])},
        ),
    },
    optional={
        "max_tokens": st.just("unlimited") | st.integers(2048, 4096),
        "min_segment_duration": SECONDS,
        "max_segment_duration": SECONDS,
    },
)
WILD = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*OPTIONAL, "prompt", "video", "other"), JSON)
    | {"analysis_mode": st.sampled_from(["general", "time_based_metadata"]), "video": VIDEO},
)


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A right request in which one value, at any depth, is another JSON value."""
    body: Any = json.loads(json.dumps(draw(st.one_of(QUESTION, CUT, PICTURES))))
    place = body
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            place[key] = draw(JSON)
            break
        place = place[key]
    assert isinstance(body, dict)
    return body


def read_or_refuse(body: dict[str, Any]) -> TaskRequest | ApiError:
    try:
        return read(body)
    except ApiError as refused:
        return refused


@settings(max_examples=400, deadline=None)
@given(st.one_of(WILD, QUESTION, CUT, PICTURES, spoilt()))
def test_any_object_is_a_task_or_is_refused_in_words(body: dict[str, Any]) -> None:
    said = read_or_refuse(body)
    if isinstance(said, ApiError):
        assert 400 <= said.status <= 422
        assert said.message.isprintable()
    else:
        assert (said.request.analysis_mode == "general") == (said.request.segmentation is None)
        assert bool(said.request.prompt_text.strip()) == (said.request.segmentation is None)


def without_files(task: TaskRequest) -> TaskRequest:
    """The request in which every inline file is named by its content, as its stored form names it."""

    def kept(picture: MediaSource) -> MediaSource:
        source = picture.source
        if isinstance(source, Base64Source):
            source = Base64Source(digest(decode_base64(source.text)))
        return MediaSource(picture.name, source)

    def all_kept(pictures: tuple[MediaSource, ...]) -> tuple[MediaSource, ...]:
        return tuple(map(kept, pictures))

    request = task.request
    if isinstance(request.video, Base64Source):
        request = replace(request, video=Base64Source(digest(decode_base64(request.video.text))))
    if isinstance(request.prompt, PromptV2):
        prompt = replace(request.prompt, media_sources=all_kept(request.prompt.media_sources))
        request = replace(request, prompt=prompt)
    if request.segmentation is not None:
        definitions = tuple(
            replace(one, media_sources=all_kept(one.media_sources))
            for one in request.segmentation.definitions
        )
        request = replace(request, segmentation=replace(request.segmentation, definitions=definitions))
    return replace(task, request=replace(request, images=all_kept(request.images)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(QUESTION, CUT, PICTURES))
def test_what_was_stored_is_read_as_the_same_request(body: dict[str, Any]) -> None:
    said = read_or_refuse(body)
    if isinstance(said, ApiError):
        return
    text = stored_request(said, contents(said))
    again = read_stored(text)
    assert again == without_files(said)
    assert request_params(again) == request_params(said)
    assert "QUJD" not in text


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_refused_or_read(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        read_task(body, default_model="pegasus1.5", count_tokens=words)
    assert refused.value.status == 400


def test_a_task_for_a_name_of_the_operators_own_is_kept_and_read_again_by_that_name() -> None:
    own = {**STANDARD, "qwen3-vl-8b": "pegasus1.6"}
    body = {
        "video": {"type": "url", "url": "https://a.example/v.mp4"},
        "prompt": "?",
        "model_name": "qwen3-vl-8b",
    }
    task = read_task(json.dumps(body).encode(), default_model="pegasus1.2", count_tokens=len, names=own)
    kept = stored_request(task, {})
    again = read_stored(kept, own).request
    assert (again.model_name, again.rules) == ("qwen3-vl-8b", "pegasus1.6")
    with pytest.raises(ParameterInvalid, match="model_name"):
        read_stored(kept)

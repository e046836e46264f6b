from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, TokenLimitExceeded
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.prompts import MediaSource
from kinoscribe.contract.segments import (
    Definition,
    DefinitionField,
    Segmentation,
    check_ranges,
    read_definitions,
)
from kinoscribe.contract.sources import AssetSource, UrlSource
from kinoscribe.contract.video import VideoFacts

ID = "0123456789abcdef01234567"
URL = "https://example.org/a.png"
AT = "response_format.segment_definitions"


def read(*definitions: Any, model: str = "pegasus1.6", **more: Any) -> tuple[Definition, ...]:
    return wanted({"segment_definitions": list(definitions), **more}, model)[0]


def wanted(given: dict[str, Any], model: str = "pegasus1.6") -> tuple[tuple[Definition, ...], str]:
    return read_definitions(Fields(given, "response_format"), model, allow_http_images=False)


def definition(**changed: Any) -> dict[str, Any]:
    return {"id": "goal", "description": "A goal is scored.", **changed}


def with_field(**changed: Any) -> dict[str, Any]:
    return definition(fields=[{"name": "team", "type": "string", "description": "Who?", **changed}])


def event(**changed: Any) -> dict[str, Any]:
    fields = [{"name": "n", "type": "string", "description": "What?", **changed}]
    return with_field(type="time_array", items={"type": "object", "fields": fields})


def ranged(*spans: tuple[Any, Any]) -> dict[str, Any]:
    return definition(time_ranges=[{"start_time": start, "end_time": end} for start, end in spans])


def facts(end: float = 60.0, start: float = 0.0) -> VideoFacts:
    return VideoFacts(start, end, 640, 360, 25.0, 0, "mp4", "video/mp4", "h264", None, None, None, 1, 0, 1000)


def test_the_smallest_definition_has_nothing_but_its_words() -> None:
    assert wanted({"segment_definitions": [definition()]}) == (
        (Definition("goal", "A goal is scored.", (), (), ()),),
        "seconds",
    )
    empty = definition(fields=[], media_sources=None, time_ranges=[], other=1)
    assert read(empty) == read(definition())


def test_every_kind_of_field_is_read() -> None:
    given = [
        {"name": "a", "type": "string", "description": "A", "enum": ["x", "y", "x"]},
        {"name": "b", "type": "boolean", "description": "B", "format": None},
        {"name": "c", "type": "number", "description": "C", "enum": []},
        {"name": "d", "type": "integer", "description": "D"},
        {"name": "e", "type": "array", "description": "E", "items": {"type": "integer"}},
        {"name": "f", "type": "array", "description": "F", "items": {"type": "string"}, "enum": ["x"]},
        {"name": "g", "type": "timestamp", "description": "G", "format": "hh:mm:ss.fff"},
        {
            "name": "h",
            "type": "time_array",
            "description": "H",
            "items": {
                "type": "object",
                "fields": [
                    {"name": "a", "type": "string", "description": "I", "enum": ["x"]},
                    {"name": "b", "type": "array", "description": "J", "items": {"type": "number"}},
                ],
            },
        },
    ]
    (read_one,) = read(definition(fields=given))
    assert read_one.fields == (
        DefinitionField("a", "string", "A", enum=("x", "y")),
        DefinitionField("b", "boolean", "B"),
        DefinitionField("c", "number", "C"),
        DefinitionField("d", "integer", "D"),
        DefinitionField("e", "array", "E", items="integer"),
        DefinitionField("f", "array", "F", items="string", enum=("x",)),
        DefinitionField("g", "timestamp", "G", format="hh:mm:ss.fff"),
        DefinitionField(
            "h",
            "time_array",
            "H",
            fields=(
                DefinitionField("a", "string", "I", enum=("x",)),
                DefinitionField("b", "array", "J", items="number"),
            ),
        ),
    )
    words = "goal A goal is scored. a A x y b B c C d D e E f F x g G h H a I x b J"
    assert Segmentation((read_one,)).words.split() == words.split()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (definition(id=""), "[0].id"),
        (definition(id=" "), "[0].id"),
        (definition(id=5), "[0].id"),
        (definition(id="a\x00"), "[0].id"),
        (definition(id="a" * 257), "[0].id"),
        (definition(description=""), "[0].description"),
        (definition(fields={}), "[0].fields"),
        (definition(fields=["a"]), "[0].fields[0]"),
        (with_field(name=""), "[0].fields[0].name"),
        (with_field(name="start_time"), "[0].fields[0].name"),
        (with_field(name="end_time"), "[0].fields[0].name"),
        (with_field(name="metadata"), "[0].fields[0].name"),
        (with_field(type="object"), "[0].fields[0].type"),
        (with_field(type="null"), "[0].fields[0].type"),
        (with_field(type=["string"]), "[0].fields[0].type"),
        (with_field(description=" "), "[0].fields[0].description"),
        (with_field(enum="a"), "[0].fields[0].enum"),
        (with_field(enum=["a", 5]), "[0].fields[0].enum[1]"),
        (with_field(enum=[None]), "[0].fields[0].enum[0]"),
        (with_field(enum=[str(n) for n in range(101)]), "[0].fields[0].enum"),
        (with_field(type="integer", enum=["1"]), "[0].fields[0].enum"),
        (with_field(type="boolean", enum=["true"]), "[0].fields[0].enum"),
        (with_field(type="timestamp", format="seconds", enum=["1"]), "[0].fields[0].enum"),
        (with_field(type="array", items={"type": "number"}, enum=["1"]), "[0].fields[0].enum"),
        (with_field(items={"type": "string"}), "[0].fields[0].items"),
        (with_field(type="timestamp", format="seconds", items={"type": "string"}), "[0].fields[0].items"),
        (with_field(type="array", items=[]), "[0].fields[0].items"),
        (with_field(type="array", items={"type": "object"}), "[0].fields[0].items.type"),
        (with_field(type="array", items={"type": "timestamp"}), "[0].fields[0].items.type"),
        (with_field(type="array", items={"type": "string", "fields": []}), "[0].fields[0].items.fields"),
        (with_field(type="time_array", items={"type": "string"}), "[0].fields[0].items.type"),
        (with_field(type="time_array", items={"type": "object", "fields": []}), "[0].fields[0].items.fields"),
        (event(name="metadata"), "[0].fields[0].items.fields[0].name"),
        (event(type="timestamp", format="seconds"), "[0].fields[0].items.fields[0].type"),
        (event(type="time_array"), "[0].fields[0].items.fields[0].type"),
        (event(format="seconds"), "[0].fields[0].items.fields[0].format"),
        (event(type="number", enum=["1"]), "[0].fields[0].items.fields[0].enum"),
        (event(type="array", items={"type": "string"}, enum=["1"]), "[0].fields[0].items.fields[0].enum"),
        (event(enum=[str(n) for n in range(101)]), "[0].fields[0].items.fields[0].enum"),
        (event(type="array", items={"type": "array"}), "[0].fields[0].items.fields[0].items.type"),
        (definition(time_ranges={}), "[0].time_ranges"),
        (ranged((0, 1.9)), "[0].time_ranges[0]"),
        (ranged((5, 2)), "[0].time_ranges[0]"),
        (ranged((-1, 5)), "[0].time_ranges[0].start_time"),
        (ranged(("0", 5)), "[0].time_ranges[0].start_time"),
        (ranged((0, True)), "[0].time_ranges[0].end_time"),
        (ranged((0, 5), (4, 8)), "[0].time_ranges[1]"),
        (ranged((4, 8), (0, 5)), "[0].time_ranges[0]"),
        (ranged((0, 5), (0, 5)), "[0].time_ranges[1]"),
        (definition(media_sources=[{"name": "a", "media_type": "video", "url": URL}]), "[0].media_sources[0].media_type"),
        (definition(media_sources=[{"name": str(n), "media_type": "image", "url": URL} for n in range(5)]), "[0].media_sources"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_its_path(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read(given)
    assert f"The {AT}{named} parameter is invalid" in refused.value.message


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (definition(id=None), "[0].id"),
        (definition(description=None), "[0].description"),
        (with_field(name=None), "[0].fields[0].name"),
        (with_field(type=None), "[0].fields[0].type"),
        (with_field(description=None), "[0].fields[0].description"),
        (with_field(type="array"), "[0].fields[0].items"),
        (with_field(type="array", items={}), "[0].fields[0].items.type"),
        (with_field(type="time_array"), "[0].fields[0].items"),
        (with_field(type="time_array", items={"type": "object"}), "[0].fields[0].items.fields"),
        (event(description=None), "[0].fields[0].items.fields[0].description"),
        (event(type="array"), "[0].fields[0].items.fields[0].items"),
        (ranged((None, 5)), "[0].time_ranges[0].start_time"),
        (ranged((0, None)), "[0].time_ranges[0].end_time"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterNotProvided) as refused:
        read(given)
    assert refused.value.message == f"The {AT}{named} parameter is required but was not provided."


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "timestamp"},
        {"type": "timestamp", "format": ""},
        {"type": "timestamp", "format": "mm:ss"},
        {"type": "timestamp", "format": 5},
        {"format": "seconds"},
        {"format": ""},
    ],
)
def test_a_wrong_format_is_refused_by_the_documented_path(changed: dict[str, Any]) -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read(with_field(**changed))
    assert "The response_format.segment_definitions.fields.format parameter" in refused.value.message
    if changed.get("type") == "timestamp":
        accepted = "format is required for timestamp type; allowed values: seconds, hh:mm:ss, hh:mm:ss.fff"
        assert accepted in refused.value.message


def test_up_to_twenty_definitions_of_fifty_fields_are_accepted() -> None:
    fields = [{"name": str(n), "type": "string", "description": "x"} for n in range(51)]
    many = [definition(id=str(n), fields=fields[:50]) for n in range(21)]
    assert len(read(*many[:20])[0].fields) == 50
    for sent, named in ((many, AT), ([], AT), ([definition(fields=fields)], f"{AT}[0].fields")):
        with pytest.raises(ParameterInvalid) as refused:
            read(*sent)
        assert f"The {named} parameter" in refused.value.message


def test_a_hundred_values_of_enum_are_accepted() -> None:
    values = [str(n) for n in range(100)]
    assert read(with_field(enum=values))[0].fields[0].enum == tuple(values)


def test_names_are_given_once() -> None:
    field = {"name": "a", "type": "string", "description": "x"}
    twice = {"type": "object", "fields": [field, field]}
    for sent, named in (
        ([definition(), definition()], "[1].id"),
        ([definition(fields=[field, field])], "[0].fields[1].name"),
        ([with_field(type="time_array", items=twice)], "[0].fields[0].items.fields[1].name"),
    ):
        with pytest.raises(ParameterInvalid) as refused:
            read(*sent)
        assert f"The {AT}{named} parameter" in refused.value.message


def test_only_the_newest_model_lists_events() -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read(event(), model="pegasus1.5")
    assert "string, boolean, number, integer, array, timestamp." in refused.value.message
    assert "The response_format.segment_definitions[0].fields[0].type parameter" in refused.value.message
    with pytest.raises(ParameterInvalid, match="timestamp, time_array"):
        read(with_field(type="x"))


@pytest.mark.parametrize("style", ["seconds", "hh:mm:ss", "hh:mm:ss.fff"])
def test_boundaries_have_a_style(style: str) -> None:
    assert wanted({"segment_definitions": [definition()], "segment_time_format": style})[1] == style


@pytest.mark.parametrize("style", ["", "hh:mm", 5])
def test_another_style_is_refused(style: object) -> None:
    with pytest.raises(ParameterInvalid, match=r"response_format\.segment_time_format.*seconds, hh:mm:ss, "):
        read(definition(), segment_time_format=style)


def test_reference_pictures_are_read() -> None:
    given = [
        {"name": "a", "media_type": "image", "url": URL},
        {"name": "b", "media_type": "image", "asset_id": ID},
    ]
    first, second = read(definition(media_sources=given), definition(id="b", media_sources=given[:1]))
    assert first.media_sources == (MediaSource("a", UrlSource(URL)), MediaSource("b", AssetSource(ID)))
    assert second.media_sources == (MediaSource("a", UrlSource(URL)),)


def test_more_words_than_any_window_holds_are_refused_before_they_are_counted() -> None:
    with pytest.raises(TokenLimitExceeded):
        read(definition(description="x" * 2_000_001))


def test_ranges_may_touch_and_come_in_any_order() -> None:
    assert read(ranged((5, 10), (0, 5.0), (10.5, 12.5)))[0].ranges == ((0.0, 5.0), (5.0, 10.0), (10.5, 12.5))
    assert read(ranged((2.1, 4.1)))[0].ranges == ((2.1, 4.1),), "4.1 - 2.1 is a little less than 2 in binary"


def checked(*spans: tuple[float, float], video: VideoFacts) -> tuple[tuple[float, float], ...]:
    return check_ranges(Segmentation(read(ranged(*spans))), video).definitions[0].ranges


def test_ranges_are_clamped_to_the_video() -> None:
    assert checked((0, 5), (55, 60.4), video=facts(60.0)) == ((0.0, 5.0), (55.0, 60.0))
    assert checked((0, 5), video=facts(60.0, 0.04)) == ((0.04, 5.0),)
    assert checked((102, 104), video=facts(160.0, 100.0)) == ((102.0, 104.0),)
    nothing = Segmentation(read(definition()))
    assert check_ranges(nothing, facts()) is nothing


@pytest.mark.parametrize(
    ("span", "video"),
    [
        ((55, 60.6), facts(60.0)),
        ((60, 62), facts(60.0)),
        ((59, 61), facts(60.0)),
        ((500, 502), facts(60.0)),
        ((3, 5), facts(160.0, 100.0)),
    ],
)
def test_a_range_outside_the_video_is_refused(span: tuple[float, float], video: VideoFacts) -> None:
    given = Segmentation(read(definition(), {**ranged((0, 2), span), "id": "b"}))
    with pytest.raises(ParameterInvalid, match=r"segment_definitions\[1\]\.time_ranges .*the video runs"):
        check_ranges(given, video)


SPAN = st.tuples(st.floats(0, 100), st.floats(0, 100))


@given(st.lists(SPAN, max_size=5), st.floats(0, 50), st.floats(4, 60))
def test_accepted_ranges_lie_apart_inside_the_video(
    spans: list[tuple[float, float]], start: float, length: float
) -> None:
    video = facts(start + length, start)
    try:
        found = checked(*spans, video=video)
    except ApiError:
        return
    assert len(found) == len(spans)
    edges = [edge for span in found for edge in span]
    assert all(after >= before - 1e-6 for before, after in pairwise(edges))
    assert all(video.start <= edge <= video.end for edge in edges)
    assert all(end - start >= 1.5 - 1e-6 for start, end in found)

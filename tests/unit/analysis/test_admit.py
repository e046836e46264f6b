"""Which part of a video is asked about, and whether the video may be that long."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.analysis.pretended import FACTS, request

from kinoscribe.analysis.admit import admit, named_source
from kinoscribe.contract.errors import ParameterInvalid, VideoTooLong
from kinoscribe.contract.limits import Mode
from kinoscribe.contract.segments import Definition, Segmentation
from kinoscribe.contract.video import Window

HOUR = 3600.0


def admitted(hours: float, mode: Mode = "async", kind: str = "url", **more: Any) -> Window:
    facts = replace(FACTS, end=hours * HOUR)
    return admit(request(**more), facts, kind, mode, None).window


def segments(*ranges: tuple[tuple[float, float], ...]) -> dict[str, Any]:
    definitions = tuple(Definition(f"d{i}", "d", ranges=spans) for i, spans in enumerate(ranges))
    return {"segmentation": Segmentation(definitions), "analysis_mode": "time_based_metadata", "prompt": ""}


def test_a_task_takes_two_hours_where_a_synchronous_request_takes_one() -> None:
    assert admitted(2.0).length == 2 * HOUR
    assert admitted(1.0, "sync").length == HOUR
    for mode, hours in (("sync", 1.1), ("async", 2.1)):
        with pytest.raises(VideoTooLong):
            admitted(hours, mode)  # type: ignore[arg-type]


def test_the_newest_model_takes_four_hours_when_a_part_is_asked_about() -> None:
    part = {"start_time": 3 * HOUR, "end_time": 3 * HOUR + 60, "model_name": "pegasus1.6"}
    assert admitted(4.0, **part) == Window(3 * HOUR, 3 * HOUR + 60)
    with pytest.raises(VideoTooLong):
        admitted(4.1, **part)
    with pytest.raises(VideoTooLong):
        admitted(4.0, **{**part, "start_time": 0.0})
    with pytest.raises(VideoTooLong):
        admitted(4.0, **{**part, "model_name": "pegasus1.5"})
    with pytest.raises(VideoTooLong):
        admitted(4.0, model_name="pegasus1.6")
    with pytest.raises(VideoTooLong):
        admitted(4.0, kind="base64_string", **part)
    with pytest.raises(VideoTooLong):
        admitted(4.0, "sync", **part)


def test_a_stream_in_pieces_is_not_taken_for_four_hours() -> None:
    facts = replace(FACTS, end=4 * HOUR, container="hls")
    asked = request(start_time=0.0, end_time=60.0, model_name="pegasus1.6")
    with pytest.raises(VideoTooLong):
        admit(asked, facts, "url", "async", None)


def test_ranges_of_all_definitions_make_the_window() -> None:
    both = segments(((10.0, 20.0), (40.0, 50.0)), ((5.0, 15.0),))
    assert admitted(1.0, **both) == Window(5.0, 50.0)
    one = segments(((10.0, 20.0),), ())
    assert admitted(1.0, **one) == Window(0.0, HOUR), "the second one asks about the whole video"
    assert admitted(4.0, model_name="pegasus1.6", **both) == Window(5.0, 50.0)
    with pytest.raises(VideoTooLong):
        admitted(4.0, model_name="pegasus1.6", **one)
    with pytest.raises(VideoTooLong):
        admitted(4.0, model_name="pegasus1.6", **segments(((0.0, 1.5 * HOUR), (2 * HOUR, 3 * HOUR))))


def test_a_range_outside_the_video_is_refused_and_one_a_little_over_its_end_clamped() -> None:
    with pytest.raises(ParameterInvalid, match="time_ranges"):
        admitted(1.0, **segments(((HOUR + 10, HOUR + 20),)))
    assert admitted(1.0, **segments(((HOUR - 10, HOUR + 0.3),))) == Window(HOUR - 10, HOUR)


def test_a_request_about_pictures_alone_names_no_video() -> None:
    with pytest.raises(ParameterInvalid, match="image"):
        named_source(request(video=None))

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import (
    ApiError,
    ParameterInvalid,
    VideoAspectRatioInvalid,
    VideoResolutionTooHigh,
    VideoResolutionTooLow,
    VideoTooLong,
    VideoTooShort,
)
from kinoscribe.contract.limits import MODELS
from kinoscribe.contract.video import VideoFacts, Window, check_video, choose_window


def facts(length: float = 12.0, *, start: float = 0.0, width: int = 640, height: int = 360) -> VideoFacts:
    return VideoFacts(
        start=start,
        end=start + length,
        width=width,
        height=height,
        fps=25.0,
        rotation=0,
        container="mp4",
        mime_type="video/mp4",
        video_codec="h264",
        audio_codec=None,
        audio_sample_rate=None,
        audio_channels=None,
        video_streams=1,
        audio_streams=0,
        bytes=1000,
    )


@pytest.mark.parametrize(
    ("width", "height", "error"),
    [
        (360, 360, None),
        (640, 640, None),
        (640, 360, None),
        (360, 640, None),
        (358, 360, VideoResolutionTooLow),
        (360, 358, VideoResolutionTooLow),
        (320, 240, VideoResolutionTooLow),
        (5000, 300, VideoResolutionTooLow),
        (0, 0, VideoResolutionTooLow),
        (5184, 2160, None),
        (2160, 5184, None),
        (3840, 2160, None),
        (5186, 2160, VideoResolutionTooHigh),
        (5184, 2162, VideoResolutionTooHigh),
        (2162, 5184, VideoResolutionTooHigh),
        (864, 360, None),
        (860, 360, None),
        (360, 864, None),
        (865, 360, VideoAspectRatioInvalid),
        (868, 360, VideoAspectRatioInvalid),
        (360, 868, VideoAspectRatioInvalid),
        (1080, 360, VideoAspectRatioInvalid),
    ],
)
def test_a_picture_is_judged_either_way_up(width: int, height: int, error: type[ApiError] | None) -> None:
    if error is None:
        check_video(facts(width=width, height=height), "pegasus1.5")
        return
    with pytest.raises(error, match=f"Current resolution is {width}x{height}"):
        check_video(facts(width=width, height=height), "pegasus1.5")


def test_the_messages_are_those_of_the_original() -> None:
    with pytest.raises(VideoResolutionTooLow) as low:
        check_video(facts(width=320, height=240), "pegasus1.2")
    assert low.value.message == (
        "The resolution of the video is too low. Please upload a video with resolution between 360x360 and "
        "5184x2160. Current resolution is 320x240."
    )
    with pytest.raises(VideoAspectRatioInvalid, match=r"between 1:1 and 2\.4:1"):
        check_video(facts(width=1080, height=360), "pegasus1.2")
    with pytest.raises(VideoTooShort) as short:
        check_video(facts(3.9), "pegasus1.2")
    assert short.value.message == (
        "Video is too short. Please use video with duration between 4 seconds and 1 hour. "
        "Current duration is 3.9 seconds."
    )
    with pytest.raises(
        VideoTooLong, match=r"between 4 seconds and 2 hours\. Current duration is 7260 seconds"
    ):
        check_video(facts(7260), "pegasus1.5", "async")


@pytest.mark.parametrize(
    ("length", "model_name", "error"),
    [
        (3.9, "pegasus1.2", VideoTooShort),
        (3.9, "pegasus1.5", VideoTooShort),
        (3.96, "pegasus1.5", None),
        (4.0, "pegasus1.2", None),
        (0.9, "pegasus1.6", VideoTooShort),
        (1.0, "pegasus1.6", None),
        (3600.0, "pegasus1.5", None),
        (3600.04, "pegasus1.5", None),
        (3601.0, "pegasus1.5", VideoTooLong),
        (3900.0, "pegasus1.6", VideoTooLong),
    ],
)
def test_a_video_is_judged_by_the_length_that_its_model_asks_for(
    length: float, model_name: str, error: type[ApiError] | None
) -> None:
    for start in (0.0, 3600.5):
        with pytest.raises(error) if error else contextlib.nullcontext():
            check_video(facts(length, start=start), model_name)


def test_an_hour_and_five_minutes_may_be_analysed_as_a_task() -> None:
    check_video(facts(3900), "pegasus1.5", "async")


def test_the_operator_may_choose_another_minimum() -> None:
    check_video(facts(1.5), "pegasus1.2", shortest=1.0)
    with pytest.raises(VideoTooShort, match="between 5 seconds"):
        check_video(facts(4.5), "pegasus1.2", shortest=5.0)
    assert choose_window(facts(), 2, 3, "pegasus1.5", shortest=1.0) == Window(2, 3)


def test_size_is_reported_before_shape_and_shape_before_length() -> None:
    with pytest.raises(VideoResolutionTooLow):
        check_video(facts(1, width=900, height=300), "pegasus1.5")
    with pytest.raises(VideoAspectRatioInvalid):
        check_video(facts(1, width=900, height=360), "pegasus1.5")


@pytest.mark.parametrize(
    ("start_time", "end_time", "window"),
    [
        (None, None, Window(0, 12)),
        (0, 4, Window(0, 4)),
        (8, 12, Window(8, 12)),
        (8.3, 12.3, Window(8.3, 12)),
        (8, 12.5, Window(8, 12)),
        (5, None, Window(5, 12)),
        (None, 5, Window(0, 5)),
        (8, None, Window(8, 12)),
        (0, 12, Window(0, 12)),
    ],
)
def test_a_window_is_what_was_asked_for_inside_the_video(
    start_time: float | None, end_time: float | None, window: Window
) -> None:
    assert choose_window(facts(), start_time, end_time, "pegasus1.5") == window


@pytest.mark.parametrize(
    ("start_time", "end_time", "named"),
    [
        (0, 3.9, "end_time"),
        (9, None, "start_time"),
        (None, 3.9, "end_time"),
        (12, None, "start_time"),
        (12, 20, "start_time"),
        (1e308, None, "start_time"),
        (0, 12.6, "end_time"),
        (0, 1e308, "end_time"),
        (7, 3, "end_time"),
        (5, 5, "end_time"),
        (None, 0, "end_time"),
    ],
)
def test_what_is_no_window_is_refused_by_its_name(
    start_time: float | None, end_time: float | None, named: str
) -> None:
    with pytest.raises(ParameterInvalid, match=f"The {named} parameter.*from 0 to 12 seconds"):
        choose_window(facts(), start_time, end_time, "pegasus1.5")


def test_the_newest_model_takes_windows_of_a_second() -> None:
    assert choose_window(facts(), 3, 4, "pegasus1.6") == Window(3, 4)
    with pytest.raises(ParameterInvalid, match="at least 1 seconds"):
        choose_window(facts(), 3, 3.9, "pegasus1.6")


def test_times_are_those_of_the_containers_clock() -> None:
    late = facts(12, start=3600.5)
    assert choose_window(late, 3602, 3608, "pegasus1.5") == Window(3602, 3608)
    assert choose_window(late, None, None, "pegasus1.5") == Window(3600.5, 3612.5)
    assert choose_window(late, 0, None, "pegasus1.5") == Window(3600.5, 3612.5)
    with pytest.raises(ParameterInvalid, match=r"end_time.*from 3600\.5 to 3612\.5"):
        choose_window(late, 0, 6, "pegasus1.5")
    with pytest.raises(ParameterInvalid, match="too short"):
        choose_window(late, 0, 3602, "pegasus1.5")


def test_four_seconds_are_four_seconds_whatever_their_binary_fractions() -> None:
    assert 4.1 - 0.1 < 4
    assert choose_window(facts(20), 0.1, 4.1, "pegasus1.5") == Window(0.1, 4.1)
    begins_late = facts(12, start=0.08)
    assert choose_window(begins_late, 0, 4, "pegasus1.5") == Window(0.08, 4)


def test_a_video_of_four_seconds_that_ends_a_frame_early_is_one_window() -> None:
    short = facts(3.96)
    assert choose_window(short, 0, None, "pegasus1.5") == Window(0, 3.96)
    assert choose_window(short, None, 4, "pegasus1.5") == Window(0, 3.96)
    assert choose_window(short, 0, 4, "pegasus1.5") == Window(0, 3.96)


def test_a_window_of_more_than_the_longest_video_is_too_long() -> None:
    with pytest.raises(VideoTooLong):
        choose_window(facts(7200), 0, 3700, "pegasus1.6")


TIMES = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.floats(-10, 30)


@given(
    st.floats(-5, 5000),
    st.floats(0.5, 4000),
    TIMES,
    TIMES,
    st.sampled_from(MODELS),
    st.none() | st.floats(0.1, 10),
)
def test_a_window_always_lies_inside_the_video(
    start: float,
    length: float,
    start_time: float | None,
    end_time: float | None,
    model_name: str,
    shortest: float | None,
) -> None:
    video = facts(length, start=start)
    with contextlib.suppress(ApiError):
        window = choose_window(video, start_time, end_time, model_name, shortest=shortest)
        assert video.start <= window.start < window.end <= video.end
        assert window.length == window.end - window.start > 0

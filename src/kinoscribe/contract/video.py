"""Decides whether a video whose facts are known may be analysed, and which window of it (contract 3.1, 3.2)."""

from dataclasses import dataclass

from kinoscribe.contract.errors import (
    ParameterInvalid,
    VideoAspectRatioInvalid,
    VideoResolutionTooHigh,
    VideoResolutionTooLow,
    VideoTooLong,
    VideoTooShort,
)
from kinoscribe.contract.limits import (
    END_TOLERANCE,
    LARGEST_SIZE,
    LENGTH_TOLERANCE,
    LONGEST_VIDEO,
    LONGEST_WINDOWED,
    ROUNDING,
    RULES,
    SMALLEST_SIDE,
    WIDEST_RATIO,
    Mode,
)


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What probing found out about a file. Seconds on the container's own clock.

    `start` is the time of the first picture or sound, `end` the end of the last picture or sound that can
    really be decoded (never the header's claim where decoding contradicts it). `width` and `height` are the
    displayed size: after rotation and pixel aspect. `fps` is an average, `None` where there is no steady rate.
    """

    start: float
    end: float
    width: int
    height: int
    fps: float | None
    rotation: int
    container: str
    mime_type: str
    video_codec: str
    audio_codec: str | None
    audio_sample_rate: int | None
    audio_channels: int | None
    video_streams: int
    audio_streams: int
    bytes: int
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None

    @property
    def has_pictures(self) -> bool:
        return self.video_streams > 0


def sound_facts(mime_type: str, duration: float, size: int) -> VideoFacts:
    """What is known of a file of sound alone, of so many seconds and bytes: there is nothing to be seen in it."""
    return VideoFacts(
        start=0.0,
        end=duration,
        width=0,
        height=0,
        fps=None,
        rotation=0,
        container="",
        mime_type=mime_type,
        video_codec="",
        audio_codec="",
        audio_sample_rate=None,
        audio_channels=None,
        video_streams=0,
        audio_streams=1,
        bytes=size,
    )


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a video that is asked about, in seconds of the container's own clock."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


def check_video(
    facts: VideoFacts,
    model_name: str,
    mode: Mode = "sync",
    shortest: float | None = None,
    *,
    windowed: bool = False,
) -> None:
    """Raises the refusal of section 3.1 for a video outside the limits: size, then shape, then length.

    `shortest` is the operator's own minimum in place of the rule set's. A task that is `windowed`, asking about
    a part only, may have a longer video with some models.
    """
    _check_size(facts.width, facts.height)
    longest = LONGEST_VIDEO[mode]
    if windowed and mode == "async":
        longest = LONGEST_WINDOWED.get(model_name, longest)
    _check_length(facts.duration, _least(model_name, shortest), longest)


def choose_window(
    facts: VideoFacts,
    start_time: float | None,
    end_time: float | None,
    model_name: str,
    mode: Mode = "sync",
    shortest: float | None = None,
) -> Window:
    """The window a request asks for, clamped to the video. Raises what section 3.2 says of one that is none.

    A start before the video's own is moved to it: files often begin a frame or two after zero.
    """
    if start_time is None and end_time is None:
        return Window(facts.start, facts.end)
    start = facts.start if start_time is None else start_time
    end = facts.end if end_time is None else end_time
    inside = f"The video runs from {_told(facts.start)} to {_told(facts.end)} seconds."
    if start_time is not None and start >= facts.end:
        raise ParameterInvalid(p="start_time", reason=f"{_told(start)} was given. {inside}")
    if end_time is not None and not facts.start < end <= facts.end + END_TOLERANCE:
        raise ParameterInvalid(p="end_time", reason=f"{_told(end)} was given. {inside}")
    named = "start_time" if end_time is None else "end_time"
    least = _least(model_name, shortest)
    length = end - max(start, facts.start - END_TOLERANCE)
    spare = LENGTH_TOLERANCE if start_time is None or end_time is None else ROUNDING
    if length < least - spare:
        reason = (
            f"The window from {_told(start)} to {_told(end)} seconds is too short; "
            f"at least {_told(least)} seconds are accepted with model_name {model_name}. {inside}"
        )
        raise ParameterInvalid(p=named, reason=reason)
    if length > LONGEST_VIDEO[mode] + END_TOLERANCE:
        _check_length(length, least, LONGEST_VIDEO[mode])
    return Window(max(start, facts.start), min(end, facts.end))


def _least(model_name: str, shortest: float | None) -> float:
    return RULES[model_name].shortest if shortest is None else shortest


def _check_size(width: int, height: int) -> None:
    short, long = sorted((width, height))
    (most_long, most_short), (wide, high) = LARGEST_SIZE, WIDEST_RATIO
    told = {
        "least": f"{SMALLEST_SIDE}x{SMALLEST_SIDE}",
        "most": f"{most_long}x{most_short}",
        "width": width,
        "height": height,
    }
    if short < SMALLEST_SIDE:
        raise VideoResolutionTooLow(**told)
    if long > most_long or short > most_short:
        raise VideoResolutionTooHigh(**told)
    if long * high > short * wide:
        raise VideoAspectRatioInvalid(most=f"{wide / high:g}:1", width=width, height=height)


def _check_length(length: float, least: float, most: float) -> None:
    told = {"least": _told(least), "most": _hours(most), "seconds": _told(length)}
    if length < least - LENGTH_TOLERANCE:
        raise VideoTooShort(**told)
    if length > most + LENGTH_TOLERANCE:
        raise VideoTooLong(**told)


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def _told(seconds: float) -> str:
    return f"{round(seconds, 2):.12g}"

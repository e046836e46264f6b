"""Turns the fields that the synchronous and the asynchronous route share into checked values (contract 3, 4)."""

from collections.abc import Mapping
from contextlib import suppress

from kinoscribe.contract.errors import ParameterInvalid, ParameterNotProvided
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import DEFAULT_TEMPERATURE, RULES, STANDARD, TEMPERATURE, TokenRange
from kinoscribe.contract.prompts import MediaSource, read_images
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import VideoIdSource, VideoSource, read_video


def read_model(fields: Fields, default_model: str, names: Mapping[str, str] = STANDARD) -> tuple[str, str]:
    """The model that is named, or else `default_model`, and its rule set. `names` maps the one to the other."""
    name = fields.choice("model_name", names) or default_model
    return name, names[name]


def read_subject(
    fields: Fields, model_name: str, *, allow_http_images: bool
) -> tuple[VideoSource | None, tuple[MediaSource, ...]]:
    """What is asked about: a video, or else pictures. Raises what sections 3 and 10.2 say of neither and of both."""
    given = [name for name in ("video", "video_id", "image") if fields.has(name)]
    if not given:
        raise ParameterNotProvided(p="video")
    if fields.has("video_id"):
        video_id = fields.needed_text("video_id")
        if not RULES[model_name].video_id:
            reason = f"It is not accepted with model_name {model_name}. Use video with an asset_id."
            raise ParameterInvalid(p="video_id", reason=reason)
    video = fields.inner("video")
    if len(given) > 1:
        raise ParameterInvalid(p=given[0], reason=f"Only one of {' and '.join(given)} is accepted.")
    if fields.has("image"):
        if not RULES[model_name].images:
            raise _not_with("image", model_name)
        return None, read_images(fields, allow_http=allow_http_images)
    return VideoIdSource(video_id) if video is None else read_video(video, model_name), ()


def read_temperature(fields: Fields) -> float:
    temperature = fields.number("temperature")
    least, most = TEMPERATURE
    if temperature is None:
        return DEFAULT_TEMPERATURE
    if not least <= temperature <= most:
        reason = f"{show(temperature)} was given; {least:g} to {most:g} is accepted."
        raise ParameterInvalid(p="temperature", reason=reason)
    return temperature


def read_max_tokens(fields: Fields, accepted: TokenRange, model_name: str) -> int:
    """A number of `accepted`, or its default."""
    given = fields.raw("max_tokens")
    if given is None:
        return accepted.default
    tokens = None
    with suppress(ParameterInvalid):
        tokens = fields.integer("max_tokens")
    if tokens is None or not accepted.least <= tokens <= accepted.most:
        reason = (
            f"{show(given)} was given; a whole number from {accepted.least} to {accepted.most} is accepted "
            f"with model_name {model_name}."
        )
        raise ParameterInvalid(p="max_tokens", reason=reason)
    return tokens


def read_times(fields: Fields, model_name: str) -> tuple[float | None, float | None]:
    """`start_time` and `end_time`, absolute seconds. Whether the video has them is judged once it is known."""
    start = _read_time(fields, "start_time", model_name)
    end = _read_time(fields, "end_time", model_name)
    if start is not None and end is not None and start >= end:
        raise ParameterInvalid(
            p="start_time", reason=f"start_time {show(start)} is not before end_time {show(end)}."
        )
    return start, end


def _read_time(fields: Fields, name: str, model_name: str) -> float | None:
    seconds = fields.number(name)
    if seconds is None:
        return None
    if not RULES[model_name].windows:
        raise _not_with(name, model_name)
    if fields.has("image"):
        raise ParameterInvalid(p=name, reason="It is not accepted with image: pictures have no time.")
    if seconds < 0:
        raise ParameterInvalid(p=name, reason=f"{show(seconds)} was given; it must not be negative.")
    return seconds


def _not_with(name: str, model_name: str) -> ParameterInvalid:
    return ParameterInvalid(p=name, reason=f"It is not accepted with model_name {model_name}.")

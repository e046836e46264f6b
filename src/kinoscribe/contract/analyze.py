"""Turns the body of `POST /analyze` into a request in which every rule of the contract holds (contract 4)."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from kinoscribe.contract.errors import ParameterInvalid, ParameterNotProvided
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.contract.limits import (
    DEFAULT_MODEL,
    DEFAULT_TEMPERATURE,
    MODELS,
    NEWER_DEFAULT_MODEL,
    NEWER_SDK,
    RULES,
    SDK_NAMES,
    TEMPERATURE,
)
from kinoscribe.contract.prompts import MediaSource, PromptV2, read_prompt
from kinoscribe.contract.segments import Segmentation
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import VideoIdSource, VideoSource, read_video

AnalysisMode = Literal["general", "time_based_metadata"]

_KNOWN = (
    "model_name",
    "analysis_mode",
    "video_id",
    "video",
    "image",
    "prompt",
    "prompt_v2",
    "temperature",
    "stream",
    "response_format",
    "max_tokens",
    "start_time",
    "end_time",
)
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})")
_ASYNC_ROUTE = "Use POST /analyze/tasks for it."


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """A question about one video, or about `images` alone, when `video` is None.

    `start_time` and `end_time` are absolute seconds, as they were sent. With `segmentation` the mode is
    `time_based_metadata` and `prompt` is empty. `max_tokens` of an unlimited segmentation is the model's window.
    """

    model_name: str
    video: VideoSource | None
    prompt: str | PromptV2
    temperature: float
    stream: bool
    max_tokens: int
    start_time: float | None = None
    end_time: float | None = None
    json_schema: dict[str, Any] | None = None
    analysis_mode: AnalysisMode = "general"
    segmentation: Segmentation | None = None
    images: tuple[MediaSource, ...] = ()

    @property
    def prompt_text(self) -> str:
        """The client's words, whichever field they came in."""
        return self.prompt.input_text if isinstance(self.prompt, PromptV2) else self.prompt


def read_analyze(
    body: bytes,
    *,
    default_model: str,
    count_tokens: Callable[[str], int],
    allow_http_images: bool = False,
) -> AnalyzeRequest:
    """Reads the body. Raises the `ApiError` of the first rule that it breaks, in the order of the contract's table."""
    fields = read_object(body)
    fields.refuse_unknown(_KNOWN)
    model_name = fields.choice("model_name", MODELS) or default_model
    _check_mode(fields)
    return AnalyzeRequest(
        model_name=model_name,
        video=_read_source(fields, model_name),
        prompt=read_prompt(fields, model_name, count_tokens, allow_http_images=allow_http_images),
        temperature=_read_temperature(fields),
        stream=fields.boolean("stream") is not False,
        json_schema=_read_response_format(fields, model_name),
        max_tokens=_read_max_tokens(fields, model_name),
        start_time=_read_time(fields, "start_time", model_name),
        end_time=_read_end(fields, model_name),
    )


def default_model_for(headers: Mapping[str, str], pinned: str | None = None) -> str:
    """The rule set of a request that names none: `pinned`, else what the version of its SDK expects (contract 19.1)."""
    if pinned is not None:
        return pinned
    given = {name.lower(): value for name, value in headers.items()}
    version = _VERSION.match(given.get("x-fern-sdk-version", ""))
    if given.get("x-fern-sdk-name") not in SDK_NAMES or version is None:
        return DEFAULT_MODEL
    newer = tuple(int(part) for part in version.groups()) >= NEWER_SDK
    return NEWER_DEFAULT_MODEL if newer else DEFAULT_MODEL


def _check_mode(fields: Fields) -> None:
    mode = fields.choice("analysis_mode", ("general", "time_based_metadata"))
    if mode == "time_based_metadata":
        reason = f"{mode} is not accepted on this route; general is. {_ASYNC_ROUTE}"
        raise ParameterInvalid(p="analysis_mode", reason=reason)


def _read_source(fields: Fields, model_name: str) -> VideoSource:
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
        raise _no_images(model_name)
    return VideoIdSource(video_id) if video is None else read_video(video, model_name)


def _no_images(model_name: str) -> ParameterInvalid:
    """Questions about images alone are left out of this version for every model."""
    if not RULES[model_name].images:
        return ParameterInvalid(p="image", reason=f"It is not accepted with model_name {model_name}.")
    return ParameterInvalid(
        p="image", reason="Questions about images are not supported by this server yet. Use video."
    )


def _read_temperature(fields: Fields) -> float:
    temperature = fields.number("temperature")
    least, most = TEMPERATURE
    if temperature is None:
        return DEFAULT_TEMPERATURE
    if not least <= temperature <= most:
        reason = f"{show(temperature)} was given; {least:g} to {most:g} is accepted."
        raise ParameterInvalid(p="temperature", reason=reason)
    return temperature


def _read_response_format(fields: Fields, model_name: str) -> dict[str, Any] | None:
    given = fields.inner("response_format")
    if given is None:
        return None
    given.required("type")
    kind = given.choice("type", ("json_schema", "segment_definitions"))
    if kind == "segment_definitions":
        reason = f"segment_definitions is not accepted on this route; json_schema is. {_ASYNC_ROUTE}"
        raise ParameterInvalid(p=given.at("type"), reason=reason)
    for name in ("segment_definitions", "segment_time_format"):
        if given.has(name):
            raise ParameterInvalid(
                p=given.at(name), reason=f"It is not accepted on this route. {_ASYNC_ROUTE}"
            )
    given.required("json_schema")
    return read_schema(given.raw("json_schema"), model_name)


def _read_max_tokens(fields: Fields, model_name: str) -> int:
    accepted = RULES[model_name].general
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


def _read_time(fields: Fields, name: str, model_name: str) -> float | None:
    seconds = fields.number(name)
    if seconds is None:
        return None
    if not RULES[model_name].windows:
        raise ParameterInvalid(p=name, reason=f"It is not accepted with model_name {model_name}.")
    if seconds < 0:
        raise ParameterInvalid(p=name, reason=f"{show(seconds)} was given; it must not be negative.")
    return seconds


def _read_end(fields: Fields, model_name: str) -> float | None:
    start = _read_time(fields, "start_time", model_name)
    end = _read_time(fields, "end_time", model_name)
    if start is not None and end is not None and start >= end:
        raise ParameterInvalid(
            p="start_time", reason=f"start_time {show(start)} is not before end_time {show(end)}."
        )
    return end

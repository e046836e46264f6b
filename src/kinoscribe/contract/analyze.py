"""Turns the body of `POST /analyze` into a request in which every rule of the contract holds (contract 4)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.contract.limits import (
    DEFAULT_MODEL,
    NEWER_DEFAULT_MODEL,
    NEWER_SDK,
    RULES,
    SDK_NAMES,
    STANDARD,
)
from kinoscribe.contract.prompts import MediaSource, PromptV2, read_prompt
from kinoscribe.contract.question import (
    read_max_tokens,
    read_model,
    read_subject,
    read_temperature,
    read_times,
)
from kinoscribe.contract.segments import Segmentation
from kinoscribe.contract.sources import VideoSource

AnalysisMode = Literal["general", "time_based_metadata"]

ANALYSIS_MODES: tuple[AnalysisMode, ...] = ("general", "time_based_metadata")

# The fields both routes know, in the order of the contract's table.
SHARED = (
    "model_name",
    "analysis_mode",
    "video_id",
    "video",
    "image",
    "prompt",
    "prompt_v2",
    "temperature",
    "response_format",
    "max_tokens",
    "start_time",
    "end_time",
)
_KNOWN = (*SHARED, "stream")
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})")
_ASYNC_ROUTE = "Use POST /analyze/tasks for it."


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """A question about one video, or about `images` alone, when `video` is None.

    `model_name` is the name that was sent, `own_rules` the rule set it stands for where it is none of the API's.
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
    own_rules: str = ""

    @property
    def rules(self) -> str:
        """The name of the rule set that holds for this request."""
        return self.own_rules or self.model_name

    @property
    def prompt_text(self) -> str:
        """The client's words, whichever field they came in."""
        return self.prompt.input_text if isinstance(self.prompt, PromptV2) else self.prompt

    @property
    def words(self) -> str:
        """All words of the client that an engine has to read."""
        return self.prompt_text if self.segmentation is None else self.segmentation.words


def read_analyze(
    body: bytes,
    *,
    default_model: str,
    count_tokens: Callable[[str], int],
    names: Mapping[str, str] = STANDARD,
    allow_http_images: bool = False,
    wide_schema: bool = False,
) -> AnalyzeRequest:
    """Reads the body. Raises the `ApiError` of the first rule that it breaks, in the order of the contract's table.

    `names` are the models that may be named, with their rule sets. `allow_http_images` and `wide_schema` are what
    the operator accepts beyond the contract.
    """
    fields = read_object(body)
    fields.refuse_unknown(_KNOWN)
    model_name, rules = read_model(fields, default_model, names)
    _check_mode(fields)
    video, images = read_subject(fields, rules, allow_http_images=allow_http_images)
    prompt = read_prompt(fields, rules, count_tokens, images, allow_http_images=allow_http_images)
    temperature = read_temperature(fields)
    stream = fields.boolean("stream") is not False
    json_schema = _read_response_format(fields, rules, wide=wide_schema)
    max_tokens = read_max_tokens(fields, RULES[rules].general, rules)
    start_time, end_time = read_times(fields, rules)
    return AnalyzeRequest(
        model_name=model_name,
        video=video,
        prompt=prompt,
        temperature=temperature,
        stream=stream,
        max_tokens=max_tokens,
        start_time=start_time,
        end_time=end_time,
        json_schema=json_schema,
        images=images,
        own_rules="" if rules == model_name else rules,
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
    mode = fields.choice("analysis_mode", ANALYSIS_MODES)
    if mode == "time_based_metadata":
        reason = f"{mode} is not accepted on this route; general is. {_ASYNC_ROUTE}"
        raise ParameterInvalid(p="analysis_mode", reason=reason)


def _read_response_format(fields: Fields, model_name: str, *, wide: bool) -> dict[str, Any] | None:
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
    return read_schema(given.raw("json_schema"), model_name, wide=wide)

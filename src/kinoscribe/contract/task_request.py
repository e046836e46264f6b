"""Turns the body of `POST /analyze/tasks` into a checked request, and that into text for a worker (contract 6)."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinoscribe.contract.analyze import ANALYSIS_MODES, SHARED, AnalyzeRequest
from kinoscribe.contract.errors import ParameterInvalid, ParameterNotProvided
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.json_schema import read_schema
from kinoscribe.contract.limits import (
    BASE64_IMAGE_BYTES,
    BASE64_VIDEO_BYTES,
    CUSTOM_ID,
    DEFAULT_MODEL,
    IMAGE_BYTES,
    RULES,
    SHORTEST_SEGMENT,
    STANDARD,
    UNLIMITED,
    context_window,
)
from kinoscribe.contract.prompts import MediaSource, PromptV2, read_prompt
from kinoscribe.contract.question import (
    read_max_tokens,
    read_model,
    read_subject,
    read_temperature,
    read_times,
)
from kinoscribe.contract.segments import Segmentation, read_definitions
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import Base64Source

_LENGTHS = ("min_segment_duration", "max_segment_duration")
_KNOWN = (*SHARED, "custom_id", *_LENGTHS)
_CUSTOM_ID = re.compile(rf"[a-zA-Z0-9_-]{{1,{CUSTOM_ID}}}")


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A request for a task. `body` is the object as it was sent, base64 texts included."""

    request: AnalyzeRequest
    custom_id: str | None
    body: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file that came inside the body: `name` is `video`, `image:<name>` or `image:<definition>:<name>`.

    `text` is its base64, `path` the parameter and `most` the bytes to decode it with (`decode_base64`).
    """

    name: str
    text: str = field(repr=False)
    path: str
    most: int


def read_task(
    body: bytes,
    *,
    default_model: str,
    count_tokens: Callable[[str], int],
    names: Mapping[str, str] = STANDARD,
    allow_http_images: bool = False,
    wide_schema: bool = False,
) -> TaskRequest:
    """Reads the body. Raises the `ApiError` of the first rule that it breaks.

    The order is that of the contract's tables, but for the mode, which says what other fields mean, and for fields
    that the mode has no place for: those are refused before their values are judged. `names` are the models that may
    be named, with their rule sets; `allow_http_images` and `wide_schema` what the operator accepts beyond the contract.
    """
    fields = read_object(body)
    fields.refuse_unknown(_KNOWN)
    model_name, rules = read_model(fields, default_model, names)
    segmented = fields.choice("analysis_mode", ANALYSIS_MODES) == "time_based_metadata"
    video, images = read_subject(fields, rules, allow_http_images=allow_http_images)
    prompt: str | PromptV2 = ""
    if segmented:
        _check_segmented(fields, rules)
    else:
        prompt = read_prompt(fields, rules, count_tokens, images, allow_http_images=allow_http_images)
    temperature = read_temperature(fields)
    start_time, end_time = read_times(fields, rules)
    custom_id = _read_custom_id(fields)
    wanted = _read_response_format(fields, segmented=segmented)
    max_tokens = _read_max_tokens(fields, rules, segmented=segmented)
    json_schema, found = None, None
    if segmented and wanted is not None:
        found = read_definitions(wanted, rules, allow_http_images=allow_http_images)
    elif wanted is not None:
        json_schema = read_schema(wanted.raw("json_schema"), rules, wide=wide_schema)
    lengths = _read_lengths(fields, segmented=segmented)
    segmentation = None if found is None else Segmentation(*found, *lengths, max_tokens)
    if segmentation is not None and segmentation.has_ranges:
        _check_beside_ranges(fields, segmentation)
    _check_numbers(fields.as_sent())
    request = AnalyzeRequest(
        model_name=model_name,
        video=video,
        prompt=prompt,
        temperature=temperature,
        stream=False,
        max_tokens=context_window(rules) if max_tokens is None else max_tokens,
        start_time=start_time,
        end_time=end_time,
        json_schema=json_schema,
        analysis_mode="time_based_metadata" if segmented else "general",
        segmentation=segmentation,
        images=images,
        own_rules="" if rules == model_name else rules,
    )
    return TaskRequest(request, custom_id, fields.as_sent())


def inline_files(task: TaskRequest) -> tuple[InlineFile, ...]:
    """The files inside the body, the video first."""
    return tuple(file for file, _ in _inline(task.request, task.body))


def stored_request(task: TaskRequest, contents: Mapping[str, str]) -> str:
    """JSON text to keep: the body with the model it fell to, each inline file's text replaced by its SHA-256.

    `contents` gives the SHA-256 by the names of `inline_files`.
    """
    texts = {id(place): contents[file.name] for file, place in _inline(task.request, task.body)}
    body = {**task.body, "model_name": task.request.model_name}
    return json.dumps(_with_digests(body, texts), separators=(",", ":"), allow_nan=False)


def read_stored(text: str, names: Mapping[str, str] = STANDARD) -> TaskRequest:
    """The request of `stored_request` again; a `Base64Source` in it holds the SHA-256 of its content.

    Raises `ParameterInvalid` when its model is none of `names` any more. What was counted and allowed when it was
    accepted is not judged again.
    """
    return read_task(
        text.encode(),
        default_model=DEFAULT_MODEL,
        count_tokens=_not_counted,
        names=names,
        allow_http_images=True,
        wide_schema=True,
    )


def _not_counted(text: str) -> int:
    return 0


def _check_segmented(fields: Fields, model_name: str) -> None:
    """Raises what section 6 says of fields that have no place in segmentation."""
    for name in ("prompt", "prompt_v2", "image"):
        if fields.has(name):
            reason = "It is not accepted with analysis_mode time_based_metadata."
            raise ParameterInvalid(p=name, reason=reason)
    if RULES[model_name].segmentation is None:
        able = ", ".join(name for name, rules in RULES.items() if rules.segmentation is not None)
        reason = f"{model_name} does not offer analysis_mode time_based_metadata. Use one of {able}."
        raise ParameterInvalid(p="model_name", reason=reason)


def _read_custom_id(fields: Fields) -> str | None:
    custom_id = fields.text("custom_id")
    if custom_id is not None and not _CUSTOM_ID.fullmatch(custom_id):
        reason = f"{show(custom_id)} was given; 1 to {CUSTOM_ID} letters, digits, - and _ are accepted."
        raise ParameterInvalid(p="custom_id", reason=reason)
    return custom_id


def _read_response_format(fields: Fields, *, segmented: bool) -> Fields | None:
    """The object, of the type that belongs to the mode and with nothing of the other type in it."""
    given = fields.inner("response_format")
    if given is None:
        if segmented:
            raise ParameterNotProvided(p="response_format")
        return None
    given.required("type")
    kind = given.choice("type", ("json_schema", "segment_definitions"))
    if segmented and kind == "json_schema":
        reason = f"{kind} is not accepted with analysis_mode time_based_metadata; segment_definitions is."
        raise ParameterInvalid(p=given.at("type"), reason=reason)
    if not segmented and kind == "segment_definitions":
        reason = f"response_format.type {kind} needs time_based_metadata."
        raise ParameterInvalid(p="analysis_mode", reason=reason)
    given.required("segment_definitions" if segmented else "json_schema")
    for name in ("json_schema",) if segmented else ("segment_definitions", "segment_time_format"):
        if given.has(name):
            reason = f"It is not accepted with response_format.type {kind}."
            raise ParameterInvalid(p=given.at(name), reason=reason)
    return given


def _read_max_tokens(fields: Fields, model_name: str, *, segmented: bool) -> int | None:
    """A number of tokens, or None for `unlimited`."""
    rules = RULES[model_name]
    if fields.raw("max_tokens") == UNLIMITED:
        if not rules.unlimited:
            reason = f"{UNLIMITED} is not accepted with model_name {model_name}."
            raise ParameterInvalid(p="max_tokens", reason=reason)
        if not segmented:
            reason = f"{UNLIMITED} is only accepted with analysis_mode time_based_metadata."
            raise ParameterInvalid(p="max_tokens", reason=reason)
        return None
    accepted = rules.segmentation if segmented else rules.general
    assert accepted is not None
    return read_max_tokens(fields, accepted, model_name)


def _check_beside_ranges(fields: Fields, segmentation: Segmentation) -> None:
    """Raises what sections 6 and 9 say of fields that exclude `time_ranges`."""
    if segmentation.max_tokens is None:
        raise ParameterInvalid(p="max_tokens", reason=f"{UNLIMITED} is not accepted with time_ranges.")
    for name in ("start_time", "end_time", *_LENGTHS):
        if fields.has(name):
            raise ParameterInvalid(p=name, reason="It is not accepted with time_ranges.")


def _read_lengths(fields: Fields, *, segmented: bool) -> tuple[float | None, float | None]:
    """The seconds a segment may last at least and at most."""
    for name in _LENGTHS:
        seconds = fields.number(name)
        if seconds is None:
            continue
        if not segmented:
            reason = "It is only accepted with analysis_mode time_based_metadata."
            raise ParameterInvalid(p=name, reason=reason)
        if seconds < SHORTEST_SEGMENT:
            reason = f"{show(seconds)} was given; at least {SHORTEST_SEGMENT:g} seconds are accepted."
            raise ParameterInvalid(p=name, reason=reason)
    shortest, longest = (fields.number(name) for name in _LENGTHS)
    if shortest is not None and longest is not None and longest < shortest:
        reason = f"{show(longest)} was given; it must not be less than min_segment_duration {show(shortest)}."
        raise ParameterInvalid(p=_LENGTHS[1], reason=reason)
    return shortest, longest


def _check_numbers(value: Any) -> None:
    """Raises `ParameterInvalid` for a number, wherever it stands, that is read as infinite: it cannot be kept."""
    match value:
        case dict():
            for part in value.values():
                _check_numbers(part)
        case list():
            for part in value:
                _check_numbers(part)
        case float() if not math.isfinite(value):
            raise ParameterInvalid(p="request body", reason="It holds a number that is too large.")


def _inline(
    request: AnalyzeRequest, body: Mapping[str, Any]
) -> Iterator[tuple[InlineFile, Mapping[str, Any]]]:
    """Every inline file with the object of the body that holds its text."""
    if isinstance(request.video, Base64Source):
        file = InlineFile("video", request.video.text, "video.base64_string", BASE64_VIDEO_BYTES)
        yield file, body["video"]
    yield from _pictures(request.images, body.get("image"), "image", IMAGE_BYTES, "")
    if isinstance(request.prompt, PromptV2):
        given = body["prompt_v2"].get("media_sources")
        path = "prompt_v2.media_sources"
        yield from _pictures(request.prompt.media_sources, given, path, BASE64_IMAGE_BYTES, "")
    if request.segmentation is not None:
        for place, definition in enumerate(request.segmentation.definitions):
            given = body["response_format"]["segment_definitions"][place].get("media_sources")
            path = f"response_format.segment_definitions[{place}].media_sources"
            yield from _pictures(definition.media_sources, given, path, BASE64_IMAGE_BYTES, f"{place}:")


def _pictures(
    sources: tuple[MediaSource, ...], given: Any, path: str, most: int, prefix: str
) -> Iterator[tuple[InlineFile, Mapping[str, Any]]]:
    for place, source in enumerate(sources):
        if isinstance(source.source, Base64Source):
            at = f"{path}[{place}].base64_string"
            yield InlineFile(f"image:{prefix}{source.name}", source.source.text, at, most), given[place]


def _with_digests(value: Any, texts: Mapping[int, str]) -> Any:
    """A copy in which the objects of `texts`, told by their identity, hold a digest for their base64 text."""
    match value:
        case dict():
            copy = {name: _with_digests(part, texts) for name, part in value.items()}
            return copy | {"base64_string": texts[id(value)]} if id(value) in texts else copy
        case list():
            return [_with_digests(part, texts) for part in value]
    return value

"""Turns a request for a task into what the task shows of it: effective values, never a file (contract 7.1, 7.3)."""

from collections.abc import Mapping
from typing import Any

from kinoscribe.contract.limits import LARGEST_INTEGER, PREVIEW, UNLIMITED
from kinoscribe.contract.prompts import MediaSource, PromptV2
from kinoscribe.contract.segments import Definition, DefinitionField, Segmentation
from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource, VideoIdSource, VideoSource
from kinoscribe.contract.task_request import TaskRequest


def request_params(task: TaskRequest) -> dict[str, Any]:
    """`request_params` of the task; what was not set is absent, and null stands nowhere but in a schema."""
    request, segmentation = task.request, task.request.segmentation
    params: dict[str, Any] = {"analysis_mode": request.analysis_mode}
    match request.prompt:
        case PromptV2(text, sources):
            params["prompt_v2"] = {"input_text": text}
            if sources:
                params["prompt_v2"]["media_sources"] = _pictures(sources)
        case str() if segmentation is None:
            params["prompt"] = request.prompt
    if request.images:
        params["image"] = _pictures(request.images)
    if segmentation is not None:
        params["response_format"] = _definitions(segmentation, task.body["response_format"])
    elif request.json_schema is not None:
        schema = task.body["response_format"]["json_schema"]
        params["response_format"] = {"type": "json_schema", "json_schema": schema}
    unlimited = segmentation is not None and segmentation.max_tokens is None
    params["temperature"] = _number(request.temperature)
    params["max_tokens"] = UNLIMITED if unlimited else request.max_tokens
    chosen = {
        "min_segment_duration": segmentation.shortest if segmentation else None,
        "max_segment_duration": segmentation.longest if segmentation else None,
        "start_time": request.start_time,
        "end_time": request.end_time,
    }
    return params | {name: _number(value) for name, value in chosen.items() if value is not None}


def shortened(params: Mapping[str, Any]) -> dict[str, Any]:
    """`request_params` as a list shows them: no schema, one definition, the beginning of the prompt in characters."""
    short = dict(params)
    if "prompt" in short:
        short["prompt"] = short["prompt"][:PREVIEW]
    if "prompt_v2" in short:
        short["prompt_v2"] = {**short["prompt_v2"], "input_text": short["prompt_v2"]["input_text"][:PREVIEW]}
    if "response_format" in short:
        wanted = {name: value for name, value in short["response_format"].items() if name != "json_schema"}
        if "segment_definitions" in wanted:
            wanted["segment_definitions"] = wanted["segment_definitions"][:1]
        short["response_format"] = wanted
    return short


def video_source(source: VideoSource, index_id: str | None = None) -> dict[str, Any]:
    """What the task shows of its source, to be kept with it. Data sent inside the body is never echoed."""
    match source:
        case UrlSource(url):
            return {"type": source.kind, "url": url}
        case AssetSource(asset_id):
            return {"type": source.kind, "asset_id": asset_id}
        case VideoIdSource(video_id):
            shown = {"type": source.kind, "video_id": video_id}
            return shown if index_id is None else {**shown, "index_id": index_id}
        case Base64Source():
            return {"type": source.kind}


def _pictures(sources: tuple[MediaSource, ...]) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    for picture in sources:
        place = {name: value for name, value in video_source(picture.source).items() if name != "type"}
        shown.append({"name": picture.name, "media_type": "image", **place})
    return shown


def _definitions(segmentation: Segmentation, given: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": "segment_definitions",
        "segment_definitions": [_definition(one) for one in segmentation.definitions],
    }
    if given.get("segment_time_format") is not None:
        shown["segment_time_format"] = segmentation.time_style
    return shown


def _definition(definition: Definition) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": definition.id, "description": definition.description}
    if definition.fields:
        shown["fields"] = [_field(one) for one in definition.fields]
    if definition.media_sources:
        shown["media_sources"] = _pictures(definition.media_sources)
    if definition.ranges:
        shown["time_ranges"] = [
            {"start_time": _number(start), "end_time": _number(end)} for start, end in definition.ranges
        ]
    return shown


def _field(field: DefinitionField) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": field.name, "type": field.type, "description": field.description}
    if field.format is not None:
        shown["format"] = field.format
    if field.enum:
        shown["enum"] = list(field.enum)
    if field.items is not None:
        shown["items"] = {"type": field.items}
    if field.fields:
        shown["items"] = {"type": "object", "fields": [_field(one) for one in field.fields]}
    return shown


def _number(value: float) -> int | float:
    """The number as a person writes it: `5`, not `5.0`."""
    return int(value) if value.is_integer() and abs(value) <= LARGEST_INTEGER else value

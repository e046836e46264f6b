"""The strict reading of tasks and of what webhooks send: the same rule as in `exact`, no key too many, none too few."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import httpx2
from pydantic import Field, StringConstraints, model_validator
from tests.conformance.exact import Exact, Id, Name, PageInfo, Time, Usage, Warned, is_json

Status = Literal["queued", "pending", "processing", "ready", "failed", "canceled"]
FINAL = ("ready", "failed", "canceled")
# What may follow what: a state may be skipped but never entered again.
ORDER = ("queued", "pending", "processing", "ready", "failed", "canceled")
CustomId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Seconds = Annotated[float, Field(ge=0)]


class Created(Exact):
    task_id: Id
    status: Literal["queued"]


class Canceled(Exact):
    task_id: Id
    status: Literal["canceled"]


class SystemMetadata(Exact):
    duration: Annotated[float, Field(gt=0)]


class TaskSource(Exact):
    """The one field that belongs to `type`; base64 is named and never repeated."""

    type: Literal["url", "asset_id", "base64_string", "video_id"]
    url: Name | None = None
    asset_id: Id | None = None
    video_id: Name | None = None
    index_id: Name | None = None
    system_metadata: SystemMetadata | None = None

    @model_validator(mode="after")
    def _one_field(self) -> Self:
        given = {name for name in ("url", "asset_id", "video_id") if getattr(self, name) is not None}
        assert given == ({self.type} - {"base64_string"})
        assert self.index_id is None or self.type == "video_id"
        return self


class ShownImage(Exact):
    name: Name
    media_type: Literal["image"]
    url: Name | None = None
    asset_id: Id | None = None

    @model_validator(mode="after")
    def _one_source_at_most(self) -> Self:
        assert self.url is None or self.asset_id is None
        return self


class ShownPromptV2(Exact):
    input_text: Name
    media_sources: list[ShownImage] | None = None


class ShownFormat(Exact):
    type: Literal["json_schema", "segment_definitions"]
    json_schema: dict[str, Any] | None = None
    segment_definitions: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    segment_time_format: Literal["seconds", "hh:mm:ss", "hh:mm:ss.fff"] | None = None

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        if self.type == "json_schema":
            assert self.segment_definitions is None
            assert self.segment_time_format is None
        else:
            assert self.json_schema is None
            assert self.segment_definitions is not None
        return self


class RequestParams(Exact):
    analysis_mode: Literal["general", "time_based_metadata"]
    prompt: Name | None = None
    prompt_v2: ShownPromptV2 | None = None
    image: Annotated[list[ShownImage], Field(min_length=1)] | None = None
    response_format: ShownFormat | None = None
    temperature: Annotated[float, Field(ge=0, le=1)]
    max_tokens: Annotated[int, Field(ge=1)] | Literal["unlimited"]
    min_segment_duration: Annotated[float, Field(ge=2)] | None = None
    max_segment_duration: Annotated[float, Field(ge=2)] | None = None
    start_time: Seconds | None = None
    end_time: Seconds | None = None

    @model_validator(mode="after")
    def _of_its_mode(self) -> Self:
        prompts = (self.prompt is not None) + (self.prompt_v2 is not None)
        general = self.analysis_mode == "general"
        assert prompts == general, "one prompt in general mode, none in segmentation"
        if general:
            assert self.min_segment_duration is None
            assert self.max_segment_duration is None
        else:
            assert self.response_format is not None
        return self


class Result(Exact):
    """`data` is a text, also when it is JSON; `finish_reason` is never null."""

    generation_id: Name
    data: str
    finish_reason: Literal["stop", "length"]
    usage: Usage


class TaskWebhook(Exact):
    url: Name
    delivered: bool
    attempts: Annotated[int, Field(ge=1)]
    last_error: Name | None = None

    @model_validator(mode="after")
    def _error_only_while_undelivered(self) -> Self:
        assert self.last_error is None or not self.delivered
        return self


class Progress(Exact):
    """The one key beside the original API's: how far a task is, as SDKs ignore it."""

    stage: Name
    fraction: Annotated[float, Field(ge=0, le=1)]
    attempt: Annotated[int, Field(ge=1)]


class Task(Exact):
    null_allowed = frozenset({"custom_id"})

    task_id: Id
    custom_id: CustomId | None
    status: Status
    created_at: Time
    completed_at: Time | None = None
    video_source: TaskSource | None = None
    request_params: RequestParams
    result: Result | None = None
    error: Warned | None = None
    webhooks: Annotated[list[TaskWebhook], Field(min_length=1)] | None = None
    progress: Progress | None = None

    @model_validator(mode="after")
    def _fits_its_status(self) -> Self:
        final = self.status in FINAL
        assert (self.video_source is None) == (self.request_params.image is not None)
        assert (self.completed_at is not None) == final
        assert (self.result is not None) == (self.status == "ready")
        if self.status == "failed":
            assert self.error is not None
        if self.status == "ready":
            assert self.result is not None
            assert (self.error is not None) >= (self.result.finish_reason == "length")
            if self.request_params.analysis_mode == "general":
                assert (self.error is not None) == (self.result.finish_reason == "length")
        assert self.progress is None or self.status in ("pending", "processing")
        if not final:
            assert self.error is None
            assert self.webhooks is None, "there is nothing to tell yet"
        if self.completed_at is not None:
            assert datetime.fromisoformat(self.completed_at) >= datetime.fromisoformat(self.created_at)
        return self


class ListedTask(Task):
    """A task as the list shows it: the prompt's beginning, one definition, no JSON schema."""

    @model_validator(mode="after")
    def _shortened(self) -> Self:
        params = self.request_params
        texts = [params.prompt, params.prompt_v2.input_text if params.prompt_v2 else None]
        assert all(len(text) <= 30 for text in texts if text is not None)
        if params.response_format is not None:
            assert params.response_format.json_schema is None
            assert len(params.response_format.segment_definitions or []) <= 1
        return self


class TaskPage(Exact):
    data: list[ListedTask]
    page_info: PageInfo


class EventError(Exact):
    message: Name


class EventData(Exact):
    null_allowed = frozenset({"custom_id"})

    id: Id
    custom_id: CustomId | None
    status: Literal["ready", "failed", "canceled"]
    created_at: Time
    video_source: TaskSource | None = None
    error: EventError | None = None


class TaskEvent(Exact):
    """What a webhook is sent: no result, no parameters, no end time."""

    id: Annotated[str, StringConstraints(pattern=r"^whe_[0-9a-zA-Z]{32}$")]
    created_at: Time
    type: Literal["analyze.task.ready", "analyze.task.failed", "analyze.task.canceled"]
    data: EventData

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        assert self.type == f"analyze.task.{self.data.status}"
        if self.data.status == "failed":
            assert self.data.error is not None
        if self.data.status == "canceled":
            assert self.data.error is None
        return self


def created(response: httpx2.Response) -> str:
    """The id out of an answer that must be a proper 202."""
    assert response.status_code == 202, response.text
    _is_ours(response)
    return Created.model_validate_json(response.content).task_id


def canceled(response: httpx2.Response) -> Canceled:
    assert response.status_code == 200, response.text
    _is_ours(response)
    return Canceled.model_validate_json(response.content)


def task(response: httpx2.Response) -> Task:
    assert response.status_code == 200, response.text
    _is_ours(response)
    return Task.model_validate_json(response.content)


def task_page(response: httpx2.Response) -> TaskPage:
    """A page of the list: newest first, and as many as the page holds."""
    assert response.status_code == 200, response.text
    _is_ours(response)
    page = TaskPage.model_validate(json.loads(response.content))
    order = [(datetime.fromisoformat(found.created_at), found.task_id) for found in page.data]
    times = [at for at, _ in order]
    assert times == sorted(times, reverse=True), "newest first"
    assert len(page.data) <= page.page_info.limit_per_page
    return page


def _is_ours(response: httpx2.Response) -> None:
    assert is_json(response)
    assert response.headers["x-api-version"] == "v1.3"

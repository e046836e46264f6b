"""Turns a task into the object clients read, and the query of a list into filters (contract 7)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from kinoscribe.contract.analyze import ANALYSIS_MODES
from kinoscribe.contract.errors import ParameterInvalid, ResourceNotExist
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import LONGEST_URL
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import check_asset_id
from kinoscribe.contract.task_params import shortened
from kinoscribe.contract.times import rfc3339, seconds_number
from kinoscribe.ids import is_object_id

Status = Literal["queued", "pending", "processing", "ready", "failed", "canceled"]

STATUSES: tuple[Status, ...] = ("queued", "pending", "processing", "ready", "failed", "canceled")
FINAL: tuple[Status, ...] = ("ready", "failed", "canceled")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TaskResult:
    generation_id: str
    data: str
    finish_reason: str
    output_tokens: int
    input_tokens: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How the delivery of a webhook stands; `last_error` is shown until it is delivered."""

    url: str
    delivered: bool
    attempts: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class TaskView:
    """All that the object of a task is made of. `source` and `params` are what was kept when it was created.

    `receipt` is the id of the one that tells how it ended, which the object does not name.
    `stage`, `done` (0 to 1) and `attempt` tell of a task at work; `duration` is the video's length in seconds.
    """

    task_id: str
    status: Status
    created_at: datetime
    params: Mapping[str, Any]
    custom_id: str | None = None
    batch_id: str | None = None
    source: Mapping[str, Any] | None = None
    duration: float | None = None
    completed_at: datetime | None = None
    result: TaskResult | None = None
    receipt: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    stage: str | None = None
    done: float | None = None
    attempt: int = 0
    deliveries: tuple[DeliveryView, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks a list shows; what is None does not narrow it."""

    status: Status | None = None
    video_url: str | None = None
    asset_id: str | None = None
    video_id: str | None = None
    analysis_mode: str | None = None


def task_object(view: TaskView, *, preview: bool = False) -> dict[str, Any]:
    """The object of section 7.1, or with `preview` the shorter one of a list (7.3). What has no place is absent.

    `progress` is ours: how far a task at work is.
    """
    final = view.status in FINAL
    shown: dict[str, Any] = {"task_id": view.task_id, "custom_id": view.custom_id}
    if view.batch_id is not None:
        shown["batch_id"] = view.batch_id
    shown |= {"status": view.status, "created_at": rfc3339(view.created_at)}
    if final and view.completed_at is not None:
        shown["completed_at"] = rfc3339(view.completed_at)
    if view.source is not None:
        shown["video_source"] = shown_source(view.source, view.duration)
    shown["request_params"] = shortened(view.params) if preview else dict(view.params)
    if view.status == "ready" and view.result is not None:
        shown["result"] = _result(view.result)
    if final and view.error_message is not None:
        code = {} if view.error_code is None else {"code": view.error_code}
        shown["error"] = {"message": view.error_message, **code}
    if not final and view.attempt > 0:
        stage, done = view.stage or "waiting", min(max(view.done or 0.0, 0.0), 1.0)
        shown["progress"] = {"stage": stage, "fraction": round(done, 4), "attempt": view.attempt}
    deliveries = [_delivery(one) for one in view.deliveries if one.attempts > 0]
    return {**shown, "webhooks": deliveries} if deliveries else shown


def shown_source(source: Mapping[str, Any], duration: float | None) -> dict[str, Any]:
    """`video_source` with the length of the video, once that is known."""
    if duration is None:
        return dict(source)
    return {**source, "system_metadata": {"duration": seconds_number(duration)}}


def read_task_query(pairs: Iterable[tuple[str, str]]) -> TaskQuery:
    """The filters of the list; an empty text or id does not narrow it. Raises `ParameterInvalid`."""
    given = dict(pairs)
    fields = Fields(given)
    for name in ("video_url", "video_id"):
        text = given.get(name, "")
        if _CONTROL.search(text) or len(text) > LONGEST_URL:
            reason = f"At most {LONGEST_URL} characters, none of them a control character, are accepted."
            raise ParameterInvalid(p=name, reason=reason)
    asset_id = given.get("asset_id") or None
    return TaskQuery(
        status=cast("Status | None", fields.choice("status", STATUSES)),
        video_url=given.get("video_url") or None,
        asset_id=None if asset_id is None else check_asset_id(asset_id, "asset_id"),
        video_id=given.get("video_id") or None,
        analysis_mode=fields.choice("analysis_mode", ANALYSIS_MODES),
    )


def check_task_id(text: str, *, collection: str = "tasks") -> str:
    """The id, when it has the form of one. Raises `ResourceNotExist`: a malformed id is no task's."""
    if not is_object_id(text):
        raise ResourceNotExist(id=text, collection=collection)
    return text


def check_task_id_to_cancel(text: str) -> str:
    """The id, when it has the form of one. Raises `ParameterInvalid`: this route answers a malformed id with 400."""
    if not is_object_id(text):
        reason = f"{show(text)} was given; 24 lower-case hexadecimal characters are accepted."
        raise ParameterInvalid(p="task_id", reason=reason)
    return text


def _result(result: TaskResult) -> dict[str, Any]:
    return {
        "generation_id": result.generation_id,
        "data": result.data,
        "finish_reason": result.finish_reason,
        "usage": {"output_tokens": result.output_tokens, "input_tokens": result.input_tokens},
    }


def _delivery(delivery: DeliveryView) -> dict[str, Any]:
    shown = {"url": delivery.url, "delivered": delivery.delivered, "attempts": delivery.attempts}
    if delivery.delivered or delivery.last_error is None:
        return shown
    return {**shown, "last_error": delivery.last_error}

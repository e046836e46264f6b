"""Turns the end of a task into the signed bytes a webhook is sent, and a registration into values (contract 15)."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import WEBHOOK_SECRET
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import check_url
from kinoscribe.contract.tasks import TaskView, shown_source
from kinoscribe.contract.times import rfc3339, seconds_number

EVENTS = (
    "analyze.task.ready",
    "analyze.task.failed",
    "analyze.task.canceled",
    "index.task.ready",
    "index.task.failed",
)
# Sent when an operator tries a webhook, whatever events it is registered for.
TEST_EVENT = "webhook.test"
SIGNATURE_HEADER = "TL-Signature"

_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class WebhookForm:
    """A receiver: where to, which events, and the secret to sign with, or None for one that is made up here."""

    url: str
    events: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)


def read_webhook(given: Mapping[str, Any]) -> WebhookForm:
    """The registration out of `url` and perhaps `events` and `secret`; without `events` it is for all of them.

    Raises an `ApiError` naming what is wrong. Whether the URL may be reached is not judged here.
    """
    fields = Fields(given)
    fields.refuse_unknown(("url", "events", "secret"))
    url = check_url(fields.needed_text("url"), "url")
    return WebhookForm(url, _read_events(fields), _read_secret(fields))


def event_type(view: TaskView) -> str:
    """The event of a task that came to its end."""
    return f"analyze.task.{view.status}"


def payload(event_id: str, created_at: datetime, view: TaskView) -> bytes:
    """The body to send, ASCII JSON. `event_id` and `created_at` are the event's own and the same at every attempt."""
    data: dict[str, Any] = {
        "id": view.task_id,
        "custom_id": view.custom_id,
        "status": view.status,
        "created_at": rfc3339(view.created_at),
    }
    if view.source is not None:
        data["video_source"] = shown_source(view.source, view.duration)
    if view.error_message is not None and view.status != "canceled":
        data["error"] = {"message": view.error_message}
    return _event(event_id, created_at, event_type(view), data)


def index_payload(
    event_id: str,
    created_at: datetime,
    *,
    task_id: str,
    status: str,
    duration: float | None,
    models: Sequence[Mapping[str, Any]],
) -> bytes:
    """The body for the end of a task that brings a video into an index; `duration` in seconds, where it is known."""
    data: dict[str, Any] = {
        "id": task_id,
        "metadata": {} if duration is None else {"duration": seconds_number(duration)},
        "status": status,
        "models": [{"name": one["model_name"], "options": list(one["model_options"])} for one in models],
        "tags": [],
    }
    return _event(event_id, created_at, index_event_type(status), data)


def index_event_type(status: str) -> str:
    """The event of a task of an index that came to its end."""
    return f"index.task.{status}"


def trial_payload(event_id: str, created_at: datetime, webhook_id: str) -> bytes:
    """The body of `TEST_EVENT`."""
    return _event(event_id, created_at, TEST_EVENT, {"id": webhook_id})


def signature(secret: str, t: int, body: bytes) -> str:
    """The text of the signature header over exactly these bytes; `t` is the time of this attempt in Unix seconds."""
    digest = hmac.new(secret.encode(), b"%d." % t + body, hashlib.sha256).hexdigest()
    return f"t={t},v1={digest}"


def _event(event_id: str, created_at: datetime, kind: str, data: dict[str, Any]) -> bytes:
    said = {"id": event_id, "created_at": rfc3339(created_at), "type": kind, "data": data}
    return json.dumps(said, separators=(",", ":")).encode("ascii")


def _read_events(fields: Fields) -> tuple[str, ...]:
    given = fields.texts("events")
    if given is None:
        return EVENTS
    accepted = f"Use one or more of {', '.join(EVENTS)}."
    if not given:
        raise ParameterInvalid(p="events", reason=f"An empty array was given. {accepted}")
    for event in given:
        if event not in EVENTS:
            raise ParameterInvalid(p="events", reason=f"{show(event)} was given. {accepted}")
    return tuple(event for event in EVENTS if event in given)


def _read_secret(fields: Fields) -> str | None:
    secret = fields.text("secret")
    least, most = WEBHOOK_SECRET
    if secret is not None and (not least <= len(secret) <= most or not _PRINTABLE.fullmatch(secret)):
        reason = f"{least} to {most} printable ASCII characters without white space are accepted."
        raise ParameterInvalid(p="secret", reason=reason)
    return secret

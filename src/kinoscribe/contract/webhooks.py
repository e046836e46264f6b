"""Turns the end of a task into the signed bytes a webhook is sent, and a registration into values (contract 15)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kinoscribe.contract.tasks import TaskView

EVENTS = (
    "analyze.task.ready",
    "analyze.task.failed",
    "analyze.task.canceled",
    "index.task.ready",
    "index.task.failed",
)
SIGNATURE_HEADER = "TL-Signature"


@dataclass(frozen=True, slots=True)
class WebhookForm:
    """A receiver: where to, which events, and the secret to sign with, or None for one that is made up here."""

    url: str
    events: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)


def read_webhook(given: Mapping[str, Any]) -> WebhookForm:
    """The registration out of `url`, `events` and perhaps `secret`. Raises an `ApiError` naming what is wrong."""
    raise NotImplementedError


def event_type(view: TaskView) -> str:
    """The event of a task that came to its end."""
    return f"analyze.task.{view.status}"


def payload(event_id: str, created_at: datetime, view: TaskView) -> bytes:
    """The body to send, ASCII JSON. `event_id` and `created_at` are the event's own and the same at every attempt."""
    raise NotImplementedError


def signature(secret: str, t: int, body: bytes) -> str:
    """The text of the signature header over exactly these bytes; `t` is the time of this attempt in Unix seconds."""
    digest = hmac.new(secret.encode(), b"%d." % t + body, hashlib.sha256).hexdigest()
    return f"t={t},v1={digest}"

"""Turns what is known of a webhook, and of what was sent to it, into the objects that its routes answer with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kinoscribe.contract.times import rfc3339


def webhook_object(
    *, webhook_id: str, url: str, events: Sequence[str], created_at: datetime, secret: str | None = None
) -> dict[str, Any]:
    """A webhook; with its `secret` only in the answer to its creation."""
    shown = {"id": webhook_id, "url": url, "events": list(events), "created_at": rfc3339(created_at)}
    return shown if secret is None else {**shown, "secret": secret}


def delivery_object(
    *,
    delivery_id: str,
    event_id: str,
    kind: str,
    webhook_id: str,
    task_id: str | None,
    created_at: datetime,
    delivered: bool,
    last_error: str | None,
    next_at: datetime | None,
    tries: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """A delivery with its attempts. `task_id` is absent in a test, `next_attempt_at` when there is no further one."""
    shown: dict[str, Any] = {"id": delivery_id, "event_id": event_id, "type": kind, "webhook_id": webhook_id}
    if task_id is not None:
        shown["task_id"] = task_id
    shown |= {"created_at": rfc3339(created_at), "delivered": delivered, "attempts": list(tries)}
    if next_at is not None:
        shown["next_attempt_at"] = rfc3339(next_at)
    if last_error is not None:
        shown["last_error"] = last_error
    return shown


def attempt_object(
    *, attempt: int, at: datetime, seconds: float, status: int | None, error: str | None
) -> dict[str, Any]:
    """One attempt: the status of the answer where there was one, and what was wrong."""
    shown: dict[str, Any] = {"attempt": attempt, "at": rfc3339(at), "seconds": round(seconds, 3)}
    if status is not None:
        shown["status"] = status
    if error is not None:
        shown["error"] = error
    return shown

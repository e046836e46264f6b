"""Turns a task into lines that people read, and into the facts that only the operator sees."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import floor
from typing import Any

from kinoscribe.cli.stages import stage_words
from kinoscribe.contract.times import rfc3339
from kinoscribe.storage.delivery_log import Delivery
from kinoscribe.storage.task_rows import Task

_WIDTH = 12
_WORDS = {"fetch": "fetching the video"}


def bar(task: Task) -> str:
    """How far a task is: a bar of a fixed width, the share and the stage; what became of it when it has ended."""
    if task.ended:
        return f"{task.error_code or ''}"
    if task.owner is None:
        return "waits" if task.attempt == 0 else "waits for its next attempt"
    done = shown_share(task)
    full = round(done * _WIDTH)
    return f"{'━' * full}{'╌' * (_WIDTH - full)} {done:4.0%} {stage_text(task.stage)}".rstrip()


def shown_share(task: Task) -> float:
    """How much of a task is done, in whole hundredths; all of it only when it has ended."""
    if task.ended:
        return 1.0
    return floor(min(max(task.done or 0.0, 0.0), 0.99) * 100 + 1e-9) / 100


def stage_text(stage: str | None) -> str:
    """A stage as people name it."""
    return "" if stage is None else _WORDS.get(stage) or stage_words(stage)


def source_text(task: Task) -> str:
    """Where the video of a task comes from, in a few words."""
    if task.video_url:
        return task.video_url
    if task.asset_id:
        return f"asset {task.asset_id}"
    return task.video_id or "sent with the task"


def clock_time(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def operator_facts(task: Task, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """What the wire does not tell: who works on the task, until when, what is tried next and what was sent."""
    return {
        "account": task.account,
        "attempt": task.attempt,
        "strikes": task.strikes,
        "worker": task.owner,
        "lease_until": _moment(task.lease_until),
        "started_at": _moment(task.started_at),
        "next_attempt_at": _moment(task.run_at) if task.owner is None and not task.ended else None,
        "last_error": task.error_message,
        "receipt": task.generation_id,
        "deliveries": [_delivery(delivery) for delivery in deliveries],
    }


def task_lines(
    task: Task, shown: dict[str, Any], deliveries: Sequence[Delivery]
) -> Iterator[tuple[str, str]]:
    """Pairs of a name and what is to be said about it. `shown` is the task as clients see it."""
    yield "task", task.id
    yield "account", task.account
    if task.custom_id is not None:
        yield "custom id", task.custom_id
    yield "status", task.status
    yield "created", clock_time(task.created_at)
    if task.started_at is not None:
        yield "started", clock_time(task.started_at)
    if task.completed_at is not None:
        yield "ended", clock_time(task.completed_at)
    yield "video", source_text(task)
    if task.duration is not None:
        yield "length", f"{task.duration:.1f} s"
    yield "mode", f"{task.analysis_mode}, rules of {task.model_name}"
    yield from _work(task)
    if task.error_message and not (task.ended and "error" not in shown):
        yield ("failed" if task.ended else "last failure"), f"{task.error_code}: {task.error_message}"
    if task.generation_id:
        yield "receipt", task.generation_id
    result = shown.get("result")
    if result is not None:
        yield "tokens", f"{task.input_tokens or 0} in, {task.output_tokens or 0} out"
        yield "answer", result["data"]
    for delivery in deliveries:
        yield "webhook", _delivery_text(delivery)


def _work(task: Task) -> Iterator[tuple[str, str]]:
    if task.attempt:
        counted = "" if task.strikes == 0 else f", {task.strikes} of them count against it"
        yield "attempts", f"{task.attempt}{counted}"
    if task.owner is not None:
        yield "worker", task.owner
        yield "lease", f"until {clock_time(task.lease_until)}"
    if not task.ended:
        yield "progress", bar(task)
        if task.owner is None and task.attempt:
            yield "next attempt", f"not before {clock_time(task.run_at)}"


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "event_id": delivery.event_id,
        "type": delivery.type,
        "url": delivery.url,
        "delivered": delivery.delivered,
        "attempts": [
            {
                "at": rfc3339(one.at),
                "seconds": round(one.seconds, 3),
                "status": one.status,
                "error": one.error,
            }
            for one in delivery.tries
        ],
        "next_attempt_at": None if delivery.ended_at is not None else rfc3339(delivery.run_at),
    }


def _delivery_text(delivery: Delivery) -> str:
    times = "1 attempt" if delivery.attempts == 1 else f"{delivery.attempts} attempts"
    if delivery.delivered:
        said = f"delivered after {times}"
    elif delivery.ended_at is not None:
        said = f"given up after {times}: {delivery.last_error}"
    elif delivery.attempts:
        said = f"{times} failed ({delivery.last_error}), the next at {clock_time(delivery.run_at)}"
    else:
        said = "waits for its first attempt"
    return f"{delivery.type} to {delivery.url}: {said}"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)

"""A task in words: how far it is, what is tried next, and how its webhooks went."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kinoscribe.cli.task_lines import bar, operator_facts, source_text, task_lines
from kinoscribe.storage.delivery_log import Attempt, Delivery
from kinoscribe.storage.task_rows import Task

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
VALUES = dict.fromkeys(Task.__dataclass_fields__)
TASK = Task(
    **{
        **VALUES,
        "id": "a" * 24,
        "account": "default",
        "status": "processing",
        "analysis_mode": "general",
        "model_name": "pegasus1.5",
        "created_at": NOON,
        "run_at": NOON,
        "owner": "w",
        "lease_until": NOON,
        "attempt": 1,
        "strikes": 0,
        "stage": "screen_text",
        "done": 0.5,
    }  # type: ignore[arg-type]
)
DELIVERY = Delivery(
    "d",
    "evt",
    "h",
    "default",
    TASK.id,
    "https://a.example",
    "analyze.task.ready",
    NOON,
    0,
    NOON,
    None,
    False,
    None,
)


@pytest.mark.parametrize("done", [None, -1.0, 0.0, 0.33, 1.0, 7.0])
def test_every_bar_has_one_width(done: float | None) -> None:
    drawn = bar(replace(TASK, done=done))
    assert sum(drawn.count(sign) for sign in "━╌") == 12
    assert drawn.endswith("text on the screen")


def test_a_bar_is_as_full_as_the_task_is_done() -> None:
    assert bar(replace(TASK, done=0.5)).count("━") == 6
    assert "50%" in bar(replace(TASK, done=0.5))


def test_a_task_without_a_worker_waits() -> None:
    assert bar(replace(TASK, owner=None, attempt=0)) == "waits"
    assert "next attempt" in bar(replace(TASK, owner=None))


def test_a_video_is_named_by_where_it_comes_from() -> None:
    assert source_text(replace(TASK, video_url="https://a.example/v")) == "https://a.example/v"
    assert source_text(replace(TASK, asset_id="b" * 24)) == f"asset {'b' * 24}"
    assert source_text(TASK) == "sent with the task"


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (DELIVERY, "waits for its first attempt"),
        (replace(DELIVERY, attempts=1, last_error="503"), "1 attempt failed (503)"),
        (replace(DELIVERY, attempts=2, ended_at=NOON, last_error="gone"), "given up after 2 attempts: gone"),
        (replace(DELIVERY, attempts=1, ended_at=NOON, delivered=True), "delivered after 1 attempt"),
    ],
)
def test_it_is_said_how_a_delivery_went(delivery: Delivery, said: str) -> None:
    assert said in dict(task_lines(TASK, {}, [delivery]))["webhook"]


def test_a_task_names_the_receipt_of_what_failed_last() -> None:
    failed = replace(TASK, owner=None, generation_id="g-1", error_code="c", error_message="It broke.")
    assert dict(task_lines(failed, {}, []))["receipt"] == "g-1"
    assert operator_facts(failed, [])["receipt"] == "g-1"
    assert "receipt" not in dict(task_lines(TASK, {}, []))


def test_the_operator_sees_who_works_and_when_it_is_tried_again() -> None:
    tried = replace(DELIVERY, attempts=1, tries=(Attempt(1, NOON, 0.12345, 503, "503"),))
    working = operator_facts(TASK, [tried])
    assert (working["worker"], working["next_attempt_at"]) == ("w", None)
    assert working["deliveries"][0]["attempts"][0]["seconds"] == 0.123
    later = NOON + timedelta(seconds=5)
    waiting = operator_facts(replace(TASK, owner=None, run_at=later), [])
    assert waiting["next_attempt_at"] == "2026-05-04T12:00:05.000Z"
    ended = operator_facts(replace(TASK, owner=None, completed_at=NOON), [])
    assert ended["next_attempt_at"] is None

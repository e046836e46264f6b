"""The life of tasks in any order of events, against a model that is a few lines of plain Python."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from tests.unit.storage.queues import ANSWER, ATTEMPTS, LEASE, LONGEST_WAIT, Desk, a_desk

from kinoscribe import ids
from kinoscribe.contract.errors import (
    EngineFailed,
    QueueFull,
    TaskCannotBeCanceled,
    TaskCannotBeDeleted,
)
from kinoscribe.storage import tables
from kinoscribe.storage.task_queue import Claim, Task
from kinoscribe.storage.task_rows import AT_ONCE, QueueLimits

OWNERS = st.sampled_from(["w1", "w2", "w3"])
ACCOUNTS = st.sampled_from(["a", "b"])
LIMITS = QueueLimits(most=9, most_account=6)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FINAL = {"ready", "failed", "canceled"}
FORWARD = ["queued", "pending", "processing", "ready", "failed", "canceled"]


@dataclass(frozen=True)
class Model:
    """What should be known of a task."""

    account: str
    place: tuple[int, datetime, str]
    status: str = "queued"
    owner: str | None = None
    lease_until: datetime | None = None
    run_at: datetime = AT_ONCE
    attempt: int = 0
    strikes: int = 0
    windows: frozenset[str] = frozenset()

    @property
    def live(self) -> bool:
        return self.status not in FINAL


class TaskMachine(RuleBasedStateMachine):
    tasks = Bundle("tasks")
    claims = Bundle("claims")
    keys = Bundle("keys")

    def __init__(self, desk: Desk, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.desk = desk
        self.desk.empty()
        self.desk.assets.sweep()
        self.desk.clock.now = NOON
        numbers = itertools.count()  # ids that are the same in every run, so that a failure can be repeated
        patch.setattr(ids, "new_object_id", lambda: f"{next(numbers):024x}")
        self.model: dict[str, Model] = {}
        self.ended: dict[str, Task] = {}
        self.answers: dict[str, str] = {}

    @property
    def now(self) -> datetime:
        return self.desk.clock.now

    # What accounts do

    @rule(target=tasks, account=ACCOUNTS, with_file=st.booleans())
    def submit(self, account: str, with_file: bool) -> Any:
        files = (("video", self.desk.stored(b"the same for all")),) if with_file else ()
        own = sum(task.live and task.account == account for task in self.model.values())
        full = own >= LIMITS.most_account or sum(t.live for t in self.model.values()) >= LIMITS.most
        try:
            self.desk.hear(account)
            task = self.desk.rows.submit(self.desk.new(account, files=files), limits=LIMITS).task
        except QueueFull:
            assert full
            return multiple()
        assert not full
        assert task is not None
        self.model[task.id] = Model(account, (task.turn, task.created_at, task.id))
        return task.id

    @rule(target=tasks, key=st.sampled_from(["k1", "k2"]))
    def submit_once(self, key: str) -> Any:
        if key not in self.answers and sum(task.live for task in self.model.values()) >= 5:
            return multiple()
        made = self.desk.submit_once(key)
        assert made.replayed == (key in self.answers)
        if made.task is None:
            assert made.body == {"task_id": self.answers[key]}
            return multiple()
        self.answers[key] = made.task.id
        self.model[made.task.id] = Model("a", (made.task.turn, made.task.created_at, made.task.id))
        return made.task.id

    @rule(task_id=tasks)
    def cancel(self, task_id: str) -> None:
        task = self.model.get(task_id)
        if task is None:
            assert self.desk.rows.cancel("a", task_id) is None
        elif task.status in {"ready", "failed"}:
            with pytest.raises(TaskCannotBeCanceled):
                self.desk.rows.cancel(task.account, task_id)
        else:
            canceled = self.desk.rows.cancel(task.account, task_id)
            assert canceled is not None
            self._end(task_id, "canceled")

    @rule(task_id=consumes(tasks))
    def delete(self, task_id: str) -> None:
        task = self.model.get(task_id)
        if task is not None and task.status == "processing":
            with pytest.raises(TaskCannotBeDeleted):
                self.desk.rows.delete(task.account, task_id)
        elif task is not None:
            assert self.desk.rows.delete(task.account, task_id)
            del self.model[task_id]
            self.ended.pop(task_id, None)

    # What workers do

    @rule(target=claims, owner=OWNERS, free=st.integers(0, 3))
    def claim(self, owner: str, free: int) -> Any:
        taken = self.desk.queue.claim(owner, free)
        self._reap()
        due = [task_id for task_id, task in self.model.items() if self._due(task)]
        expected = sorted(due, key=lambda task_id: self.model[task_id].place)[:free]
        assert [task.id for task in taken] == expected
        for task_id in expected:
            task = self.model[task_id]
            self.model[task_id] = replace(
                task,
                owner=owner,
                lease_until=self.now + timedelta(seconds=LEASE),
                attempt=task.attempt + 1,
                status="pending" if task.status == "queued" else task.status,
            )
        return multiple(*(task.claim for task in taken))

    @rule(owner=OWNERS)
    def beat(self, owner: str) -> None:
        held = {task_id for task_id, task in self.model.items() if task.owner == owner}
        assert self.desk.queue.mine(owner) == held
        assert self.desk.queue.beat(owner, list(self.model)) == held
        for task_id in held:
            longer = self.now + timedelta(seconds=LEASE)
            self.model[task_id] = replace(self.model[task_id], lease_until=longer)

    @rule(claim=claims, duration=st.none() | st.floats(1, 1000))
    def begin(self, claim: Claim, duration: float | None) -> None:
        held = self._held(claim)
        assert self.desk.queue.begin(claim, duration) == held
        if held:
            self.model[claim.task_id] = replace(self.model[claim.task_id], status="processing")

    @rule(claim=claims)
    def progress(self, claim: Claim) -> None:
        assert self.desk.queue.progress(claim, "speech", 0.5) == self._held(claim)

    @rule(claim=claims, key=st.sampled_from(["0-60", "60-120"]))
    def keep_window(self, claim: Claim, key: str) -> None:
        held = self._held(claim)
        assert self.desk.queue.keep_window(claim, key, "{}") == held
        if held:
            task = self.model[claim.task_id]
            self.model[claim.task_id] = replace(task, windows=task.windows | {key})

    @rule(claim=claims)
    def finish(self, claim: Claim) -> None:
        held = self._held(claim)
        assert self.desk.queue.finish(claim, ANSWER) == held
        if held:
            self._end(claim.task_id, "ready")

    @rule(claim=claims)
    def fail(self, claim: Claim) -> None:
        held = self._held(claim)
        assert self.desk.queue.fail(claim, EngineFailed(reason="no")) == held
        if held:
            self._end(claim.task_id, "failed")

    @rule(claim=claims, wait=st.sampled_from([0.0, 7.0, 1e6]), strike=st.booleans())
    def again(self, claim: Claim, wait: float, strike: bool) -> None:
        held = self._held(claim)
        error = EngineFailed(reason="for now")
        assert self.desk.queue.again(claim, wait, error, strike=strike) == held
        if held:
            task = self.model[claim.task_id]
            until = self.now + timedelta(seconds=min(wait, LONGEST_WAIT)) if wait else AT_ONCE
            self.model[claim.task_id] = replace(
                task, owner=None, lease_until=None, run_at=until, strikes=task.strikes + strike
            )

    @rule(owner=OWNERS)
    def release(self, owner: str) -> None:
        held = [task_id for task_id, task in self.model.items() if task.owner == owner]
        assert self.desk.queue.release(owner) == len(held)
        for task_id in held:
            self.model[task_id] = replace(self.model[task_id], owner=None, lease_until=None, run_at=AT_ONCE)

    # What time does

    @rule(seconds=st.sampled_from([1.0, LEASE / 3, LEASE - 0.5, LEASE, 3 * LEASE, LONGEST_WAIT]))
    def pass_by(self, seconds: float) -> None:
        self.desk.clock.pass_by(seconds)

    @precondition(lambda self: self.model)
    @rule(seconds=st.sampled_from([-5.0, -2 * LEASE, -10 * LEASE, -3600.0, 3600.0]))
    def jump(self, seconds: float) -> None:
        self.desk.clock.pass_by(seconds)

    # What always holds

    @invariant()
    def rows_are_as_the_model_says_and_final_ones_never_change(self) -> None:
        with self.desk.database.reading() as db:
            rows = {row.id: Task(**row._mapping) for row in db.execute(select(tables.tasks))}
            files = db.execute(select(tables.task_files.c.task_id, tables.task_files.c.content)).all()
            windows = db.execute(select(tables.task_windows.c.task_id, tables.task_windows.c.key)).all()
        assert rows.keys() == self.model.keys()
        for task_id, task in self.model.items():
            row = rows[task_id]
            assert (row.status, row.owner, row.lease_until, row.attempt, row.strikes, row.ended) == (
                task.status,
                task.owner,
                task.lease_until,
                task.attempt,
                task.strikes,
                not task.live,
            )
            assert task.live or self.ended.setdefault(task_id, row) == row, "a final state changed"
        assert set(windows) == {
            (task_id, key) for task_id, task in self.model.items() for key in task.windows
        }
        assert {task_id for task_id, _ in files} <= {task_id for task_id, t in self.model.items() if t.live}
        assert set(self.desk.blobs.kept()) == {content for _, content in files}

    @invariant()
    def every_end_is_announced_exactly_once(self) -> None:
        announced = dict(self.desk.announced)
        assert len(announced) == len(self.desk.announced)
        for task_id, task in self.model.items():
            assert announced.get(task_id) == (None if task.live else task.status)

    def _held(self, claim: Claim) -> bool:
        task = self.model.get(claim.task_id)
        return task is not None and (task.owner, task.attempt) == (claim.owner, claim.attempt)

    def _due(self, task: Model) -> bool:
        too_far = self.now + timedelta(seconds=LONGEST_WAIT)
        return task.live and task.owner is None and (task.run_at <= self.now or task.run_at > too_far)

    def _reap(self) -> None:
        for task_id, task in list(self.model.items()):
            if task.lease_until is None:
                continue
            passed = task.lease_until <= self.now
            if passed and task.strikes + 1 >= ATTEMPTS:
                self.model[task_id] = replace(task, strikes=task.strikes + 1)
                self._end(task_id, "failed")
            elif passed or task.lease_until > self.now + timedelta(seconds=4 * LEASE):
                back = replace(task, owner=None, lease_until=None, run_at=AT_ONCE)
                self.model[task_id] = replace(back, strikes=task.strikes + passed)

    def _end(self, task_id: str, status: str) -> None:
        before = self.model[task_id]
        if not before.live:
            return
        assert FORWARD.index(status) > FORWARD.index(before.status)
        ended = replace(before, status=status, owner=None, lease_until=None, windows=frozenset())
        self.model[task_id] = ended


def test_tasks_live_as_the_model_says_whatever_happens(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_desk(database_url, tmp_path) as desk:
        run_state_machine_as_test(
            lambda: TaskMachine(desk, monkeypatch),
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )

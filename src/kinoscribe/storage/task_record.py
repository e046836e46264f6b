"""Reads rows of tasks, and brings a task to its end together with all that has to happen in that very moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, case, delete, select, update

from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import task_files, task_windows, tasks

Status = Literal["queued", "pending", "processing", "ready", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who works on a task: nothing of another owner, or of an earlier attempt, is kept."""

    task_id: str
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `request` is what was sent, as JSON text; `params` and `source` are what is shown of it.

    `key_id` is the API key it came with. `attempt` counts how often it was claimed, `strikes` how many attempts
    count against it. `run_at` is the moment before which it must wait. Until the end, `error_code` and
    `error_message` say why the last attempt failed. `duration` is in seconds, `done` a share from 0 to 1.
    """

    id: str
    account: str
    key_id: str | None
    custom_id: str | None
    batch_id: str | None
    status: Status
    analysis_mode: str
    model_name: str
    request: str
    params: dict[str, Any]
    source: dict[str, Any] | None
    video_url: str | None
    asset_id: str | None
    video_id: str | None
    duration: float | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    priority: int
    turn: int
    run_at: datetime
    owner: str | None
    lease_until: datetime | None
    attempt: int
    strikes: int
    stage: str | None
    done: float | None
    generation_id: str | None
    data: str | None
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    error_code: str | None
    error_message: str | None

    @property
    def ended(self) -> bool:
        return self.completed_at is not None

    @property
    def claim(self) -> Claim:
        """The right to work on it, of a task that `TaskQueue.claim` has returned."""
        assert self.owner is not None
        return Claim(self.id, self.owner, self.attempt)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A content that a task needs, by its name: `video`, or `image:` and the picture's name. `bytes` is its size."""

    name: str
    content: str
    bytes: int


Announce = Callable[[Connection, Task], None]


def no_one(_connection: Connection, _task: Task) -> None:
    """Announces to nobody that a task has ended."""


LIVE = tasks.c.completed_at.is_(None)
WAITING = tasks.c.owner.is_(None) & LIVE
SHOWN = tuple(tasks.c)


def read_task(row: Row[Any]) -> Task:
    return Task(**row._mapping)


def read_files(connection: Connection, task_id: str) -> tuple[TaskFile, ...]:
    columns = (task_files.c.name, task_files.c.content, task_files.c.bytes)
    query = select(*columns).where(task_files.c.task_id == task_id).order_by(task_files.c.name)
    return tuple(TaskFile(*row) for row in connection.execute(query))


class Ends:
    """Final states. What is announced, and what a task no longer needs, goes with it in one transaction."""

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database = database
        self._announce = announce

    def end(
        self, connection: Connection, where: tuple[ColumnElement[bool], ...], **values: Any
    ) -> tuple[Task, list[str]] | None:
        """Ends the one task that `where` finds alive, with `values`; `None` when it finds none.

        Returns the task and the contents it referred to: `Contents.drop_unused` them after the commit.
        """
        now = self._database.now()
        ending = (
            update(tasks)
            .where(*where, LIVE)
            .values(
                completed_at=case((tasks.c.created_at > now, tasks.c.created_at), else_=now),
                owner=None,
                lease_until=None,
                **values,
            )
        )
        row = connection.execute(ending.returning(*SHOWN)).one_or_none()
        if row is None:
            return None
        task = read_task(row)
        needed = delete(task_files).where(task_files.c.task_id == task.id).returning(task_files.c.content)
        contents = list(connection.execute(needed).scalars())
        connection.execute(delete(task_windows).where(task_windows.c.task_id == task.id))
        self._announce(connection, task)
        return task, contents

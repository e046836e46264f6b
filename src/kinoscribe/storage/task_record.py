"""Reads rows of tasks, and brings a task to its end together with all that has to happen in that very moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, exists, select, true, update
from sqlalchemy.sql.dml import ReturningUpdate

from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import task_files, task_windows, tasks, webhooks

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
    `error_message` say why the last attempt failed. `generation_id` is that of the answer, or of the receipt of the
    attempt that failed last. `duration` is in seconds, `done` a share from 0 to 1.
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


# Statements stand here and in the two classes over tasks as wholes that are made once: making one anew each time
# costs more than to run it.
LIVE = tasks.c.completed_at.is_(None)
WAITING = tasks.c.owner.is_(None) & LIVE
SHOWN = tuple(tasks.c[field.name] for field in fields(Task))
HELD = (
    tasks.c.id == bindparam("held_id"),
    tasks.c.owner == bindparam("held_owner"),
    tasks.c.attempt == bindparam("held_attempt"),
    LIVE,
)
_FILES = (
    select(task_files.c.name, task_files.c.content, task_files.c.bytes)
    .where(task_files.c.task_id == bindparam("of"))
    .order_by(task_files.c.name)
)
_NEEDED_NO_MORE = (
    delete(task_files).where(task_files.c.task_id == bindparam("of")).returning(task_files.c.content)
)
_WHOLE = select(*SHOWN).where(tasks.c.id == bindparam("of"))
_WINDOWS_OF = delete(task_windows).where(task_windows.c.task_id == bindparam("of"))
# Told by the statement that ends a task. Most have none, and to find out one by one costs as much as to end it.
_HAS_FILES = exists().where(task_files.c.task_id == tasks.c.id).correlate(tasks).label("has_files")
_HAS_WINDOWS = exists().where(task_windows.c.task_id == tasks.c.id).correlate(tasks).label("has_windows")
_MAY_HAVE = true().label("has_windows")
_IS_HEARD = exists().where(webhooks.c.account == tasks.c.account).correlate(tasks).label("is_heard")


def read_task(row: Sequence[Any]) -> Task:
    """A task from a row of `SHOWN`."""
    return Task(*row)


def held_by(claim: Claim) -> dict[str, Any]:
    """The parameters of `HELD`."""
    return {"held_id": claim.task_id, "held_owner": claim.owner, "held_attempt": claim.attempt}


def read_files(connection: Connection, task_id: str) -> tuple[TaskFile, ...]:
    return tuple(TaskFile(*row) for row in connection.execute(_FILES, {"of": task_id}))


class Ends:
    """Final states. What is announced, and what a task no longer needs, goes with it in one transaction.

    `announce` is called where the account has webhooks.
    """

    def __init__(self, database: Database, announce: Announce) -> None:
        self._database = database
        self._now = database.now()
        self._announce = announce

    def ending(self, *where: ColumnElement[bool], by_holder: bool = False) -> ReturningUpdate[Any]:
        """The statement that ends the one task which `where` finds alive; its other values are parameters.

        Only `by_holder` nobody can be keeping a window of the task at this very moment.
        """
        ended = case((tasks.c.created_at > self._now, tasks.c.created_at), else_=self._now)
        return (
            update(tasks)
            .where(*where, LIVE)
            .values(completed_at=ended, owner=None, lease_until=None)
            .returning(tasks.c.id, _HAS_FILES, _HAS_WINDOWS if by_holder else _MAY_HAVE, _IS_HEARD)
        )

    def end(
        self, connection: Connection, ending: ReturningUpdate[Any], parameters: dict[str, Any]
    ) -> list[str] | None:
        """Runs such a statement; `None` when it finds no task.

        Returns the contents the task referred to: `Contents.drop_unused` them after the commit.
        """
        rows, _ = self._database.run(connection, ending, parameters)
        if not rows:
            return None
        task_id, has_files, has_windows, is_heard = rows[0]
        contents: list[str] = []
        if has_files:
            needed_no_more, _ = self._database.run(connection, _NEEDED_NO_MORE, {"of": task_id})
            contents = [content for (content,) in needed_no_more]
        if has_windows:
            self._database.run(connection, _WINDOWS_OF, {"of": task_id})
        if is_heard:
            ((*told,),), _ = self._database.run(connection, _WHOLE, {"of": task_id})
            self._announce(connection, read_task(told))
        return contents

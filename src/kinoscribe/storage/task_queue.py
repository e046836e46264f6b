"""Hands waiting tasks to workers, each to one at a time, and keeps what the one who holds a task has made of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, or_, select, update

from kinoscribe.contract.errors import ApiError, WorkerLost
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import task_windows, tasks
from kinoscribe.storage.task_record import (
    LIVE,
    SHOWN,
    WAITING,
    Announce,
    Claim,
    Ends,
    Task,
    TaskFile,
    no_one,
    read_files,
    read_task,
)
from kinoscribe.storage.task_rows import AT_ONCE

__all__ = ("Claim", "Outcome", "Task", "TaskFile", "TaskQueue")

# A lease this many times as long as any that is given comes from a clock that has been set back since.
_NO_LEASE = 4.0
_ORDER = (tasks.c.priority, tasks.c.turn, tasks.c.created_at, tasks.c.id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a task; `warning` is a sentence about an answer that is not all it could be."""

    generation_id: str
    data: str
    finish_reason: str
    input_tokens: int | None
    output_tokens: int
    warning: str | None = None


class TaskQueue:
    """The queue as workers see it. Nothing here waits: a worker that gets no task asks again later.

    A task that is claimed belongs to its owner for `lease` seconds; `beat` prolongs that. After `attempts` strikes
    a task whose owner has gone is given up. `longest_wait` is the most seconds that `again` lets a task wait.
    Whatever a method with a `Claim` does, it does only for the owner and attempt that still hold the task, and
    returns whether they did.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        *,
        lease: float,
        attempts: int,
        announce: Announce = no_one,
        longest_wait: float = 3600.0,
    ) -> None:
        self._database = database
        self._contents = Contents(database, blobs)
        self._ends = Ends(database, announce)
        self._lease = lease
        self._attempts = attempts
        self._longest_wait = longest_wait

    def claim(
        self,
        owner: str,
        free: int,
        *,
        accounts: Collection[str] | None = None,
        besides: Collection[str] = (),
    ) -> tuple[Task, ...]:
        """Up to `free` tasks for `owner`, in the order in which they are to run; of `accounts` only, if given.

        First takes back every task whose lease has passed, whoever held it. `besides` names tasks of which this
        worker still runs an older attempt: it is not given them again. Writes nothing when nothing is due.
        """
        late = select(tasks.c.id).where(*self._late()).limit(1).scalar_subquery()
        due = select(tasks.c.id).where(*self._due()).order_by(*_ORDER).limit(1).scalar_subquery()
        with self._database.reading() as db:
            found = db.execute(select(late.label("late"), due.label("due"))).one()
        if found.late is None and (found.due is None or free <= 0):
            return ()
        dropped: list[str] = []
        claimed: list[Task] = []
        with self._database.writing() as db:
            if found.late is not None:
                dropped = self._reap(db)
            if free > 0:
                claimed = self._take(db, owner, free, accounts, besides)
        self._contents.drop_unused(dropped)
        return tuple(sorted(claimed, key=lambda task: (task.priority, task.turn, task.created_at, task.id)))

    def mine(self, owner: str) -> frozenset[str]:
        """The tasks that `owner` holds. One that it runs and that is not among them was taken away or canceled."""
        with self._database.reading() as db:
            return frozenset(db.execute(select(tasks.c.id).where(tasks.c.owner == owner, LIVE)).scalars())

    def beat(self, owner: str, task_ids: Collection[str]) -> frozenset[str]:
        """Prolongs the leases of these tasks; returns those that `owner` still holds."""
        if not task_ids:
            return frozenset()
        held = (tasks.c.owner == owner, tasks.c.id.in_(sorted(task_ids)), LIVE)
        with self._database.writing() as db:
            longer = update(tasks).where(*held).values(lease_until=self._database.now(self._lease))
            return frozenset(db.execute(longer.returning(tasks.c.id)).scalars())

    def begin(self, claim: Claim, duration: float | None) -> bool:
        """Everything that may refuse the task is done: it is processed now. `duration` of the video in seconds."""
        known = {} if duration is None else {"duration": duration}
        return self._change(claim, status="processing", **known)

    def progress(self, claim: Claim, stage: str, done: float | None) -> bool:
        """Notes what is being done and which share of the whole is."""
        return self._change(claim, stage=stage, done=done)

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """Keeps the answer; the task is ready."""
        return self._end(
            claim,
            status="ready",
            generation_id=outcome.generation_id,
            data=outcome.data,
            finish_reason=outcome.finish_reason,
            input_tokens=outcome.input_tokens,
            output_tokens=outcome.output_tokens,
            error_code=None,
            error_message=outcome.warning,
        )

    def fail(self, claim: Claim, error: ApiError) -> bool:
        """Gives the task up for good."""
        return self._end(claim, status="failed", error_code=error.code, error_message=error.message)

    def again(self, claim: Claim, wait: float, error: ApiError | None = None, *, strike: bool) -> bool:
        """Puts the task back for another attempt in `wait` seconds, because of `error`. It keeps its turn.

        With `strike` this attempt counts against it; whether it may have another one is for the caller to say.
        """
        return self._change(
            claim,
            owner=None,
            lease_until=None,
            run_at=self._database.now(min(wait, self._longest_wait)) if wait > 0 else AT_ONCE,
            strikes=tasks.c.strikes + int(strike),
            error_code=None if error is None else error.code,
            error_message=None if error is None else error.message,
        )

    def release(self, owner: str) -> int:
        """Puts back, for others, every task that `owner` holds, without a strike; says how many."""
        freed = update(tasks).where(tasks.c.owner == owner, LIVE)
        with self._database.writing() as db:
            return db.execute(freed.values(owner=None, lease_until=None, run_at=AT_ONCE)).rowcount

    def files(self, task_id: str) -> tuple[TaskFile, ...]:
        """The contents a task needs."""
        with self._database.reading() as db:
            return read_files(db, task_id)

    def windows(self, task_id: str) -> dict[str, str]:
        """The parts of a long analysis that earlier attempts have finished, by their key."""
        query = select(task_windows.c.key, task_windows.c.body).where(task_windows.c.task_id == task_id)
        with self._database.reading() as db:
            return {row.key: row.body for row in db.execute(query)}

    def keep_window(self, claim: Claim, key: str, body: str) -> bool:
        """Keeps a finished part until the task ends; one of the same key is replaced."""
        named = (task_windows.c.task_id == claim.task_id, task_windows.c.key == key)
        with self._database.writing() as db:
            held = select(tasks.c.id).where(*_held(claim)).with_for_update()
            if db.execute(held).one_or_none() is None:
                return False
            db.execute(delete(task_windows).where(*named))
            db.execute(insert(task_windows).values(task_id=claim.task_id, key=key, body=body))
        return True

    def _due(self) -> tuple[ColumnElement[bool], ...]:
        """Tasks that may run. A wait that is too long to be one was written by a clock that has been set back."""
        now, too_far = self._database.now(), self._database.now(self._longest_wait)
        return WAITING, or_(tasks.c.run_at <= now, tasks.c.run_at > too_far)

    def _late(self) -> tuple[ColumnElement[bool], ...]:
        """Tasks whose owner has given no sign for longer than a lease."""
        now, too_far = self._database.now(), self._database.now(self._lease * _NO_LEASE)
        return (
            tasks.c.owner.is_not(None),
            LIVE,
            or_(tasks.c.lease_until <= now, tasks.c.lease_until > too_far),
        )

    def _reap(self, db: Connection) -> list[str]:
        """Puts late tasks back, or gives them up; returns the contents that those no longer refer to.

        What another worker is just looking at is left to it. A lease that ends only by a clock set back is no strike.
        """
        passed = case((tasks.c.lease_until <= self._database.now(), 1), else_=0).label("passed")
        query = select(tasks.c.id, tasks.c.strikes, passed).where(*self._late())
        rows = db.execute(query.with_for_update(skip_locked=True)).all()
        lost = {row.id for row in rows if row.passed and row.strikes + 1 >= self._attempts}
        dropped: list[str] = []
        for task_id in sorted(lost):
            error = WorkerLost(attempts=self._attempts)
            values = {"status": "failed", "error_code": error.code, "error_message": error.message}
            ended = self._ends.end(db, (tasks.c.id == task_id,), strikes=tasks.c.strikes + 1, **values)
            dropped += [] if ended is None else ended[1]
        for strike in (0, 1):
            back = [row.id for row in rows if row.passed == strike and row.id not in lost]
            if back:
                freed = {"owner": None, "lease_until": None, "run_at": AT_ONCE}
                back_again = update(tasks).where(tasks.c.id.in_(back))
                db.execute(back_again.values(strikes=tasks.c.strikes + strike, **freed))
        return dropped

    def _take(
        self,
        db: Connection,
        owner: str,
        free: int,
        accounts: Collection[str] | None,
        besides: Collection[str],
    ) -> list[Task]:
        query = select(tasks.c.id).where(*self._due())
        if accounts is not None:
            query = query.where(tasks.c.account.in_(sorted(accounts)))
        if besides:
            query = query.where(tasks.c.id.not_in(sorted(besides)))
        # By a name of its own, because PostgreSQL may run a plain subquery more than once, and lock more than `free`.
        picked = query.order_by(*_ORDER).limit(free).with_for_update(skip_locked=True).cte("picked")
        now = self._database.now()
        taken = (
            update(tasks)
            .where(tasks.c.id.in_(select(picked.c.id)))
            .values(
                owner=owner,
                lease_until=self._database.now(self._lease),
                attempt=tasks.c.attempt + 1,
                status=case((tasks.c.status == "queued", "pending"), else_=tasks.c.status),
                started_at=func.coalesce(tasks.c.started_at, now),
            )
        )
        return [read_task(row) for row in db.execute(taken.returning(*SHOWN))]

    def _change(self, claim: Claim, **values: Any) -> bool:
        with self._database.writing() as db:
            return db.execute(update(tasks).where(*_held(claim)).values(**values)).rowcount == 1

    def _end(self, claim: Claim, **values: Any) -> bool:
        with self._database.writing() as db:
            ended = self._ends.end(db, _held(claim), **values)
        if ended is None:
            return False
        self._contents.drop_unused(ended[1])
        return True


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        tasks.c.id == claim.task_id,
        tasks.c.owner == claim.owner,
        tasks.c.attempt == claim.attempt,
        LIVE,
    )

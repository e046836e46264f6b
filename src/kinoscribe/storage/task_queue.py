"""Hands waiting tasks to workers, each to one at a time, and keeps what the one who holds a task has made of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from kinoscribe.contract.errors import ApiError, WorkerLost
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import task_windows, tasks
from kinoscribe.storage.task_record import (
    HELD,
    LIVE,
    SHOWN,
    WAITING,
    Announce,
    Claim,
    Ends,
    Task,
    TaskFile,
    held_by,
    no_one,
    read_files,
    read_task,
)
from kinoscribe.storage.task_rows import AT_ONCE

__all__ = ("Claim", "Outcome", "Task", "TaskFile", "TaskQueue")

# A lease this many times as long as any that is given comes from a clock that has been set back since.
_NO_LEASE = 4.0
_FREE = {"owner": None, "lease_until": None}
_CHANGE = update(tasks).where(*HELD)
_MINE = select(tasks.c.id).where(tasks.c.owner == bindparam("of"), LIVE)
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
        late = select(tasks.c.id).where(*self._late()).limit(1).scalar_subquery()
        due = select(tasks.c.id).where(*self._due()).order_by(*_ORDER).limit(1).scalar_subquery()
        self._look = select(late.label("late"), due.label("due"))
        self._prolong = (
            update(tasks)
            .where(tasks.c.owner == bindparam("of"), tasks.c.id.in_(bindparam("ids", expanding=True)), LIVE)
            .values(lease_until=database.now(lease))
            .returning(tasks.c.id)
        )
        self._end_held = self._ends.ending(*HELD, by_holder=True)
        self._end_lost = self._ends.ending(tasks.c.id == bindparam("lost")).values(
            strikes=tasks.c.strikes + 1
        )
        self._taking: dict[tuple[bool, bool], ReturningUpdate[Any]] = {}

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
        with self._database.asking() as db:
            ((late, due),), _ = self._database.run(db, self._look, {})
        if late is None and (due is None or free <= 0):
            return ()
        dropped: list[str] = []
        claimed: list[Task] = []
        with self._database.writing() as db:
            if late is not None:
                dropped = self._reap(db)
            if free > 0:
                claimed = self._take(db, owner, free, accounts, besides)
        self._contents.drop_unused(dropped)
        return tuple(sorted(claimed, key=lambda task: (task.priority, task.turn, task.created_at, task.id)))

    def mine(self, owner: str) -> frozenset[str]:
        """The tasks that `owner` holds. One that it runs and that is not among them was taken away or canceled."""
        with self._database.asking() as db:
            return frozenset(db.execute(_MINE, {"of": owner}).scalars())

    def beat(self, owner: str, task_ids: Collection[str]) -> frozenset[str]:
        """Prolongs the leases of these tasks; returns those that `owner` still holds."""
        if not task_ids:
            return frozenset()
        with self._database.writing() as db:
            kept = db.execute(self._prolong, {"of": owner, "ids": sorted(task_ids)})
            return frozenset(kept.scalars())

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
        told = {"error_code": error.code, "error_message": error.message}
        return self._end(claim, status="failed", generation_id=error.receipt, **told)

    def again(self, claim: Claim, wait: float, error: ApiError | None = None, *, strike: bool) -> bool:
        """Puts the task back for another attempt in `wait` seconds, because of `error`. It keeps its turn.

        With `strike` this attempt counts against it; whether it may have another one is for the caller to say.
        """
        back = _CHANGE.values(
            run_at=self._database.now(min(wait, self._longest_wait)) if wait > 0 else AT_ONCE,
            strikes=tasks.c.strikes + int(strike),
            **_FREE,
        )
        code, message = (None, None) if error is None else (error.code, error.message)
        receipt = None if error is None else error.receipt
        told = {"error_code": code, "error_message": message, "generation_id": receipt}
        with self._database.writing() as db:
            return db.execute(back, {**held_by(claim), **told}).rowcount == 1

    def release(self, owner: str) -> int:
        """Puts back, for others, every task that `owner` holds, without a strike; says how many."""
        freed = update(tasks).where(tasks.c.owner == owner, LIVE)
        with self._database.writing() as db:
            return db.execute(freed.values(run_at=AT_ONCE, **_FREE)).rowcount

    def files(self, task_id: str) -> tuple[TaskFile, ...]:
        """The contents a task needs."""
        with self._database.asking() as db:
            return read_files(db, task_id)

    def windows(self, task_id: str) -> dict[str, str]:
        """The parts of a long analysis that earlier attempts have finished, by their key."""
        query = select(task_windows.c.key, task_windows.c.body).where(task_windows.c.task_id == task_id)
        with self._database.asking() as db:
            return {row.key: row.body for row in db.execute(query)}

    def keep_window(self, claim: Claim, key: str, body: str) -> bool:
        """Keeps a finished part until the task ends; one of the same key is replaced."""
        named = (task_windows.c.task_id == claim.task_id, task_windows.c.key == key)
        with self._database.writing() as db:
            held = select(tasks.c.id).where(*HELD).with_for_update()
            if db.execute(held, held_by(claim)).one_or_none() is None:
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
            dropped += self._ends.end(db, self._end_lost, {"lost": task_id, **values}) or []
        for strike in (0, 1):
            back = [row.id for row in rows if row.passed == strike and row.id not in lost]
            if back:
                freed = update(tasks).where(tasks.c.id.in_(back))
                db.execute(freed.values(strikes=tasks.c.strikes + strike, run_at=AT_ONCE, **_FREE))
        return dropped

    def _take(
        self,
        db: Connection,
        owner: str,
        free: int,
        accounts: Collection[str] | None,
        besides: Collection[str],
    ) -> list[Task]:
        some, not_all = accounts is not None, bool(besides)
        if (some, not_all) not in self._taking:
            self._taking[some, not_all] = self._take_next(some, not_all)
        parameters = {"new_owner": owner, "free": free, "of": accounts or (), "besides": besides}
        wanted = {"new_owner", "free", *(["of"] if some else []), *(["besides"] if not_all else [])}
        taking, given = self._taking[some, not_all], {name: parameters[name] for name in wanted}
        rows = db.execute(taking, given) if some or not_all else self._database.run(db, taking, given)[0]
        return [read_task(row) for row in rows]

    def _take_next(self, of_accounts: bool, not_all: bool) -> ReturningUpdate[Any]:
        query = select(tasks.c.id).where(*self._due())
        if of_accounts:
            query = query.where(tasks.c.account.in_(bindparam("of", expanding=True)))
        if not_all:
            query = query.where(tasks.c.id.not_in(bindparam("besides", expanding=True)))
        # By a name of its own, because PostgreSQL may run a plain subquery more than once, and lock more than `free`.
        next_ones = query.order_by(*_ORDER).limit(bindparam("free")).with_for_update(skip_locked=True)
        picked = next_ones.cte("picked")
        return (
            update(tasks)
            .where(tasks.c.id.in_(select(picked.c.id)))
            .values(
                owner=bindparam("new_owner"),
                lease_until=self._database.now(self._lease),
                attempt=tasks.c.attempt + 1,
                status=case((tasks.c.status == "queued", "pending"), else_=tasks.c.status),
                started_at=func.coalesce(tasks.c.started_at, self._database.now()),
            )
            .returning(*SHOWN)
        )

    def _change(self, claim: Claim, **values: Any) -> bool:
        with self._database.writing() as db:
            return self._database.run(db, _CHANGE, {**held_by(claim), **values})[1] == 1

    def _end(self, claim: Claim, **values: Any) -> bool:
        with self._database.writing() as db:
            ended = self._ends.end(db, self._end_held, {**held_by(claim), **values})
        if ended is None:
            return False
        self._contents.drop_unused(ended)
        return True

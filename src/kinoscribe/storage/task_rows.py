"""Keeps the tasks of every account: taken in once, shown, canceled, deleted."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.exc import IntegrityError

from kinoscribe import ids
from kinoscribe.contract.errors import ApiError, TaskCannotBeCanceled, TaskCannotBeDeleted, UserCanceled
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import TRIES, IdempotencyRows, Once
from kinoscribe.storage.queue_room import QueueLimits, QueueRoom
from kinoscribe.storage.tables import assets, task_files, tasks
from kinoscribe.storage.task_record import (
    LIVE,
    SHOWN,
    WAITING,
    Announce,
    Ends,
    Status,
    Task,
    TaskFile,
    no_one,
    read_files,
    read_task,
)

__all__ = (
    "Backlog",
    "NewTask",
    "QueueLimits",
    "Status",
    "Submitted",
    "Task",
    "TaskFile",
    "TaskFilter",
    "TaskRows",
)

# A moment that has passed by every clock, also by one that was set back.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to take in. `request` is JSON text, and names no content itself.

    `files` are contents sent with it, by name; they are kept for the task. `assets` are names and ids of assets it
    needs: of those whose file is here the task keeps the content, so that it may run when the asset is deleted.
    The task with the smaller `priority` goes first.
    """

    account: str
    analysis_mode: str
    model_name: str
    request: str
    params: dict[str, Any]
    custom_id: str | None = None
    source: dict[str, Any] | None = None
    video_url: str | None = None
    asset_id: str | None = None
    video_id: str | None = None
    duration: float | None = None
    files: tuple[tuple[str, Stored], ...] = ()
    assets: tuple[tuple[str, str], ...] = ()
    priority: int = 0
    batch_id: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was taken in; or, `replayed`, the answer that the same request has had before, and no task."""

    task: Task | None
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a list shows; `None` means all."""

    status: str | None = None
    video_url: str | None = None
    asset_id: str | None = None
    video_id: str | None = None
    analysis_mode: str | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work there is, and since when the oldest task waits."""

    waiting: int
    running: int
    oldest: datetime | None


class TaskRows:
    """Tasks by account. What belongs to another account is as good as not there."""

    def __init__(self, database: Database, blobs: Blobs, *, announce: Announce = no_one) -> None:
        self._database = database
        self._contents = Contents(database, blobs)
        self._answers = IdempotencyRows(database)
        self._room = QueueRoom(database)
        self._ends = Ends(database, announce)
        self._cancel = self._ends.ending(*_OWNED)
        self._insert = insert(tasks).values(created_at=database.now(), turn=_TURN).returning(*SHOWN)

    def submit(self, new: NewTask, *, limits: QueueLimits, once: Once[Task] | None = None) -> Submitted:
        """Takes in a task, or with `once` finds that it was taken in before: then there is no second one.

        Raises `IdempotencyKeyReused`, `QueueFull` and `StorageFull`; then nothing was kept.
        """
        submitted = self._ship(new, limits, once) if new.files else self._insist(new, limits, once)
        if submitted.task is not None:
            self._room.taken(new.account)
        return submitted

    def get(self, account: str, task_id: str) -> Task | None:
        with self._database.asking() as db:
            row = db.execute(_ONE, _owned(account, task_id)).one_or_none()
        return None if row is None else read_task(row)

    def page(
        self, account: str, wanted: TaskFilter, *, page: int, limit: int
    ) -> tuple[tuple[Task, ...], int]:
        """The tasks of one page (the first is 1), newest first, and how many there are on all pages."""
        where: list[ColumnElement[bool]] = [tasks.c.account == account]
        for name in ("status", "video_url", "asset_id", "video_id", "analysis_mode"):
            value = getattr(wanted, name)
            if value is not None:
                where.append(tasks.c[name] == value)
        newest = (tasks.c.created_at.desc(), tasks.c.id.desc())
        rows = select(*SHOWN).where(*where).order_by(*newest).limit(limit).offset((page - 1) * limit)
        with self._database.reading() as db:
            total = db.execute(select(func.count()).select_from(tasks).where(*where)).scalar_one()
            return tuple(read_task(row) for row in db.execute(rows)), total

    def files(self, task_id: str) -> tuple[TaskFile, ...]:
        """The contents a task needs; none any more when it has ended."""
        with self._database.asking() as db:
            return read_files(db, task_id)

    def cancel(self, account: str, task_id: str) -> Task | None:
        """Ends a task at once, whoever works on it; a canceled one is returned as it is. `None` if there is none.

        Raises `TaskCannotBeCanceled` when it has ended otherwise.
        """
        reason = UserCanceled()
        owned = _owned(account, task_id)
        values = {"status": "canceled", "error_code": reason.code, "error_message": reason.message}
        with self._database.writing() as db:
            ended = self._ends.end(db, self._cancel, {**owned, **values})
            row = db.execute(_ONE, owned).one_or_none()
        if ended is not None:
            self._contents.drop_unused(ended)
        if row is None:
            return None
        if row.status != "canceled":
            raise TaskCannotBeCanceled(id=task_id, state=row.status)
        return read_task(row)

    def delete(self, account: str, task_id: str) -> bool:
        """Removes a task; one that waits never runs. False when there is none.

        Raises `TaskCannotBeDeleted` while it is processed.
        """
        owned = _owned(account, task_id)
        with self._database.writing() as db:
            files = read_files(db, task_id)
            if db.execute(_DELETE, owned).rowcount == 0:
                row = db.execute(_ONE, owned).one_or_none()
                if row is not None:
                    raise TaskCannotBeDeleted(id=task_id, state=row.status)
                return False
        self._contents.drop_unused(file.content for file in files)
        return True

    def backlog(self) -> Backlog:
        """How much there is to do for all accounts."""
        waits = func.count().filter(WAITING)
        oldest = func.min(tasks.c.created_at).filter(WAITING)
        with self._database.asking() as db:
            row = db.execute(select(func.count(), waits, oldest).where(LIVE)).one()
        return Backlog(waiting=row[1], running=row[0] - row[1], oldest=row[2])

    def _ship(self, new: NewTask, limits: QueueLimits, once: Once[Task] | None) -> Submitted:
        kept = [stored.sha256 for _, stored in new.files]
        with self._contents.shipping(*(stored for _, stored in new.files)) as shipped:
            files = tuple((name, stored) for (name, _), stored in zip(new.files, shipped, strict=True))
            try:
                return self._insist(replace(new, files=files), limits, once)
            except (ApiError, OSError):
                self._contents.drop_unused(kept)
                raise

    def _insist(self, new: NewTask, limits: QueueLimits, once: Once[Task] | None) -> Submitted:
        for left in reversed(range(TRIES)):
            try:
                return self._submit(new, limits, once)
            except IntegrityError:  # the same request came at the same moment, and was the first to end
                if not left:
                    raise
        raise AssertionError

    def _submit(self, new: NewTask, limits: QueueLimits, once: Once[Task] | None) -> Submitted:
        with self._database.writing() as db:
            if once is not None:
                replay = self._answers.look(db, new.account, once)
                if replay is not None:
                    return Submitted(None, replay.status, replay.body, replayed=True)
            self._room.check(db, new.account, limits)
            values = {name: getattr(new, name) for name in _SENT}
            own = {"id": ids.new_object_id(), "turn_of": new.account}
            rows, _ = self._database.run(db, self._insert, {**_NEW, **values, **own})
            task = read_task(rows[0])
            self._refer(db, task, new)
            answer = None if once is None else self._answers.keep(db, new.account, once, task)
            self._contents.keep(db, *(stored for _, stored in new.files))
        return Submitted(task) if answer is None else Submitted(task, answer.status, answer.body)

    def _refer(self, db: Connection, task: Task, new: NewTask) -> None:
        """Notes the contents the task needs: those that came with it, and those its assets have now."""
        if new.files:
            rows = [
                {"task_id": task.id, "name": name, "content": stored.sha256, "bytes": stored.bytes}
                for name, stored in new.files
            ]
            db.execute(insert(task_files), rows)
        there = {
            (name, asset_id): (
                assets.c.id == asset_id,
                assets.c.account == new.account,
                assets.c.content.is_not(None),
            )
            for name, asset_id in new.assets
        }
        found = [db.execute(select(assets.c.content).where(*where)).scalar() for where in there.values()]
        # All at once, so that no two transactions wait for each other.
        self._contents.hold(db, *filter(None, found), *(stored.sha256 for _, stored in new.files))
        for (name, _), where in there.items():
            named = select(literal(task.id), literal(name), assets.c.content, assets.c.size).where(*where)
            db.execute(insert(task_files).from_select(["task_id", "name", "content", "bytes"], named))


_OWNED = (tasks.c.id == bindparam("owned_id"), tasks.c.account == bindparam("owned_by"))
_ONE = select(*SHOWN).where(*_OWNED)
_DELETE = delete(tasks).where(*_OWNED, tasks.c.status != "processing")
_SENT = tuple(each.name for each in fields(NewTask) if each.name not in {"files", "assets"})
_NEW = {"status": "queued", "run_at": AT_ONCE, "attempt": 0, "strikes": 0}
_OWN = (
    select(tasks.c.turn + 1)
    .where(tasks.c.account == bindparam("turn_of"), LIVE)
    .order_by(tasks.c.turn.desc())
    .limit(1)
    .scalar_subquery()
)
_RUNNING = select(func.max(tasks.c.turn)).where(tasks.c.owner.is_not(None)).scalar_subquery()
_FIRST = (
    select(tasks.c.turn).where(WAITING).order_by(tasks.c.priority, tasks.c.turn).limit(1).scalar_subquery()
)
_TURNS = union_all(select(func.coalesce(_RUNNING, _FIRST, 0).label("turn")), select(_OWN)).subquery()
# Where a new task stands: behind the account's own, and not before the ones that are running. Start-time fair queueing:
# every task costs its account one turn, and who comes new starts where the others are.
_TURN = select(func.max(_TURNS.c.turn)).scalar_subquery()


def _owned(account: str, task_id: str) -> dict[str, Any]:
    """The parameters of `_OWNED`."""
    return {"owned_id": task_id, "owned_by": account}

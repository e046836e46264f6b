"""A queue over a database of its own, with a clock that tests set by hand and a record of what was announced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from kinoscribe import ids
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import Once
from kinoscribe.storage.tables import tables, tasks, webhooks
from kinoscribe.storage.task_queue import Outcome, TaskQueue
from kinoscribe.storage.task_rows import NewTask, QueueLimits, Submitted, Task, TaskRows

ROOMY = QueueLimits(most=100_000, most_account=100_000)
LEASE = 30.0
ATTEMPTS = 3
LONGEST_WAIT = 100.0
ANSWER = Outcome("g", '{"text": "\u0000 fine"}', "stop", 10, 20)


def once(key: str, digest: str = "d") -> Once[Task]:
    return Once("POST /analyze/tasks", key, digest, 202, lambda task: {"task_id": task.id})


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Desk:
    """`rows` for accounts and `queue` for workers, over the database at `url` and a folder for contents."""

    def __init__(self, url: str, folder: Path, *, told: bool = True) -> None:
        self.clock = Clock()
        self.database = Database(url, now=self.clock if told else None)
        self.blobs = Blobs(folder)
        self.assets = AssetRows(self.database, self.blobs)
        self.announced: list[tuple[str, str]] = []
        self._heard: set[str] = set()
        self.rows = TaskRows(self.database, self.blobs, announce=self._announce)
        self.queue = TaskQueue(
            self.database,
            self.blobs,
            lease=LEASE,
            attempts=ATTEMPTS,
            announce=self._announce,
            longest_wait=LONGEST_WAIT,
        )

    def new(self, account: str = "a", **more: Any) -> NewTask:
        said = {"analysis_mode": "general", "model_name": "pegasus1.5", "request": "{}", "params": {}, **more}
        return NewTask(account, **said)

    def hear(self, account: str) -> None:
        """The account has a webhook, so that the ends of its tasks are announced."""
        if account not in self._heard:
            self._heard.add(account)
            own = {"id": ids.new_object_id(), "account": account, "created_at": datetime.now(UTC)}
            with self.database.writing() as db:
                db.execute(insert(webhooks).values(url="https://a.example", events=[], secret="", **own))

    def submit(self, account: str = "a", **more: Any) -> Task:
        self.hear(account)
        task = self.rows.submit(self.new(account, **more), limits=ROOMY).task
        assert task is not None
        return task

    def submit_once(self, key: str, digest: str = "d", account: str = "a", **more: Any) -> Submitted:
        self.hear(account)
        return self.rows.submit(self.new(account, **more), limits=ROOMY, once=once(key, digest))

    def stored(self, data: bytes) -> Stored:
        with_file = self.blobs.begin()
        with_file.write(data)
        return with_file.finish()

    def claim(self, owner: str = "w", free: int = 1) -> list[str]:
        return [task.id for task in self.queue.claim(owner, free)]

    def state(self, task_id: str) -> Task:
        with self.database.reading() as db:
            return Task(**db.execute(select(tasks).where(tasks.c.id == task_id)).one()._mapping)

    def empty(self) -> None:
        with self.database.writing() as db:
            for table in reversed(tables.sorted_tables):
                db.execute(delete(table))
        self.announced.clear()
        self._heard.clear()

    def close(self) -> None:
        self.database.close()
        self.blobs.close()

    def _announce(self, connection: Connection, task: Task) -> None:
        assert connection.in_transaction()
        assert task.ended
        self.announced.append((task.id, task.status))


@contextmanager
def a_desk(url: str, folder: Path, *, told: bool = True) -> Iterator[Desk]:
    with closing(Desk(url, folder, told=told)) as desk:
        yield desk

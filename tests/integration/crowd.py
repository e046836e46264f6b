"""Many small tasks and the processes that do them, which tests kill, freeze and cut off from their database."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from tests.conformance.served import ROOT
from tests.integration.empty_worker import delivery_rows
from tests.integration.workers import ACCOUNT, FINAL_EVENTS, WorkerProcess, end, until

from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import deliveries, tasks
from kinoscribe.storage.task_record import LIVE, Task
from kinoscribe.storage.task_rows import NewTask, QueueLimits, TaskFilter, TaskRows
from kinoscribe.storage.wake import Wake
from kinoscribe.storage.webhook_rows import WebhookRows

SLOTS = 8
_STANDSTILL = 45.0
ROOM = QueueLimits(most=1_000_000, most_account=1_000_000)


@dataclass
class Crowd:
    """`lease` is in seconds. Workers are the product's; only what a task asks for is pretended."""

    folder: Path
    url: str
    lease: float
    workers: list[WorkerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = Database(self.url)
        self.rows = TaskRows(
            self.database, Blobs(self.folder), announce=delivery_rows(self.database).announce
        )
        self.wake = Wake(self.database)
        WebhookRows(self.database).add(ACCOUNT, "https://a.example/hook", FINAL_EVENTS, "s" * 32, most=1)

    def worker(self) -> WorkerProcess:
        """Starts a worker, and does not wait for it."""
        name = f"worker{len(self.workers)}"
        log = self.folder / f"{name}.log"
        program = [sys.executable, "-m", "tests.integration.empty_worker"]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*program, self.url, str(self.folder), str(SLOTS), str(self.lease)],
                env={name: value for name, value in os.environ.items() if not name.startswith("KINOSCRIBE_")},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        made = WorkerProcess(name, process, log)
        self.workers.append(made)
        return made

    def started(self, *workers: WorkerProcess) -> None:
        for worker in workers:
            assert until(lambda: "worker_started" in worker.logged() or not worker.alive), worker.logged()  # noqa: B023
            assert worker.alive, worker.logged()

    def submit(self, seconds: float = 0.0) -> str:
        """The id of a new task that takes `seconds` to answer."""
        new = NewTask(
            account=ACCOUNT, analysis_mode="general", model_name="m", request=str(seconds), params={}
        )
        task = self.rows.submit(new, limits=ROOM).task
        assert task is not None
        self.wake.ring()
        return task.id

    def held_by(self, worker: WorkerProcess) -> dict[str, int]:
        """The tasks on which a worker has leases, and the attempts they are for."""
        query = select(tasks.c.id, tasks.c.attempt).where(tasks.c.owner.contains(f"-{worker.process.pid}-"))
        with self.database.asking() as db:
            return {row.id: row.attempt for row in db.execute(query)}

    def left(self, held: dict[str, int]) -> list[str]:
        """Those of `held` that nobody has claimed again, and that have not ended."""
        query = select(tasks.c.id, tasks.c.attempt).where(tasks.c.id.in_(held), LIVE)
        with self.database.asking() as db:
            return [row.id for row in db.execute(query) if row.attempt == held[row.id]]

    def all(self) -> dict[str, Task]:
        found, page = {}, 1
        while shown := self.rows.page(ACCOUNT, TaskFilter(), page=page, limit=1000)[0]:
            found.update({task.id: task for task in shown})
            page += 1
        return found

    def open(self) -> int:
        """How many tasks have not ended."""
        backlog = self.rows.backlog()
        return backlog.waiting + backlog.running

    def work_off(self) -> None:
        """Waits until all tasks have ended; fails when none has for a while."""
        left = self.open()
        while left:
            assert until(lambda: self.open() < left, _STANDSTILL), self.tell()  # noqa: B023
            left = self.open()

    def ends(self) -> Counter[str]:
        """How often each task was brought to a final state: each such moment leaves one message in the outbox."""
        query = select(deliveries.c.task_id).where(deliveries.c.type.in_(FINAL_EVENTS))
        with self.database.reading() as db:
            return Counter(db.execute(query).scalars())

    def said(self, event: str, workers: Iterable[WorkerProcess] | None = None) -> Counter[str]:
        """Of which tasks workers have logged `event`, and how often."""
        lines = [line for worker in workers or self.workers for line in worker.logged().splitlines()]
        told = [json.loads(line) for line in lines if f'"event": "{event}"' in line]
        return Counter(one["task"] for one in told)

    def tell(self) -> str:
        """What the workers have logged last, for whoever must find out what went wrong."""
        return "\n".join(f"{worker.name}:\n{worker.logged()[-2000:]}" for worker in self.workers)


@contextmanager
def crowd(folder: Path, url: str, *, lease: float) -> Iterator[Crowd]:
    """All workers are killed at the end."""
    made = Crowd(folder, url, lease)
    with closing(made.database), closing(made.wake):
        try:
            yield made
        finally:
            for worker in made.workers:
                end(worker)

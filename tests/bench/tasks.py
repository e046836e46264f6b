"""Measures the queue: empty tasks a second beside the bare SQL and beside another queue, pick-up, and a long list."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import procrastinate
from sqlalchemy import insert, select
from tests.bench import wire
from tests.bench.replayed import Recorded, recording
from tests.databases import PostgreSQL
from tests.integration import empty_worker

from kinoscribe import ids
from kinoscribe.app import build_asgi, build_tools
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import tasks
from kinoscribe.storage.task_queue import Outcome, TaskQueue
from kinoscribe.storage.task_rows import NewTask, QueueLimits, TaskFilter, TaskRows
from kinoscribe.storage.wake import Wake

TASKS = 1000
LISTED = 10_000
AT_ONCE = 4  # the places of a worker, unless an operator chooses otherwise
_ROOM = QueueLimits(most=1_000_000, most_account=1_000_000)
_LEASE = 60.0

Make = Callable[[], str]


@contextmanager
def databases(folder: Path, server: PostgreSQL | None) -> Iterator[Make]:
    """Makes addresses of new databases with all tables: on `server`, else SQLite files in `folder`."""
    with ExitStack() as held:

        def make() -> str:
            if server is not None:
                return held.enter_context(server.database())
            url = f"sqlite:///{folder / ids.new_object_id()}.db"
            with closing(Database(url)) as database:
                database.migrate()
            return url

        yield make


@dataclass(frozen=True, slots=True)
class Queue:
    """One database with the two sides of the product's queue."""

    database: Database
    rows: TaskRows
    queue: TaskQueue

    @staticmethod
    def on(url: str, folder: Path) -> Queue:
        database, blobs = Database(url), Blobs(folder)
        announce = empty_worker.delivery_rows(database).announce
        rows = TaskRows(database, blobs, announce=announce)
        return Queue(database, rows, TaskQueue(database, blobs, lease=_LEASE, attempts=3, announce=announce))

    def submit(self) -> None:
        new = NewTask(account="one", analysis_mode="general", model_name="m", request="0", params={})
        self.rows.submit(new, limits=_ROOM)

    def complete_all(self) -> int:
        done = 0
        while claimed := self.queue.claim("bench", AT_ONCE):
            for task in claimed:
                assert self.queue.begin(task.claim, None)
                assert self.queue.finish(task.claim, Outcome(task.id, "", "stop", None, 0))
                done += 1
        return done

    def work(self, number: int) -> float:
        """Seconds to enqueue and complete so many empty tasks, one after another."""
        began = time.perf_counter()
        for _ in range(number):
            self.submit()
        assert self.complete_all() == number
        return time.perf_counter() - began


def against_sql(new_url: Make, folder: Path, number: int = TASKS, rounds: int = 3) -> dict[str, float]:
    """Empty tasks a second, ours and of a bare loop of the same statements: the best of some rounds of each."""
    ours, bare = [], []
    recorded = _record(new_url(), folder, number)
    for _ in range(rounds):
        place = Queue.on(new_url(), folder)
        with closing(place.database):
            place.work(20)  # connections and statements are made
            ours.append(place.work(number))
        bare.append(recorded.again(new_url()))
    return {
        "ours_s": number / min(ours),
        "bare_s": number / min(bare),
        "ratio": min(bare) / min(ours),
        "statements": len(recorded.statements) / number,
    }


def _record(url: str, folder: Path, number: int) -> Recorded:
    place = Queue.on(url, folder)
    with closing(place.database), recording(place.database) as recorded:
        place.work(number)
    return recorded


def with_workers(new_url: Make, folder: Path, number: int = TASKS, slots: int = 8) -> dict[str, float]:
    """Empty tasks a second through our worker loop and through procrastinate's, on the same server."""
    ours = _our_workers(new_url(), folder, number, slots)
    theirs = asyncio.run(_procrastinate(new_url(), number, slots))
    return {"ours_s": number / ours, "procrastinate_s": number / theirs, "ratio": theirs / ours}


def _our_workers(url: str, folder: Path, number: int, slots: int) -> float:
    place = Queue.on(url, folder)
    with closing(place.database):
        worker = empty_worker.worker(url, folder, slots, _LEASE)
        began = time.perf_counter()
        for _ in range(number):
            place.submit()
        thread = threading.Thread(target=worker.run)
        thread.start()
        while True:
            backlog = place.rows.backlog()
            if backlog.waiting + backlog.running == 0:
                break
            time.sleep(0.02)
        taken = time.perf_counter() - began
        worker.stop()
        thread.join()
    return taken


async def _procrastinate(url: str, number: int, slots: int) -> float:
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=plain))

    @app.task(name="empty")
    def empty() -> None:
        return None

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        began = time.perf_counter()
        for _ in range(number):
            await empty.defer_async()
        await app.run_worker_async(
            concurrency=slots, wait=False, install_signal_handlers=False, listen_notify=False
        )
        taken = time.perf_counter() - began
        left = await app.job_manager.list_jobs_async(status="todo")
        assert not list(left)
    return taken


def pick_up(url: str, folder: Path, number: int = 200) -> dict[str, float]:
    """Seconds from a task's being there to an idle worker's having it, by the clock of the database."""
    chance = random.Random(1)
    place = Queue.on(url, folder)
    log = (folder / "worker.log").open("wb")
    program = [sys.executable, "-m", "tests.integration.empty_worker", url, str(folder), "8", str(_LEASE)]
    with closing(place.database), closing(Wake(place.database)) as wake, log:
        with subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
            try:
                while "worker_started" not in (folder / "worker.log").read_text():
                    assert process.poll() is None
                    time.sleep(0.05)
                for _ in range(number):
                    place.submit()
                    wake.ring()
                    time.sleep(chance.uniform(0.02, 0.12))
                time.sleep(1.5)
            finally:
                process.terminate()
        found, _ = place.rows.page("one", TaskFilter(), page=1, limit=number)
    waits = sorted((task.started_at - task.created_at).total_seconds() for task in found if task.started_at)
    assert len(waits) == number
    return {"median_s": statistics.median(waits), "p95_s": waits[int(number * 0.95)]}


def listed(folder: Path, url: str | None, number: int = LISTED, rounds: int = 30) -> dict[str, float]:
    """Seconds that the first page of a long list takes over HTTP, less what a server takes that says nothing."""
    folder.mkdir()
    settings = Settings(data_dir=folder, engine="scripted", api_key=wire.KEY, database_url=url)  # type: ignore[arg-type]
    tools = build_tools(settings)
    new = NewTask(
        account=DEFAULT_ACCOUNT,
        analysis_mode="general",
        model_name="pegasus1.5",
        request="{}",
        params={"prompt": "What is it?", "temperature": 0.2},
        source={"type": "url", "url": "https://a.example/v.mp4"},
        video_url="https://a.example/v.mp4",
    )
    tools.tasks.submit(new, limits=_ROOM)
    with tools.database.writing() as db:
        row = dict(db.execute(select(tasks)).mappings().one())
        began = row["created_at"]
        db.execute(
            insert(tasks),
            [
                {**row, "id": ids.new_object_id(), "created_at": began + timedelta(seconds=n), "turn": n}
                for n in range(1, number)
            ],
        )
    with wire.served(build_asgi(tools)) as ours, wire.served(wire.only_reads) as bare:
        taken = [
            _median(f"{url}/analyze/tasks", rounds, status) for url, status in ((ours, 200), (bare, 400))
        ]
    return {"ours_s": taken[0], "bare_s": taken[1], "own_s": taken[0] - taken[1]}


def _median(url: str, rounds: int, status: int) -> float:
    taken = []
    with httpx2.Client(trust_env=False, headers={"x-api-key": wire.KEY}) as client:
        for _ in range(rounds):
            began = time.perf_counter()
            answer = client.get(url, params={"page": 1, "page_limit": 50})
            taken.append(time.perf_counter() - began)
            assert answer.status_code == status, answer.text[:200]
    return statistics.median(taken)

"""Real worker processes on one database and data folder, which tests kill, freeze and stop as they like.

Each worker answers with the scripted engine, from a script of its own, so that an answer tells who gave it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from sqlalchemy import select
from tests.conformance.clips import clip
from tests.conformance.served import PROGRAM

from kinoscribe.analysis.tools import Tools
from kinoscribe.app import build_tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.task_request import read_task
from kinoscribe.settings import Settings
from kinoscribe.storage.asset_rows import Examined
from kinoscribe.storage.tables import deliveries
from kinoscribe.storage.task_record import Task
from kinoscribe.storage.task_rows import TaskFilter
from kinoscribe.tasks.submit import submit
from kinoscribe.tokens import count_tokens

ACCOUNT = "one"
FINAL_EVENTS = ("analyze.task.ready", "analyze.task.failed", "analyze.task.canceled")

# What comes after `Wait` in a prompt is how long the answer takes, in seconds.
_SCRIPT = """
[[answer]]
when = "^Wait {seconds} "
pieces = [{{wait = {seconds}}}, {{text = "from {name}"}}]
"""
_PLAIN = """
[[answer]]
when = "^Fail"
pieces = [{{text = "Half of "}}, {{die = true}}]

[[answer]]
pieces = [{{text = "from {name}"}}]
"""
WAITS = ("0.05", "1", "3", "300")


@dataclass
class WorkerProcess:
    """One `kinoscribe work`, with its own process group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """As a machine that loses its power: nothing is said, nothing is cleaned up."""
        self.process.kill()
        self.process.wait(20)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Asks it to drain."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(60)

    def holds(self, task: Task) -> bool:
        """Whether this process has a lease on the task."""
        return f"-{self.process.pid}-" in (task.owner or "")

    def logged(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Works:
    """A database, a data folder, and the workers on them."""

    folder: Path
    settings: Settings
    tools: Tools
    workers: list[WorkerProcess] = field(default_factory=list)
    _asset: str | None = None

    def worker(self, name: str, *, slots: int = 2) -> WorkerProcess:
        """Starts a worker; it is ready for tasks when this returns."""
        script = self.folder / f"{name}.toml"
        waits = "".join(_SCRIPT.format(seconds=seconds, name=name) for seconds in WAITS)
        script.write_text(waits + _PLAIN.format(name=name))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KINOSCRIBE_")}
        for key, value in self.settings.model_dump(exclude_unset=True).items():
            environment[f"KINOSCRIBE_{key.upper()}"] = _written(value)
        environment["KINOSCRIBE_SCRIPTED_FILE"] = str(script)
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*PROGRAM, "work", "--slots", str(slots)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        made = WorkerProcess(name, process, log)
        self.workers.append(made)
        assert until(lambda: "worker_started" in made.logged() or not made.alive), made.logged()
        assert made.alive, made.logged()
        return made

    def submit(self, prompt: str = "What is it?", **more: Any) -> str:
        """The id of a new task about one small video that all tasks share."""
        video = {"type": "asset_id", "asset_id": self.asset()}
        body = {"model_name": "pegasus1.5", "prompt": prompt, "video": video, **more}
        asked = read_task(json.dumps(body).encode(), default_model="pegasus1.2", count_tokens=count_tokens)
        task = submit(asked, ACCOUNT, self.tools, Cancel()).task
        assert task is not None
        return task.id

    def asset(self) -> str:
        if self._asset is None:
            file = clip("silent.mp4")
            with self.tools.blobs.begin() as incoming:
                incoming.write(file.read_bytes())
                stored = incoming.finish()
                asset = self.tools.assets.add(
                    ACCOUNT, method="direct", filename="v", file_type="video/mp4", stored=stored
                )
            facts = self.tools.decoders.probe(file)
            self.tools.assets.ready(
                asset.id, Examined("video", "video/mp4", facts.end - facts.start, {}, facts)
            )
            self._asset = asset.id
        return self._asset

    def task(self, task_id: str) -> Task:
        found = self.tools.tasks.get(ACCOUNT, task_id)
        assert found is not None
        return found

    def tasks(self) -> dict[str, Task]:
        """All tasks by id."""
        found, page = {}, 1
        while shown := self.tools.tasks.page(ACCOUNT, TaskFilter(), page=page, limit=500)[0]:
            found.update({task.id: task for task in shown})
            page += 1
        return found

    def open(self) -> int:
        """How many tasks have not ended."""
        backlog = self.tools.tasks.backlog()
        return backlog.waiting + backlog.running

    def ends(self) -> Counter[str]:
        """How often each task was brought to a final state: each such moment leaves one message in the outbox."""
        query = select(deliveries.c.task_id).where(deliveries.c.type.in_(FINAL_EVENTS))
        with self.tools.database.reading() as db:
            return Counter(db.execute(query).scalars())


@contextmanager
def works(folder: Path, database_url: str | None = None, **settings: Any) -> Iterator[Works]:
    """`database_url` of None is SQLite in the folder. All workers are killed at the end."""
    data = folder / "data"
    data.mkdir()
    chosen: dict[str, Any] = {
        "data_dir": data,
        "engine": "scripted",
        "lease_seconds": 2.0,
        "task_attempts": 20,  # on a busy machine a short lease may pass while its worker lives
        "retry_seconds": 0.2,
        "drain_seconds": 1.0,
        "log_format": "json",
        "webhook_waits": (86_400.0,),  # an outbox that nobody empties while the test runs
        "queue_most": 100_000,
        "queue_most_account": 100_000,
    }
    if database_url is not None:
        chosen["database_url"] = SecretStr(database_url)
    made = Settings(**{**chosen, **settings})
    with closing(build_tools(made)) as tools:
        tools.webhooks.add(ACCOUNT, "https://a.example/hook", FINAL_EVENTS, "s" * 32, most=1)
        place = Works(folder, made, tools)
        try:
            yield place
        finally:
            for worker in place.workers:
                end(worker)


def end(worker: WorkerProcess) -> None:
    """Ends a worker and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(worker.process.pid).children(recursive=True)
        worker.kill()
        for child in family:
            with suppress(psutil.NoSuchProcess):
                child.kill()
    worker.process.wait(20)


def until(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def _written(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case tuple():
            return ",".join(str(part) for part in value)
        case _:
            return str(value)

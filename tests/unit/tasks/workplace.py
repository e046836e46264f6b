"""A queue on a real database, with real assets, files and fetching; who answers and who perceives is pretended."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.analysis.pretended import FACTS, NOTES, Engine, Gatherer

from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError, VideoFileBroken
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.contract.task_request import TaskRequest, read_task
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.chosen import Engines
from kinoscribe.settings import Settings
from kinoscribe.sources.resolve import Resolver
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.asset_rows import Asset, AssetRows, Examined
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import RateRows
from kinoscribe.storage.receipt_rows import ReceiptRows
from kinoscribe.storage.task_queue import TaskQueue
from kinoscribe.storage.task_record import Task
from kinoscribe.storage.task_rows import QueueLimits, TaskFilter, TaskRows
from kinoscribe.tasks.submit import submit
from kinoscribe.tasks.worker import Beside, Worker
from kinoscribe.tokens import count_tokens

ACCOUNT = "one"
VIDEO = b"VIDEO of twenty seconds"
LIMITS = QueueLimits(10_000, 10_000)


class Bell:
    """Wakes whoever waits in this process."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self.rings = 0

    def wait(self, seconds: float) -> bool:
        rung = self._rung.wait(min(seconds, 0.2))
        self._rung.clear()
        return rung

    def ring(self) -> None:
        self.rings += 1
        self.nudge()

    def nudge(self) -> None:
        self._rung.set()


class Facts:
    """Takes a file for a video when it begins with `VIDEO`; `error` is raised whatever it is."""

    def __init__(self) -> None:
        self.facts = FACTS
        self.error: Exception | None = None
        self.asked = 0

    def of(self, path: Path, _content: str, cancel: Cancel, *, account: str) -> VideoFacts:
        assert account == ACCOUNT
        self.asked += 1
        cancel.check()
        if self.error is not None:
            raise self.error
        with path.open("rb") as file:
            if file.read(5) != b"VIDEO":
                raise VideoFileBroken(reason="It is a poem.")
        return self.facts


class Workplace:
    def __init__(self, database: Database, folder: Path, **settings: Any) -> None:
        chosen: dict[str, Any] = {"retry_seconds": 0.05, "engine": "scripted", "glance_seconds": 0}
        self.settings = Settings(data_dir=folder, **{**chosen, **settings})
        self.folder = folder
        self.database = database
        self.blobs = Blobs(folder)
        self.assets = AssetRows(database, self.blobs)
        self.rows = TaskRows(database, self.blobs)
        self.engine = Engine()
        self.gatherer = Gatherer(NOTES)
        self.facts = Facts()
        self.receipts = ReceiptRows(database)
        self.rates = RateRows(database, [read_limit(text) for text in self.settings.rate_limits])
        self.bell = Bell()
        self.lease = 3.0
        self.queue = self.make_queue()
        fetcher = UrlFetcher(make_gate(["127.0.0.1"], [0]), FetchLimits(10_000, 5, idle=1))
        self.resolver = Resolver(self.assets, self.blobs, fetcher, asset_wait=0.2)

    def make_queue(self, lease: float | None = None) -> TaskQueue:
        attempts = self.settings.task_attempts
        return TaskQueue(self.database, self.blobs, lease=lease or self.lease, attempts=attempts)

    @property
    def tools(self) -> Tools:
        return cast(
            "Tools",
            SimpleNamespace(
                settings=self.settings,
                blobs=self.blobs,
                tasks=self.rows,
                engine=self.engine,
                engines=Engines(self.engine),
                gatherer=self.gatherer,
                receipts=self.receipts,
                rates=self.rates,
                wake=self.bell,
                resolver=self.resolver,
                facts=self.facts,
            ),
        )

    def request(self, video: dict[str, Any] | None = None, **more: Any) -> TaskRequest:
        body = {"model_name": "pegasus1.5", "prompt": "What is said?", "video": video or inline(), **more}
        return read_task(json.dumps(body).encode(), default_model="pegasus1.2", count_tokens=count_tokens)

    def submit(self, video: dict[str, Any] | None = None, **more: Any) -> Task:
        task = submit(self.request(video, **more), ACCOUNT, self.tools, Cancel()).task
        assert task is not None
        return task

    def refusal(self, video: dict[str, Any] | None = None, **more: Any) -> ApiError:
        """What a request is refused with; nothing is left of it."""
        try:
            submit(self.request(video, **more), ACCOUNT, self.tools, Cancel())
        except ApiError as error:
            assert self.left() == []
            return error
        raise AssertionError("it was not refused")

    def asset(self, examined: Examined | None = None, *, processing: bool = False) -> Asset:
        with self.blobs.begin() as incoming:
            incoming.write(VIDEO)
            stored = incoming.finish()
            asset = self.assets.add(
                ACCOUNT, method="direct", filename="v", file_type="video/mp4", stored=stored
            )
        if processing:
            return asset
        return self.assets.ready(asset.id, examined or examined_video()) or asset

    def task(self, task_id: str) -> Task:
        found = self.rows.get(ACCOUNT, task_id)
        assert found is not None
        return found

    def tasks(self) -> tuple[Task, ...]:
        return self.rows.page(ACCOUNT, TaskFilter(), page=1, limit=1000)[0]

    def left(self) -> list[Path]:
        """Files that nobody keeps."""
        found = (self.folder / "incoming").rglob("*")
        return [path for path in found if path.is_file() and "lock" not in path.name]

    @contextmanager
    def working(self, *, slots: int = 2, beside: tuple[Beside, ...] = (), **more: Any) -> Iterator[Worker]:
        """A worker in this process, which is stopped at the end."""
        worker = self.worker(slots=slots, beside=beside, **more)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            worker.stop()
            thread.join(20)
            assert not thread.is_alive()

    def worker(self, *, slots: int = 2, beside: tuple[Beside, ...] = (), drain: float = 5.0) -> Worker:
        return Worker(
            self.tools, self.queue, self.bell, slots=slots, lease=self.lease, drain=drain, beside=beside
        )

    def ended(self, task_id: str, seconds: float = 20.0) -> Task:
        """The task once it has ended."""
        assert until(lambda: self.task(task_id).ended, seconds), self.task(task_id)
        return self.task(task_id)

    def close(self) -> None:
        self.blobs.close()


@contextmanager
def a_workplace(database: Database, folder: Path, **settings: Any) -> Iterator[Workplace]:
    with closing(Workplace(database, folder, **settings)) as made:
        yield made


def inline(content: bytes = VIDEO) -> dict[str, Any]:
    return {"type": "base64_string", "base64_string": base64.b64encode(content).decode()}


def at(url: str) -> dict[str, Any]:
    return {"type": "url", "url": url}


def by_asset(asset_id: str) -> dict[str, Any]:
    return {"type": "asset_id", "asset_id": asset_id}


def examined_video(seconds: float = 20.0) -> Examined:
    return Examined("video", "video/mp4", seconds, {}, replace(FACTS, end=seconds))


def until(condition: Callable[[], object], seconds: float = 40.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())

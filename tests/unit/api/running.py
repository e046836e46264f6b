"""A real server on 127.0.0.1 in this process, with everything but the analysis: doors, keys, assets, tasks, disk."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx2
import uvicorn
from anyio import CapacityLimiter

from kinoscribe.api import assets as assets_module
from kinoscribe.api import first_look as first_look_module
from kinoscribe.api.application import make_application
from kinoscribe.api.auth import Keys
from kinoscribe.api.chunk_urls import ChunkUrls
from kinoscribe.api.door import READERS, House
from kinoscribe.api.first_look import FirstLook
from kinoscribe.api.http_protocol import KinoscribeProtocol
from kinoscribe.api.places import Slots
from kinoscribe.api.rate_limit import RateLimits
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.contract.rate_limits import read_limit
from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.chosen import Engines
from kinoscribe.engines.scripted import ScriptedEngine
from kinoscribe.media.pieces import FileKind
from kinoscribe.settings import Settings
from kinoscribe.sources.intake import Intake
from kinoscribe.sources.multipart import Multipart
from kinoscribe.sources.resolve import Resolver
from kinoscribe.sources.url_fetch import FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import make_gate
from kinoscribe.storage.api_key_rows import ApiKeyRows
from kinoscribe.storage.asset_queue import AssetQueue
from kinoscribe.storage.asset_room import AssetLimits
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.idempotency_rows import IdempotencyRows
from kinoscribe.storage.index_rows import IndexRows
from kinoscribe.storage.index_task_rows import IndexTaskRows
from kinoscribe.storage.rate_rows import RateRows
from kinoscribe.storage.settling import Settling
from kinoscribe.storage.task_queue import TaskQueue
from kinoscribe.storage.task_rows import TaskRows
from kinoscribe.storage.upload_rows import UploadRows
from kinoscribe.storage.wake import Wake
from kinoscribe.storage.webhook_rows import WebhookRows
from kinoscribe.tasks.asset_loop import AssetLoop

# A machine that is busy with other things must not change what a client reads in the first answer.
_PATIENCE = 60.0
FACTS = VideoFacts(0.0, 8.0, 640, 360, 25.0, 0, "mov,mp4", "video/mp4", "h264", "aac", 44100, 2, 1, 1, 4)


class Looks:
    """Takes a file for a video when it begins with `VIDEO`, after an optional wait."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def kind(self, path: Path, cancel: Cancel | None = None) -> FileKind:
        while not self.go.wait(0.05):
            if cancel is not None:
                cancel.check()
        with path.open("rb") as file:
            if file.read(5) == b"VIDEO":
                return FileKind("video", "video/mp4", facts=FACTS)
        return FileKind("other", "text/plain", reason="It is a text.")

    def of(self, path: Path, _content: str, cancel: Cancel, *, account: str = "") -> VideoFacts:
        kind = self.kind(path, cancel)
        if kind.facts is None:
            raise VideoFileBroken(reason=str(kind.reason))
        return kind.facts


@dataclass
class Running:
    folder: Path
    port: int
    blobs: Blobs
    rows: AssetRows
    keys: ApiKeyRows
    looks: Looks
    key: str
    database: Database
    tasks: TaskRows
    queue: TaskQueue
    house: House

    def client(self, key: str | None = None) -> httpx2.Client:
        return httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}/v1.3/",
            headers={"x-api-key": self.key if key is None else key},
            timeout=30,
            trust_env=False,
        )

    def incoming(self) -> list[Path]:
        """Files that are not kept: there must be none when nothing is going on."""
        return [p for p in (self.folder / "incoming").rglob("*") if p.is_file() and "lock" not in p.name]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 10)

    def settled(self, condition: Callable[[], bool], seconds: float = 30.0) -> bool:
        until = time.monotonic() + seconds
        while not (met := condition()) and time.monotonic() < until:
            time.sleep(0.02)
        return met


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Running]:
    """The server, which has all the time it needs to look into an upload while the client waits."""
    with contextlib.ExitStack() as patient:
        patient.enter_context(patch.object(assets_module, "_VERDICT_SECONDS", _PATIENCE))
        patient.enter_context(patch.object(first_look_module, "_PATIENCE", _PATIENCE))
        yield patient.enter_context(_running(folder, **settings))


@contextmanager
def _running(folder: Path, **settings: Any) -> Iterator[Running]:
    database = Database(f"sqlite:///{folder / 'rows.db'}")
    database.migrate()
    blobs = Blobs(folder)
    chosen = Settings(data_dir=folder, **settings)
    rows = AssetRows(database, blobs, limits=AssetLimits(chosen.asset_bytes, chosen.asset_bytes_account))
    keys = ApiKeyRows(database, b"pepper")
    looks = Looks()
    fetcher = UrlFetcher(make_gate(["127.0.0.1"], [0]), FetchLimits(10_000_000, 10, idle=2))
    uploads = Multipart(UploadRows(database, rows), blobs.parts)
    intake = Intake(rows, blobs, fetcher, looks, assemble=uploads.assembled)
    assets = AssetQueue(database, rows)
    deliveries = DeliveryRows(database, waits=(0,), lease=30)
    tasks = TaskRows(database, blobs, announce=deliveries.announce)
    queue = TaskQueue(database, blobs, lease=30, attempts=2, announce=deliveries.announce)
    wake = Wake(database)
    first_look = FirstLook(intake, assets, "api", wake.ring)
    worker = AssetLoop(
        assets, intake, "worker", lease=30, attempts=3, retry=0.05, when_decided=wake.ring, looks=1
    )
    tools: Any = SimpleNamespace(
        settings=chosen,
        engines=Engines(ScriptedEngine()),
        blobs=blobs,
        assets=rows,
        uploads=uploads,
        facts=looks,
        resolver=Resolver(rows, blobs, fetcher, asset_wait=0),
        tasks=tasks,
        indexes=IndexRows(database, blobs),
        index_tasks=IndexTaskRows(database, Settling(deliveries.announce_index)),
        idempotency=IdempotencyRows(database),
        webhooks=WebhookRows(database),
        deliveries=deliveries,
        delivery_log=DeliveryLog(database),
        wake=wake,
    )
    house = House(
        tools=tools,
        keys=Keys(keys),
        first_look=first_look,
        slots=Slots(2),
        chunk_urls=ChunkUrls(b"pepper", chosen.upload_url_seconds),
        analyses=CapacityLimiter(2 + READERS),
        limits=RateLimits(RateRows(database, [read_limit(text) for text in chosen.rate_limits])),
        bodies=Slots(chosen.large_bodies, "large bodies"),
    )

    async def nothing() -> None:
        return None

    app = make_application(house, nothing, nothing)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            "127.0.0.1",
            0,
            http=KinoscribeProtocol,
            log_level="warning",
            timeout_graceful_shutdown=5,
            ws="none",
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    worker.start()
    try:
        key = keys.create("a")[0]
        yield Running(folder, port, blobs, rows, keys, looks, key, database, tasks, queue, house)
    finally:
        looks.go.set()
        server.should_exit = True
        thread.join()
        first_look.close()
        worker.stop()
        blobs.close()
        wake.close()
        database.close()

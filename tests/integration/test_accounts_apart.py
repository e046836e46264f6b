"""Two accounts of one server send the same video: the second is told nothing, neither by words nor by the time it takes."""

from __future__ import annotations

import asyncio
import threading
import time as real_time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import numpy as np
import pytest
import uvicorn
from tests.media_truth import make_video
from tests.unit.evidence.played import Pretended

from kinoscribe import app as house
from kinoscribe import clock
from kinoscribe.analysis.tools import Tools
from kinoscribe.api import first_look
from kinoscribe.app.serving import build_asgi
from kinoscribe.cancel import Cancel
from kinoscribe.child import Children
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.record import Collected, Piece, Stage, Wanted
from kinoscribe.notes import CollectorReport, Notes, Shot
from kinoscribe.settings import Settings

LENGTH = 60.0


class Time:
    """Stands in for the clock that never goes back."""

    def __init__(self) -> None:
        self.at = 1000.0

    def steady(self) -> float:
        return self.at

    def play(self, wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        """A making that takes a minute."""
        self.at += 20.0
        yield Stage("look", 0.5)
        self.at += LENGTH - 20.0
        report = CollectorReport("shots", "1", "done")
        yield Collected(Notes(wanted.content, 0.0, 6.0, shots=(Shot(0.0, 6.0, "start"),), reports=(report,)))


class Installation:
    def __init__(self, tools: Tools, port: int, time: Time, making: Pretended) -> None:
        self.tools, self.port, self.time, self.making = tools, port, time, making

    def client(self, account: str) -> httpx2.Client:
        key, _ = self.tools.api_keys.create(account)
        return httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}/v1.3/",
            headers={"x-api-key": key},
            timeout=120,
            trust_env=False,
        )


def upload(client: httpx2.Client, video: Path) -> dict[str, Any]:
    """The asset, once it is ready: on a busy machine the first answer may come before that."""
    sent = client.post(
        "assets", data={"method": "direct"}, files={"file": ("v.mp4", video.read_bytes(), "video/mp4")}
    )
    assert sent.status_code == 201, sent.text
    where = f"assets/{sent.json()['_id']}"
    assert until(lambda: client.get(where).json()["status"] == "ready")
    return dict(client.get(where).json())


def ask(client: httpx2.Client, asset: dict[str, Any]) -> dict[str, Any]:
    """The receipt of an answer."""
    video = {"type": "asset_id", "asset_id": asset["_id"]}
    body = {"model_name": "pegasus1.5", "video": video, "prompt": "What is seen?", "stream": False}
    answer = client.post("analyze", json=body)
    assert answer.status_code == 200, answer.text
    receipt = client.get(f"receipts/{answer.json()['id']}")
    assert receipt.status_code == 200, receipt.text
    return dict(receipt.json())


def until(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = real_time.monotonic() + seconds
    while not (met := condition()) and real_time.monotonic() < end:
        real_time.sleep(0.05)
    return met


def told(body: dict[str, Any]) -> dict[str, Any]:
    """What is said, without what is never the same twice; the time to fetch began on another clock."""
    passing = {"_id", "generation_id", "created_at"}
    said = {name: value for name, value in body.items() if name not in passing}
    return {**said, "seconds": {**body.get("seconds", {}), "fetch": 0.0}}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    make_video(path, lambda _: np.zeros((360, 480, 3), np.uint8), seconds=6.0, fps=4)
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    time = Time()
    monkeypatch.setattr(clock, "steady", time.steady)
    monkeypatch.setattr(
        first_look, "_LONGEST_LOOK", 120.0
    )  # no worker takes over what a busy machine is slow at

    @contextmanager
    def serve(**more: Any) -> Iterator[Installation]:
        settings = Settings(data_dir=tmp_path / "data", engine="scripted", api_key=None, **more)
        tools = house.build_tools(settings)
        assert isinstance(tools.gatherer, Gatherer)
        making = Pretended(time.play)
        tools.gatherer._children = cast("Children", making)
        config = uvicorn.Config(build_asgi(tools), "127.0.0.1", 0, log_level="warning", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        try:
            assert until(lambda: server.started)
            yield Installation(tools, server.servers[0].sockets[0].getsockname()[1], time, making)
        finally:
            server.should_exit = True
            thread.join()

    return serve


def test_a_second_account_is_told_the_same_after_the_same_time(
    installed: Callable[..., Any], video: Path
) -> None:
    with installed() as served, served.client("one") as one, served.client("two") as two:
        first_asset = upload(one, video)
        first = ask(one, first_asset)
        second_asset = upload(two, video)
        assert first_asset["_id"] != second_asset["_id"]
        assert told(second_asset) == told(first_asset)

        answers: list[dict[str, Any]] = []
        asking = threading.Thread(target=lambda: answers.append(ask(two, second_asset)))
        asking.start()
        gatherer = served.tools.gatherer
        content = first["video"]["sha256"]
        meetings, key = served.tools.meetings, gatherer.key(content)
        assert until(lambda: meetings.find("two", key).known)
        served.time.at += LENGTH - 1.0
        assert not answers
        served.time.at += 1.0
        asking.join(120)
        (second,) = answers
        assert second["seconds"]["evidence"] == LENGTH == first["seconds"]["evidence"]
        assert told(second) == told(first)
        assert len(served.making.asked) == 1
        for client, asset in ((one, first_asset), (two, second_asset)):
            again = ask(client, asset)
            assert again["seconds"]["evidence"] == 0.0
            assert again["evidence"]["from_store"]


def test_accounts_that_trust_each_other_share_at_once(installed: Callable[..., Any], video: Path) -> None:
    with installed(accounts="trusting") as served, served.client("one") as one, served.client("two") as two:
        assert ask(one, upload(one, video))["seconds"]["evidence"] == LENGTH
        assert ask(two, upload(two, video))["seconds"]["evidence"] == 0.0
        assert len(served.making.asked) == 1

"""Measures long videos through the task route with a model that truly looks: memory, and what a kill in the middle loses."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import psutil
from tests.bench.model_servers import asset, beside, question
from tests.conformance.served import Served
from tests.model_server.coded import Coded
from tests.model_server.script import Script
from tests.model_server.seeing import Seer, right, uncovered
from tests.model_server.server import ModelServer
from tests.model_server.told import told_parts

MINUTES = (30, 60, 120)
"""The shortest has more windows than are asked about at once: what is held for those is part of every peak."""
AT_ONCE = 4
CONTEXT = 32_768
_MIB = 1024 * 1024
_LONGEST = 3600.0


def long_videos(folder: Path) -> dict[str, Any]:
    return {
        str(minutes): _one(minutes, folder / str(minutes), kill=minutes > MINUTES[0]) for minutes in MINUTES
    }


def _one(minutes: int, folder: Path, *, kill: bool) -> dict[str, Any]:
    """One video of cards of a minute, asked for as a task; with `kill` the worker is killed when half is looked at."""
    folder.mkdir(parents=True)
    # A second less than the hours of the limits, so that no rounding is beyond them.
    clip = Coded(minutes * 60 - 1, card=60, fps=1, size=(480, 360))
    path = clip.make(folder / "clip.mp4")
    seer = Seer.of_coded(clip)
    with (
        ModelServer("vllm") as server,
        beside(
            server.url, folder / "data", collectors="shots,looks", lease_seconds=5, retry_seconds=0.5
        ) as served,
    ):
        server.nature.context = CONTEXT
        server.otherwise = Script(text=seer, first=0.05)
        about = asset(served, path)
        with _Watched(served) as watched, served.client() as wire:
            began = time.perf_counter()
            body = question(about, "What happens, and from when to when?")
            made = wire.post("analyze/tasks", json=body)
            assert made.status_code == 202, made.text
            task_id = made.json()["task_id"]
            if kill:
                _kill_in_the_middle(served, seer, clip)
            ended = _ended(wire, task_id)
            took = time.perf_counter() - began
        assert ended["status"] == "ready", ended
        parts = told_parts(ended["result"]["data"], clip.truth.parts)
        windows = [(view.start, view.end) for view in seer.views if view.kind == "map"]
        assert windows, "the video fits into one look: nothing is measured"
        return {
            "seconds": took,
            "peak_mib": watched.peak / _MIB,
            "right": right(parts, clip.truth.parts, 0.11),
            "uncovered_s": uncovered(windows, 0.0, clip.seconds),
            "windows": len(set(windows)),
            "asked_again": len(windows) - len(set(windows)),
            "mistakes": len(seer.mistakes),
            "requests": len(server.chats()),
        }


def _kill_in_the_middle(served: Served, seer: Seer, clip: Coded) -> None:
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        if any(view.kind == "map" and view.end > clip.seconds / 2 for view in list(seer.views)):
            served.child("work").kill()
            return
        time.sleep(0.02)
    raise AssertionError("the middle was never reached")


def _ended(wire: httpx2.Client, task_id: str) -> dict[str, Any]:
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        found: dict[str, Any] = wire.get(f"analyze/tasks/{task_id}").json()
        if found["status"] in ("ready", "failed", "canceled"):
            return found
        time.sleep(0.1)
    raise AssertionError("the task did not end")


class _Watched:
    """Notes the most memory that all processes of a server have together, by what each has for itself."""

    def __init__(self, served: Served) -> None:
        self._root = psutil.Process(served.process.pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> "_Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self.peak = max(self.peak, sum(_own(one) for one in self._root.children(recursive=True)))


def _own(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0

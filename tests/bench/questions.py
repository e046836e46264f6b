"""Asks `kinoscribe analyze` about a video in a process of its own and watches its time, stages and memory."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from kinoscribe.settings import Settings

_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Answered:
    """`seconds` is the whole command's; `stages` are those of the receipt; `peak` is bytes of all its processes."""

    seconds: float
    stages: dict[str, float]
    collectors: dict[str, float]
    peak: int
    receipt: dict[str, Any]

    @property
    def without_engine(self) -> float:
        return sum(seconds for stage, seconds in self.stages.items() if stage != "answer")


def ask(video: Path, data: Path, prompt: str = "Summarize the video", *options: str) -> Answered:
    """One question. The weights are those of this checkout, whatever `data` is."""
    environment = {**os.environ, "KINOSCRIBE_MODELS_DIR": str(Settings().weights_dir.absolute())}
    program = [sys.executable, "-m", "kinoscribe.cli.main"]
    began = time.perf_counter()
    with subprocess.Popen(
        [*program, "analyze", str(video), prompt, "--json", "--data-dir", str(data), *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        watch = _Watch(running.pid)
        out, err = running.communicate()
        seconds = time.perf_counter() - began
        peak = watch.end()
    assert running.returncode == 0, err
    command = [*program, "receipt", json.loads(out)["id"], "--json", "--data-dir", str(data)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    receipt = json.loads(printed)
    collectors = {report["name"]: report["seconds"] for report in receipt["evidence"]["collectors"]}
    return Answered(seconds, receipt["seconds"], collectors, peak, receipt)


class _Watch:
    """Looks every tenth of a second how much memory a process and all below it hold (shared pages counted once)."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            held = 0
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                continue
            for process in family:
                try:
                    told = process.memory_full_info()
                except psutil.Error:
                    continue
                held += getattr(told, "pss", told.rss)
            self._peak = max(self._peak, held)

"""Measures what a server costs that nobody asks anything: the share of one core that all its processes take."""

import contextlib
import time
from pathlib import Path

import psutil
from tests.conformance.served import Served, serve, weights_folder

_SETTLE = 10.0


def share(data: Path, *, seconds: float = 30.0, database_url: str | None = None) -> dict[str, float]:
    """The share of one core, 1 being all of it, of an idle server of the embedded engine, and by process."""
    with serve(
        data, engine="embedded", models_dir=weights_folder(), database_url=database_url, log_level="warning"
    ) as served:
        time.sleep(_SETTLE)
        before, began = _spent(served), time.perf_counter()
        time.sleep(seconds)
        after, taken = _spent(served), time.perf_counter() - began
    shares = {name: (after[name] - before.get(name, 0.0)) / taken for name in after}
    return {"all": sum(shares.values()), **shares}


def _spent(served: Served) -> dict[str, float]:
    """Seconds of CPU by process, the supervisor's first."""
    root = psutil.Process(served.process.pid)
    spent = {}
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times, words = process.cpu_times(), process.cmdline()
            spent[f"{' '.join(words[3:4])} {process.pid}"] = times.user + times.system
    return spent

"""Turns a database address into a worker of the product whose tasks need no analysis: they wait, then answer.

Everything around the attempt is the product's own: claims, leases, heartbeats, the two ways to hand in, the outbox.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from kinoscribe import log
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.engines.engine import EngineState
from kinoscribe.settings import Settings
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.rate_rows import RateRows
from kinoscribe.storage.task_queue import Outcome, Task, TaskQueue
from kinoscribe.storage.wake import Wake
from kinoscribe.tasks import execute
from kinoscribe.tasks.worker import Worker

ATTEMPTS = 100  # on a busy machine a short lease may pass while its worker lives
_NEVER = (86_400.0,)  # an outbox that nobody empties


def delivery_rows(database: Database) -> DeliveryRows:
    return DeliveryRows(database, waits=_NEVER, lease=60.0)


def wait_and_answer(
    task: Task, _tools: Tools, queue: TaskQueue, cancel: Cancel, tell: execute.Tell
) -> execute.Verdict | None:
    """Stands in for `execute.attempt`. The answer names the attempt that gave it."""
    try:
        if not execute._insist(lambda: queue.begin(task.claim, None), cancel):
            return None
        seconds = float(task.request)
        if seconds:
            tell("answer", 0.5)
            cancel.wait(seconds)
        cancel.check()
    except Canceled:
        return None
    return Outcome(task.id, f"attempt {task.attempt} of {task.owner}", "stop", None, 1)


def worker(url: str, folder: Path, slots: int, lease: float) -> Worker:
    """Not yet running. From here on no worker of this process analyses anything."""
    execute.attempt = wait_and_answer
    database, blobs = Database(url), Blobs(folder)
    parts: dict[str, Any] = {
        "settings": Settings(data_dir=folder, engine="scripted"),
        "engines": SimpleNamespace(state=lambda: EngineState(ready=True)),
        "gatherer": SimpleNamespace(missing=list),
        "rates": RateRows(database),
    }
    queue = TaskQueue(
        database, blobs, lease=lease, attempts=ATTEMPTS, announce=delivery_rows(database).announce
    )
    tools = cast(Tools, SimpleNamespace(**parts))
    return Worker(tools, queue, Wake(database), slots=slots, lease=lease, drain=1.0)


if __name__ == "__main__":
    log.set_up("info")
    worker(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])).run()

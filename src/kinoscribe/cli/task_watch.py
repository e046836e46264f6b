"""Turns looks at tasks into bars on a terminal, or into a line at each change where nobody watches."""

import time
from collections.abc import Callable
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kinoscribe.cli.task_lines import bar, shown_share, stage_text
from kinoscribe.storage.task_rows import Task

_LOOK = 0.5


class Shown(Protocol):
    def show(self, task: Task) -> None: ...

    def close(self) -> None: ...


def watch_tasks(
    look: Callable[[], tuple[Task, ...]], again: Callable[[str], Task | None], every: float = _LOOK
) -> tuple[Task, ...]:
    """Shows the tasks that `look` finds until all have ended, and returns them as they then are.

    A task that `look` no longer finds is read `again` by its id, to say what became of it.
    """
    console = Console()
    shown: Shown = _Bars(console) if console.is_terminal else _Lines()
    seen: dict[str, Task] = {}
    try:
        while True:
            found = {task.id: task for task in look()}
            for task_id, task in seen.items():
                if task_id not in found and not task.ended:
                    ended = again(task_id)
                    if ended is not None:
                        found[task_id] = ended
            for task in found.values():
                shown.show(task)
            lost = {task_id for task_id, task in seen.items() if not task.ended and task_id not in found}
            seen = {task_id: task for task_id, task in (seen | found).items() if task_id not in lost}
            if all(task.ended for task in seen.values()):
                return tuple(seen.values())
            time.sleep(every)
    finally:
        shown.close()


class _Bars:
    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.fields[id]}"),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._bars.start()

    def show(self, task: Task) -> None:
        if task.id not in self._tasks:
            self._tasks[task.id] = self._bars.add_task("", total=None, id=task.id)
        words = f"{task.status}: {stage_text(task.stage)}" if task.owner is not None else task.status
        over = shown_share(task)
        total = None if task.owner is None and not task.ended else 1.0
        self._bars.update(self._tasks[task.id], description=words, total=total, completed=over)

    def close(self) -> None:
        self._bars.stop()


class _Lines:
    def __init__(self) -> None:
        self._said: dict[str, tuple[object, ...]] = {}

    def show(self, task: Task) -> None:
        tenth = int(shown_share(task) * 10 + 1e-9)
        state = (task.status, task.stage if task.owner else None, task.attempt, task.owner is None, tenth)
        if self._said.get(task.id) == state:
            return
        self._said[task.id] = state
        typer.echo(f"{task.id} {task.status} {bar(task)}".rstrip())

    def close(self) -> None:
        return

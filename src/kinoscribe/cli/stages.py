"""Turns Progress events into bars on a terminal, or into a few plain lines where nobody watches."""

import sys
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from kinoscribe import clock
from kinoscribe.contract.events import Progress

_LAST = "answer"
_WORDS = {
    "probe": "checking the video",
    "look": "pictures and cuts",
    "speech": "speech",
    "screen_text": "text on the screen",
    "visual_tags": "things seen",
    _LAST: "answer",
}
_WIDTH = max(len(words) for words in _WORDS.values())
_LINE_EVERY = 10.0


class Stages(Protocol):
    """Shows how far each stage is; the answer begins when all others are over. Nothing is shown after `close`."""

    def show(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


def stages(console: Console | None = None) -> Stages:
    """Bars where standard error is a terminal, else lines."""
    console = console or Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines(sys.stderr)


class Bars:
    """One bar for each stage; a stage whose end is unknown has a bar that moves to and fro."""

    def __init__(self, console: Console) -> None:
        self._bars = RichProgress(
            SpinnerColumn("line", finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._closed = False
        self._bars.start()

    def show(self, progress: Progress) -> None:
        if self._closed:
            return
        if progress.stage == _LAST:
            for task in self._tasks.values():
                self._bars.update(task, total=1.0, completed=1.0)
        if progress.stage not in self._tasks:
            words = stage_words(progress.stage).ljust(_WIDTH)
            self._tasks[progress.stage] = self._bars.add_task(words, total=None)
        task = self._tasks[progress.stage]
        if progress.done is not None:
            self._bars.update(task, total=1.0, completed=progress.done)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._bars.stop()
        self._bars.console.print()


class Lines:
    """A line when a stage ends, and one every ten seconds while it lasts."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._over: set[str] = set()
        self._closed = False

    def show(self, progress: Progress) -> None:
        stage, now = progress.stage, clock.steady()
        if self._closed or stage in self._over:
            return
        if stage == _LAST:
            for earlier in [name for name in self._began if name not in self._over and name != _LAST]:
                self._end(earlier, now)
        began = self._began.setdefault(stage, now)
        if progress.done is not None and progress.done >= 1.0:
            self._end(stage, now)
        elif now - self._said.setdefault(stage, began) >= _LINE_EVERY:
            self._said[stage] = now
            share = "" if progress.done is None else f" {progress.done:.0%},"
            self._write(f"{stage_words(stage)}:{share} {now - began:.0f} s")

    def close(self) -> None:
        """Every line stands for itself; one more would be glued to an answer that has begun."""
        self._closed = True

    def _end(self, stage: str, now: float) -> None:
        self._over.add(stage)
        self._write(f"{stage_words(stage)}: {now - self._began[stage]:.1f} s")

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def stage_words(stage: str) -> str:
    """How a stage is named to people."""
    return _WORDS.get(stage, stage.replace("_", " "))

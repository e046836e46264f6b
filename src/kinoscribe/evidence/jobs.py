"""One collection of evidence that several may wait for: its thread, its progress, its outcome."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.video import VideoFacts
from kinoscribe.notes import Notes


@dataclass(frozen=True, slots=True)
class Gone:
    """The job ended without a result because its own file was taken away or nobody waited for it any more."""


Outcome = Notes | ApiError | Gone


@dataclass(eq=False, slots=True)
class CollectingJob:
    """`waiting` counts those who want the result; a `pinned` job goes on without any."""

    key: str
    path: Path
    content: str
    facts: VideoFacts
    pinned: bool = False
    waiting: int = 0
    cancel: Cancel = field(default_factory=Cancel)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _stages: dict[str, float] = field(default_factory=dict)
    _outcome: Outcome | None = None

    def tell(self, stage: str, done: float) -> None:
        with self._changed:
            self._stages[stage] = done
            self._changed.notify_all()

    def end(self, outcome: Outcome) -> None:
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()

    def look(self, seen: dict[str, float], seconds: float) -> tuple[dict[str, float], Outcome | None]:
        """Waits until something differs from `seen` or the time is up; the stages as they are, and the outcome."""
        with self._changed:
            if self._outcome is None and self._stages == seen:
                self._changed.wait(seconds)
            return dict(self._stages), self._outcome

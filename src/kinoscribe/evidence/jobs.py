"""One collection of evidence that several may wait for: its thread, its progress, its outcome."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.making import Making, Record
from kinoscribe.evidence.shelf import Found
from kinoscribe.storage.evidence_rows import Steps


@dataclass(frozen=True, slots=True)
class Gone:
    """The job ended without a result: its file was taken away, nobody wanted it, or another went before it."""


class Interrupted(Exception):
    """Raised for those who do not wait: another collection went before this one, which may be asked for again."""


Outcome = Found | ApiError | Gone


@dataclass(eq=False, slots=True)
class CollectingJob:
    """`waiting` counts those who wait for the result now, `patient` those who want it whenever it may come."""

    key: str
    path: Path
    content: str
    facts: VideoFacts
    waiting: int = 0
    patient: int = 0
    cancel: Cancel = field(default_factory=Cancel)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _stages: dict[str, float] = field(default_factory=dict)
    _record: Record = field(default_factory=Record)
    _outcome: Outcome | None = None

    def count(self, change: int, *, waits: bool) -> None:
        """One more or one fewer who waits, or who is patient."""
        if waits:
            self.waiting += change
        else:
            self.patient += change

    def begin(self, before: Making | None) -> None:
        """The work begins: at a milestone, `before` is how it came there."""
        with self._changed:
            self._record.begin(before)

    def made(self) -> Making:
        """How it was made, up to now."""
        with self._changed:
            return self._record.made()

    def steps(self) -> Steps:
        with self._changed:
            return self._record.steps()

    def tell(self, stage: str, done: float) -> None:
        """Says how far a stage is. It never goes back: what is done again was told before."""
        with self._changed:
            self._stages[stage] = max(done, self._stages.get(stage, 0.0))
            self._record.note(stage, self._stages[stage])
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

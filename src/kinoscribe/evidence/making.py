"""Takes down how the notes of a content came about: which stage was how far after how many seconds of work."""

from __future__ import annotations

import secrets

import msgspec

from kinoscribe import clock
from kinoscribe.storage.evidence_rows import Steps

_GRAIN = 0.02


class Making(msgspec.Struct, frozen=True):
    """One making of notes. Notes that are made once more, because the first were removed, have another `id`."""

    id: str
    seconds: float
    steps: Steps = ()


class Record:
    """A making under way. What goes on from a milestone goes on with the making that came to it.

    Not safe to share: whoever owns it holds a lock.
    """

    def __init__(self) -> None:
        self._id = secrets.token_hex(16)
        self._steps: list[tuple[float, str, float]] = []
        self._told: dict[str, float] = {}
        self._before = 0.0
        self._begun: float | None = None

    def begin(self, before: Making | None) -> None:
        """The work begins, or goes on where an earlier one stood."""
        self._begun = clock.steady()
        if before is not None:
            self._id, self._before, self._steps = before.id, before.seconds, list(before.steps)
            self._told = {stage: done for _, stage, done in before.steps}

    def note(self, stage: str, done: float) -> None:
        """A stage is further; steps too small to be worth it are left out."""
        last = self._told.get(stage)
        if last is None or done - last >= _GRAIN or (done >= 1.0 > last):
            self._told[stage] = done
            self._steps.append((round(self._seconds(), 3), stage, round(done, 3)))

    def steps(self) -> Steps:
        return tuple(self._steps)

    def made(self) -> Making:
        """All of it up to now."""
        return Making(self._id, round(self._seconds(), 3), self.steps())

    def _seconds(self) -> float:
        return self._before + (0.0 if self._begun is None else clock.steady() - self._begun)

"""Passes a bell on to the other loops of a worker, so that none of them has to look at the database for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kinoscribe import clock
from kinoscribe.storage.wake import Wake

_AT_MOST_EVERY = 0.25


class SharedBell:
    """A `Wake` for one who waits, and `others` that are rung when it is, though not more than four times a second."""

    def __init__(self, wake: Wake, others: Sequence[Callable[[], None]]) -> None:
        self._wake = wake
        self._others = others
        self._rung = -_AT_MOST_EVERY
        self._owing = False

    def wait(self, seconds: float) -> bool:
        """Returns True as soon as something may have happened, and False when nothing has for so many seconds."""
        left = self._rung + _AT_MOST_EVERY - clock.steady() if self._owing else seconds
        heard = self._wake.wait(max(0.0, min(seconds, left)))
        self._owing = self._owing or heard
        if self._owing and clock.steady() - self._rung >= _AT_MOST_EVERY:
            self._rung, self._owing = clock.steady(), False
            for ring in self._others:
                ring()
        return heard

    def ring(self) -> None:
        self._wake.ring()

    def nudge(self) -> None:
        self._wake.nudge()

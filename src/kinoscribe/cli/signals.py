"""Turns signals into numbers that are read where it suits: in a thread that may take locks, or between two sleeps."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

from kinoscribe import clock

FOR_EVER = float("inf")


class Signals:
    """Catches the signals `numbers` of this process from now on. To be made in the main thread."""

    def __init__(self, *numbers: int) -> None:
        self._read, write = os.pipe()
        for descriptor in (self._read, write):
            os.set_blocking(descriptor, False)
        for number in numbers:
            signal.signal(number, _noted)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def next(self, until: float = FOR_EVER) -> list[int]:
        """Sleeps until signals come and returns them; empty when the instant `until` of the steady clock came first."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.poll(None if until == FOR_EVER else max(0.0, until - clock.steady()) * 1000 + 1)
        try:
            return list(os.read(self._read, 4096))
        except BlockingIOError:
            return []


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A handler must be there for a signal to be written to the pipe."""

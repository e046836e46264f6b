"""Turns an instant that is put off again and again into one call when it has truly come, at hardly any cost before."""

import asyncio
from collections.abc import Callable
from math import inf


class Alarm:
    """Calls `action` on the event loop once its instant has come. Make it, and use it, on the event loop.

    The timer below stays where it is when the instant moves on, and looks again when it is due.
    """

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._loop = asyncio.get_running_loop()
        self._at = inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """To be called in so many seconds, and no longer when it was to be before."""
        self._at = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= self._at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._at, self._look)

    def stop(self) -> None:
        """Not to be called until it is set again."""
        self._at = inf

    def close(self) -> None:
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() >= self._at:
            self._at = inf
            self._action()
        elif self._at < inf:
            self._timer = self._loop.call_at(self._at, self._look)

"""Carries what a thread says to the event loop: many words cost one wake, and what nobody fetches takes little room."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from kinoscribe.api.alarm import Alarm

T = TypeVar("T")

# So many items that nobody has fetched are put together with those that follow.
_LONG = 256


class Handover(Generic[T]):
    """One thread puts, one task of the event loop takes. Make it on the event loop, and close it there.

    `join` gives two neighbours as one, or None where they stay two: by it a long queue is kept short.
    """

    def __init__(self, join: Callable[[T, T], T | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell = _bell_of(self._loop)
        self._join = join
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._rung = False
        self._waiter: asyncio.Future[bool] | None = None
        self._alarm = Alarm(self._give_up)

    def put(self, item: T) -> None:
        """May be called in any thread."""
        with self._lock:
            items = self._items
            both = self._join(items[-1], item) if len(items) >= _LONG else None
            if both is None:
                items.append(item)
            else:
                items[-1] = both
            ring = not self._rung
            self._rung = True
        if ring:
            self._bell.ring(self._loop, self._wake)

    def take(self) -> list[T]:
        """All that is there, in the order it was put."""
        with self._lock:
            taken = list(self._items)
            self._items.clear()
            self._rung = False
        return taken

    async def wait(self, seconds: float) -> bool:
        """Waits until there may be something to take. False when nothing came in so many seconds."""
        if self._items:
            return True
        if seconds <= 0.0:
            return False
        self._waiter = self._loop.create_future()
        self._alarm.set(seconds)
        try:
            return await self._waiter
        finally:
            self._alarm.stop()
            self._waiter = None

    def close(self) -> None:
        """Nobody waits any more."""
        self._alarm.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)

    def _give_up(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(False)


class _Bell:
    """Wakes an event loop once for all that have rung since it last answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung: list[Callable[[], None]] = []

    def ring(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """Raises `RuntimeError` when the loop is closed."""
        with self._lock:
            self._rung.append(wake)
            first = len(self._rung) == 1
        if first:
            loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        with self._lock:
            rung, self._rung = self._rung, []
        for wake in rung:
            wake()


_bells: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell]" = WeakKeyDictionary()


def _bell_of(loop: asyncio.AbstractEventLoop) -> _Bell:
    return _bells.setdefault(loop, _Bell())

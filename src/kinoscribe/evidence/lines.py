"""Runs one collector in a thread of its own behind a short queue, so that collectors work side by side."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog

from kinoscribe import clock
from kinoscribe.evidence.milestone import Marker
from kinoscribe.notes import CollectorReport

_POLL = 0.2
_log = structlog.get_logger(__name__)


class Timed(Protocol):
    @property
    def time(self) -> float: ...


_Item = TypeVar("_Item", bound=Timed)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Work:
    """What a collector does with each item, how it ends, and what it has to know to go on in another process."""

    feed: Callable[[Any], None]
    finish: Callable[[], Any]
    memory: Callable[[], bytes] = bytes


class Line(Generic[_Item, _Result]):
    """Feeds a collector. Whatever it raises costs its own result and nothing else.

    `make` loads what the collector needs; it runs in the thread as well. `size` bounds the queue. `reached` is
    told the collector's name and the time of each item it has worked on, `ended` that it has ended, however.
    `worked` are the seconds it has worked on the video before, in another process.
    """

    def __init__(
        self,
        name: str,
        version: str,
        make: Callable[[], Work],
        size: int,
        reached: Callable[[str, float], None],
        ended: Callable[[], None] | None = None,
        worked: float = 0.0,
    ) -> None:
        self.name = name
        self.result: _Result | None = None
        self._version = version
        self._make = make
        self._reached = reached
        self._ended = ended
        self._queue: queue.Queue[_Item | Marker | None] = queue.Queue(size)
        self._stop = threading.Event()
        self._busy = worked
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def offer(self, item: _Item | Marker | None) -> bool:
        """Hands an item over; False when the queue stayed full for a moment and it has to be offered again.

        A collector that has failed takes everything and does nothing.
        """
        if not self._thread.is_alive():
            return True
        try:
            self._queue.put(item, timeout=_POLL)
        except queue.Full:
            return False
        return True

    def close(self) -> bool:
        """Says that no more items come; False when it has to be said again."""
        return self.offer(None)

    def join(self, seconds: float) -> bool:
        """Waits for the result; False when it is not there yet."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Drops what waits in the queue; the thread ends after the item it is at."""
        self._stop.set()

    def report(self, items: int) -> CollectorReport:
        """What it did, once it has ended."""
        return CollectorReport(
            name=self.name,
            version=self._version,
            state="done" if self._failure is None else "failed",
            seconds=round(self._busy, 3),
            items=items,
            reason=self._failure,
        )

    def _run(self) -> None:
        began = clock.steady()
        try:
            work = self._make()
            self._busy += clock.steady() - began
            while not self._stop.is_set():
                try:
                    item = self._queue.get(timeout=_POLL)
                except queue.Empty:
                    continue
                began = clock.steady()
                if item is None:
                    self.result = work.finish()
                    self._busy += clock.steady() - began
                    return
                if isinstance(item, Marker):
                    item.add(self.name, work.memory(), self._busy)
                    continue
                work.feed(item)
                self._busy += clock.steady() - began
                self._reached(self.name, item.time)
        except Exception as error:  # noqa: BLE001  a collector that fails costs its own notes only
            _log.exception("collector_failed", collector=self.name)
            self._failure = f"{type(error).__name__}: {error}"[:200]
        finally:
            if self._ended is not None:
                self._ended()

"""Holds what a worker does beside its tasks: works by their key, each in a thread, and the loop that looks for more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
_STOP_PATIENCE = 5.0

_log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Work:
    """Something that was claimed, by its key, and the switch that stops it."""

    key: str
    cancel: Cancel = field(default_factory=Cancel)


W = TypeVar("W", bound=Work)


class Crew(Generic[W]):
    """Works of one kind, called `name`. The loop calls `turn`, which looks at the queue and begins what is due.

    After each turn it waits for `rest` seconds or until somebody rings, and `least` seconds in any case. `do` runs in
    a thread of its own for each work. Where the database is away the loop tries again, ever less often.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], None],
        do: Callable[[W], None],
        rest: Callable[[], float],
        *,
        least: float = 0.0,
    ) -> None:
        self._name = name
        self._turn = turn
        self._do = do
        self._rest = rest
        self._least = least
        self._lock = threading.Lock()
        self._works: dict[str, tuple[W, threading.Thread]] = {}
        self._ending = threading.Event()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ring(self) -> None:
        """Says that there may be something to do: it need not wait for the next look."""
        self._bell.set()

    def stop(self, release: Callable[[], object]) -> None:
        """Stops the loop and all works; `release` then gives back at once what they had claimed."""
        self._ending.set()
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_PATIENCE)
        with self._lock:
            left = list(self._works.values())
        for work, _ in left:
            work.cancel.throw()
        for _, thread in left:
            thread.join(_STOP_PATIENCE)
        try:
            release()
        except ApiError as error:
            _log.warning("not_released", kind=self._name, reason=error.message)

    def running(self) -> dict[str, W]:
        """What goes on at this moment, by key."""
        with self._lock:
            return {key: work for key, (work, _) in self._works.items()}

    def begin(self, work: W) -> bool:
        """Starts the work; one whose key is at work already goes on in its place. False when no thread can be had."""
        with self._lock:
            if work.key in self._works:  # its lease ran out while this process slept
                return True
            name = f"{self._name}-job-{work.key[-8:]}"
            thread = threading.Thread(target=self._finish, args=(work,), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system has no room for another one
                _log.warning("not_begun", kind=self._name, key=work.key, reason=str(error))
                return False
            self._works[work.key] = (work, thread)
            return True

    def _finish(self, work: W) -> None:
        try:
            self._do(work)
        finally:
            with self._lock:
                self._works.pop(work.key, None)
            self._bell.set()

    def _run(self) -> None:
        wait, pause = self._least, _FIRST_PAUSE
        while not self._ending.wait(wait):
            try:
                self._bell.clear()
                self._turn()
                wait, pause = self._least, _FIRST_PAUSE
                self._bell.wait(self._rest())
            except ApiError as error:
                _log.warning("waits_for_the_database", kind=self._name, reason=error.message)
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            except Exception:  # noqa: BLE001  the edge of this thread: it must go on
                _log.exception("unexpected", kind=self._name)
                wait = _LONGEST_PAUSE

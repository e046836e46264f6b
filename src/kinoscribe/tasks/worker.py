"""Runs tasks of the queue, a few at once, for as long as their leases are its own.

One thread claims, one keeps the leases and tells of progress, and each task runs in a thread of its own.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

import structlog

from kinoscribe import clock
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.task_queue import TaskQueue
from kinoscribe.tasks.execute import execute
from kinoscribe.tasks.slots import Running, Slots

# Waiting tasks whose time comes ring no bell: they are looked for this often.
_LOOK = 1.0
_KEEP = 0.4
_KEEP_FAILING = 1.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LAST_WORDS = 5.0
_LONGEST_HOST = 40

_log = structlog.get_logger(__name__)


class Beside(Protocol):
    """Other work of the same process: it begins before the first task and ends after the last."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Bell(Protocol):
    """Says that there may be something to do."""

    def wait(self, seconds: float) -> bool: ...

    def ring(self) -> None:
        """Wakes the workers of all processes."""
        ...

    def nudge(self) -> None:
        """Wakes only the one that waits here."""
        ...


def new_owner() -> str:
    """A name for one worker, never used before, that tells people where it runs."""
    return f"{socket.gethostname()[:_LONGEST_HOST]}-{os.getpid()}-{secrets.token_hex(4)}"


class Worker:
    """`slots` tasks at once. Leases last `lease` seconds; after `stop`, running tasks get `drain` seconds more."""

    def __init__(
        self,
        tools: Tools,
        queue: TaskQueue,
        wake: Bell,
        *,
        slots: int,
        lease: float,
        drain: float,
        beside: Sequence[Beside] = (),
    ) -> None:
        self.owner = new_owner()
        self._tools = tools
        self._queue = queue
        self._wake = wake
        self._lease = lease
        self._drain_seconds = drain
        self._beside = beside
        self._slots = Slots(slots, wake.nudge)
        self._lacks: list[str] = []
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._over = threading.Event()

    @property
    def running(self) -> int:
        """Tasks at work now."""
        return len(self._slots.running())

    def run(self) -> None:
        """Works until `stop`, then drains."""
        with ExitStack() as ends:
            for other in self._beside:
                other.start()
                ends.callback(other.stop)
            keeper = threading.Thread(target=self._keep, name="leases", daemon=True)
            keeper.start()
            ends.callback(keeper.join, _LAST_WORDS)
            ends.callback(self._slots.wake_keeper)
            ends.callback(self._over.set)
            _log.info("worker_started", owner=self.owner, slots=self._slots.most)
            self._claim_until_stopped()
            self.drain(self._drain_seconds)
            _log.info("worker_ended", owner=self.owner)

    def stop(self) -> None:
        """Takes no new tasks; running ones get their time. The second call ends that time. Any thread may call."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._wake.nudge()

    def drain(self, seconds: float) -> None:
        """Waits for the running tasks, gives up those that are left, and releases them for the next worker at once."""
        self._stopping.set()
        until = clock.steady() + seconds
        while self._slots.running() and clock.steady() < until and not self._hurry.wait(0.05):
            continue
        left = self._slots.running()
        for running in left:
            self._slots.give_up(running)
        try:
            if left and self._queue.release(self.owner):
                _log.info("tasks_released", owner=self.owner, tasks=len(left))
                self._wake.ring()
        except ApiError as error:
            _log.warning("tasks_not_released", owner=self.owner, reason=error.message)
        for running in self._slots.leaving():
            running.join(_LAST_WORDS)

    def _claim_until_stopped(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                self._claim()
            except Exception as error:  # noqa: BLE001  the edge of this loop: it goes on whatever happens
                if pause == _FIRST_PAUSE:
                    _tell_of("tasks_not_claimed", error)
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            self._wake.wait(_LOOK)

    def _claim(self) -> None:
        free = self._slots.free()
        if not free or not self._able():
            return
        self._beat()  # after an outage: what runs here must not be taken for lost
        held_until = clock.steady() + self._lease
        for task in self._queue.claim(self.owner, free, besides=self._slots.ids()):
            try:
                self._slots.enter(Running(task, held_until, self._work))
            except RuntimeError as error:  # there is no room for a thread now: that is no fault of the task
                _log.warning("task_not_begun", task=task.id, reason=str(error))
                self._queue.again(task.claim, _LONGEST_PAUSE, strike=False)

    def _able(self) -> bool:
        """Whether an analysis could be begun here. Tasks wait, for other workers or better times, and lose nothing."""
        state = self._tools.engines.state()
        lacks = [*([] if state.ready else [state.reason]), *self._tools.gatherer.missing()]
        if lacks != self._lacks:
            self._lacks = lacks
            _log.warning("worker_lacks" if lacks else "worker_lacks_nothing", what=lacks)
        return not lacks

    def _work(self, running: Running) -> None:
        try:
            execute(running.task, self._tools, self._queue, running.cancel, running.tell)
        except Exception:  # noqa: BLE001  the edge of this thread: the worker goes on whatever happens
            _log.exception("unexpected", task=running.task.id, attempt=running.task.attempt)
        finally:
            self._slots.leave(running)

    def _keep(self) -> None:
        """Keeps the leases of what runs, gives up what is lost, and writes progress."""
        failing = False
        while not self._over.is_set():
            if not self._slots.wait_until_busy():
                continue
            try:
                self._beat()
                self._look()
                self._tell()
            except Exception as error:  # noqa: BLE001  the edge of this loop: it goes on whatever happens
                if not failing:
                    _tell_of("leases_not_kept", error)
                failing = True
            else:
                failing = False
            self._give_up_expired()
            self._over.wait(min(_KEEP_FAILING if failing else _KEEP, self._lease / 6))

    def _beat(self) -> None:
        """Renews all leases when a third of one is over."""
        runs, now = self._slots.running(), clock.steady()
        if not any(running.held_until - now < self._lease * 2 / 3 for running in runs):
            return
        held_until = now + self._lease
        held = self._queue.beat(self.owner, [running.task.id for running in runs])
        for running in runs:
            if running.task.id in held:
                running.held_until = held_until

    def _look(self) -> None:
        """Only what ran before the question was asked can be missing in its answer."""
        runs = self._slots.running()
        mine = self._queue.mine(self.owner)
        for running in runs:
            if running.task.id not in mine:
                self._slots.give_up(running)

    def _tell(self) -> None:
        for running in self._slots.running():
            news = running.news(clock.steady())
            if news is not None:
                self._queue.progress(running.task.claim, *news)

    def _give_up_expired(self) -> None:
        """While the database cannot be asked, a lease lasts as long as it was given for, and no longer."""
        for running in self._slots.running():
            if clock.steady() >= running.held_until:
                _log.warning("lease_passed", task=running.task.id, attempt=running.task.attempt)
                self._slots.give_up(running)


def _tell_of(event: str, error: Exception) -> None:
    if isinstance(error, ApiError):
        _log.warning(event, reason=error.message)
    else:
        _log.error(event, exc_info=error)

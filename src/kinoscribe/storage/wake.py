"""Wakes whoever waits for work as soon as another thread or process has written some."""

from __future__ import annotations

import os
import select
import sqlite3
import threading
from contextlib import ExitStack, suppress
from typing import Any

import structlog

from kinoscribe import clock
from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.database import Database

_LOOK = 0.1

CHANNEL = "kinoscribe_work"

_log = structlog.get_logger(__name__)


class Wake:
    """A bell that all processes of one database hear.

    PostgreSQL carries it; on SQLite every change by another connection rings it. It may ring for nothing, and may
    fail to when the database is away: who waits looks for work anyway when the time is up. `wait` is for one
    thread; the rest may be called from any, and nothing here raises because of the database.
    """

    def __init__(self, database: Database, channel: str = CHANNEL) -> None:
        self._database = database
        self._channel = channel
        self._open = ExitStack()
        self._connection: Any = None
        self._seen: int | None = None
        self._nudged, self._nudge = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._pipe = ExitStack()
        self._closing = threading.Lock()
        self._closed = False
        for handle in (self._nudged, self._nudge):
            self._pipe.callback(os.close, handle)

    def wait(self, seconds: float) -> bool:
        """Returns True as soon as something may have happened, and False when nothing has for so many seconds."""
        deadline = clock.steady() + seconds
        try:
            if self._connection is None:
                self._connect()
                if not self._database.is_sqlite:
                    return True  # what was rung before this moment has not been heard
            if self._database.is_sqlite:
                return self._watch(deadline)
            return self._listen(deadline)
        except (ApiError, OSError, self._database.driver_error) as error:
            _log.warning("wake_lost", reason=str(error))
            self._disconnect()
            return self._rest(deadline)

    def ring(self) -> None:
        """Wakes the waiting threads of all processes. Call it when what there is to see is committed."""
        self.nudge()
        with suppress(ApiError):
            self._database.notify(self._channel)

    def nudge(self) -> None:
        """Wakes the thread that waits here, and no other process."""
        with self._closing, suppress(BlockingIOError):  # full: it has been nudged often enough
            if not self._closed:
                os.write(self._nudge, b"\0")

    def close(self) -> None:
        """To be called when nobody waits any more; once more does no harm, and neither does who rings later."""
        self._disconnect()
        with self._closing:
            self._closed = True
            self._pipe.close()

    def _connect(self) -> None:
        with ExitStack() as opening:
            connection = opening.enter_context(self._database.alone())
            if not self._database.is_sqlite:
                connection.autocommit = True
                connection.execute(f'LISTEN "{self._channel}"')
            self._open = opening.pop_all()
        self._connection = connection

    def _disconnect(self) -> None:
        self._connection, self._seen = None, None
        with suppress(OSError, self._database.driver_error):
            self._open.close()

    def _watch(self, deadline: float) -> bool:
        while True:
            version = _version(self._connection)
            if version != self._seen:
                self._seen = version
                return True
            left = deadline - clock.steady()
            if left <= 0:
                return False
            if self._rest(clock.steady() + min(left, _LOOK)):
                return True

    def _listen(self, deadline: float) -> bool:
        heard = self._connection.fileno()
        ready = _ready(deadline, heard, self._nudged)
        if heard in ready:
            for _ in self._connection.notifies(timeout=0):
                pass
        if self._nudged in ready:
            self._rest(deadline)
        return bool(ready)

    def _rest(self, deadline: float) -> bool:
        """Waits without the database; says whether it was nudged."""
        if not _ready(deadline, self._nudged):
            return False
        os.read(self._nudged, 4096)
        return True


def _ready(deadline: float, *handles: int) -> list[int]:
    """Those of `handles` that can be read, as soon as there is one or the deadline has come."""
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return [handle for handle, _ in poll.poll(max(0.0, deadline - clock.steady()) * 1000)]


def _version(connection: sqlite3.Connection) -> int:
    row = connection.execute("PRAGMA data_version")
    try:
        version: int = row.fetchone()[0]
    finally:
        row.close()
    return version

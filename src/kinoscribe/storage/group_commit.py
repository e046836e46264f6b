"""Writes in one transaction what many threads want to write at the same moment."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog
from sqlalchemy import Connection

from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.database import Database

T = TypeVar("T")

_MOST = 256
_log = structlog.get_logger(__name__)


class GroupCommit(Generic[T]):
    """Whoever comes while a transaction is under way waits for the next one, which writes for all who wait.

    Alone nobody waits: the first who comes writes at once. `write` puts one item into a transaction.
    """

    def __init__(self, database: Database, write: Callable[[Connection, T], None]) -> None:
        self._database = database
        self._write = write
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting[T]] = deque()
        self._under_way = False

    def put(self, item: T) -> None:
        """Returns when the item is written for good. Raises what `Database.writing` and `write` raise.

        What one item of several does wrong, only its own thread hears of.
        """
        mine = _Waiting(item)
        with self._lock:
            self._waiting.append(mine)
            mine.leads = not self._under_way
            self._under_way = True
        if not mine.leads:
            mine.called.wait()
        if mine.leads:
            self._lead()
        if not mine.settled:  # of a group that failed
            self._commit([mine])
        if mine.error is not None:
            raise mine.error

    def _lead(self) -> None:
        """Writes for those who wait, oneself among them, and calls on the next to lead."""
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
        try:
            self._commit(group)
        except Exception:
            if len(group) == 1:
                raise
            _log.info("group_not_written", items=len(group), exc_info=True)
        finally:
            with self._lock:
                self._under_way = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].called.set()
            for one in group:
                one.called.set()

    def _commit(self, group: Sequence[_Waiting[T]]) -> None:
        try:
            with self._database.writing() as db:
                for one in group:
                    self._write(db, one.item)
        except ApiError as error:  # the database is full or away, for all of them
            for one in group:
                one.error = error
        for one in group:
            one.settled = True


class _Waiting(Generic[T]):
    __slots__ = ("called", "error", "item", "leads", "settled")

    def __init__(self, item: T) -> None:
        self.item = item
        self.called = threading.Event()
        self.leads = False
        self.settled = False
        self.error: ApiError | None = None

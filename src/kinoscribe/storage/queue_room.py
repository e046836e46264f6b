"""Says whether the queue has room for one more task, without counting all of it each time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from kinoscribe import clock
from kinoscribe.contract.errors import QueueFull
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import tasks
from kinoscribe.storage.task_record import LIVE

_FRESH = 1.0  # seconds for which a count may be relied on far from the limit
_FAR = 0.75  # the part of a limit up to which is far
_NEAR = 32  # so few places left, that those who come at the same moment have to be counted one by one
_REMEMBERED = 1000  # accounts


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many tasks may wait or run: `most` in all, `most_account` of one account."""

    most: int
    most_account: int


class QueueRoom:
    """Counts for the submissions of this process. The limits hold exactly, whoever else submits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: dict[str | None, tuple[float, int]] = {}
        self._changing = threading.Lock()

    def check(self, connection: Connection, account: str, limits: QueueLimits) -> None:
        """Raises `QueueFull` when `account`, or the whole server, has as many tasks as it may have."""
        if self._far(None, limits.most) and self._far(account, limits.most_account):
            return
        room = self._count(connection, account, limits)
        if room <= _NEAR:
            self._database.lock(connection, "queue")
            self._count(connection, account, limits)

    def taken(self, account: str) -> None:
        """One more task of `account` is in the queue."""
        with self._changing:
            for whose in (None, account):
                if whose in self._counted:
                    when, live = self._counted[whose]
                    self._counted[whose] = (when, live + 1)

    def _far(self, whose: str | None, most: int) -> bool:
        counted = self._counted.get(whose)
        return (
            counted is not None and clock.steady() - counted[0] < _FRESH and counted[1] < most * _FAR - _NEAR
        )

    def _count(self, connection: Connection, account: str, limits: QueueLimits) -> int:
        """How many places are left."""
        own = func.count().filter(tasks.c.account == account)
        all_tasks, of_account = connection.execute(select(func.count(), own).where(LIVE)).one()
        when = clock.steady()
        with self._changing:
            if len(self._counted) > _REMEMBERED:
                self._counted.clear()
            self._counted[None] = (when, all_tasks)
            self._counted[account] = (when, of_account)
        if of_account >= limits.most_account:
            raise QueueFull(whose="this account", most=limits.most_account)
        if all_tasks >= limits.most:
            raise QueueFull(whose="this server", most=limits.most)
        return min(limits.most - all_tasks, limits.most_account - of_account)

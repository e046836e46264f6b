"""Sets room aside for files on their way, in rows that count no more once the process that wrote them has died."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import structlog
from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from kinoscribe import ids
from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.database import Database
from kinoscribe.storage.removal import remove
from kinoscribe.storage.tables import reservations

_LEASE = 60.0
"""Seconds for which a row counts that nobody renews."""
_STEP, _SHARE = 1024 * 1024, 8
"""Of a file whose length nobody knows, room for so many bytes more is set aside at a time, or for a part of it."""

SetAside = Callable[[str, int, int], int]

_log = structlog.get_logger(__name__)


class Reservations:
    """The rows, and a thread that renews those of this process for as long as it has any."""

    def __init__(self, database: Database, *, lease: float = _LEASE) -> None:
        self._database = database
        self._lease = lease
        self._lock = threading.Lock()
        self._ours: set[str] = set()
        self._emptied = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, db: Connection, reservation: str, account: str, size: int) -> None:
        """Sets `size` bytes more aside, in the transaction that has found them free."""
        until = self._database.now(self._lease)
        mine = update(reservations).where(reservations.c.id == reservation)
        grown = mine.values(bytes=reservations.c.bytes + size, lease_until=until)
        if db.execute(grown).rowcount == 0:
            row = {"id": reservation, "account": account, "bytes": size, "lease_until": until}
            db.execute(insert(reservations).values(**row))

    def renew(self, reservation: str) -> None:
        """Has it outlive its lease from now on, until `give_back`."""
        with self._lock:
            self._ours.add(reservation)
            self._emptied.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew, name="reservations", daemon=True)
                self._thread.start()

    def take(self, db: Connection, reservation: str) -> None:
        """Removes a reservation in the transaction that writes what it was made for."""
        db.execute(delete(reservations).where(reservations.c.id == reservation))

    def give_back(self, reservation: str) -> None:
        """Ends a reservation, if it was ever made. Where the database is away it ends by itself."""
        with self._lock:
            if reservation not in self._ours:
                return
            self._ours.remove(reservation)
            if not self._ours:
                self._emptied.set()
        try:
            with self._database.writing() as db:
                self.take(db, reservation)
        except ApiError as error:
            _log.warning("reservation_left", reason=error.message)

    def sums(self, *beside: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
        """The bytes set aside at this moment."""
        total = func.coalesce(func.sum(reservations.c.bytes), 0)
        columns: tuple[ColumnElement[Any], ...] = (*beside, total)
        return select(*columns).where(reservations.c.lease_until > self._database.now())

    def sweep(self, *, dry: bool = False) -> int:
        """Removes what processes left that have died; says how many, or with `dry` would go."""
        past = reservations.c.lease_until <= self._database.now()
        return remove(self._database, reservations, past, dry=dry)

    def _renew(self) -> None:
        while True:
            self._emptied.wait(self._lease / 4)
            with self._lock:
                ours = sorted(self._ours)
                if not ours:
                    self._thread = None
                    return
            try:
                with self._database.writing() as db:
                    of = update(reservations).where(reservations.c.id.in_(ours))
                    db.execute(of.values(lease_until=self._database.now(self._lease)))
            except ApiError as error:
                _log.warning("reservations_not_renewed", reason=error.message)


class Reservation:
    """Room for one file, which grows with it. To be used by one thread at a time; must be closed."""

    def __init__(self, kept: Reservations, set_aside: SetAside) -> None:
        """`set_aside` is told the id, the bytes that are needed and those that are wished; it says how many it took."""
        self.id = ids.new_object_id()
        self.bytes = 0
        self._kept = kept
        self._set_aside = set_aside

    def grow(self, size: int) -> int:
        """Has room for `size` bytes in all and, where there is any, for some more. Says for how many it has.

        Raises `StorageQuotaExceeded`.
        """
        return self.announce(size, size + max(_STEP, size // _SHARE))

    def announce(self, least: int, most: int) -> int:
        """The same for a file of which is known between what sizes it will be."""
        if not self.bytes:
            self._kept.renew(self.id)
        self.bytes += self._set_aside(self.id, least - self.bytes, most - self.bytes)
        return self.bytes

    def close(self) -> None:
        """Gives back what was not taken."""
        self._kept.give_back(self.id)
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""Counts the bytes that assets hold, files on their way and uploads, and refuses more than an operator allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from kinoscribe.contract.errors import StorageQuotaExceeded
from kinoscribe.storage.database import Database
from kinoscribe.storage.reservations import Reservation, Reservations
from kinoscribe.storage.tables import assets, reservations, uploads

_HERE = assets.c.content.is_not(None)
_AWAITED = and_(assets.c.status == "processing", assets.c.content.is_(None))
_SERVER, _ACCOUNT = "this server", "this account"


@dataclass(frozen=True, slots=True)
class AssetLimits:
    """How many bytes assets may come to: `most` of all accounts together, `most_account` of each; None is no limit."""

    most: int | None = None
    most_account: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What an account has: its assets with a file, their bytes, and the bytes that may still come of its uploads."""

    account: str
    assets: int
    bytes: int
    promised: int


class AssetRoom:
    """Room for assets, as the rows of all processes tell it.

    Each asset counts with the size of its file, also where another has the same content. An upload in chunks counts
    with the size it was begun for, until its file is an asset's, or it has expired, failed, or its asset was deleted;
    a file that comes in one piece with the bytes that were set aside for it.
    """

    def __init__(self, database: Database, limits: AssetLimits | None = None) -> None:
        self._database = database
        self._limits = limits or AssetLimits()
        self.reservations = Reservations(database)

    @property
    def is_limited(self) -> bool:
        return self._limits != AssetLimits()

    def take(self, db: Connection, account: str, size: int, reserved: Reservation | None = None) -> None:
        """Raises `StorageQuotaExceeded` unless `size` bytes more may be written in this transaction.

        They take the place of what was `reserved` for them. Who asks next, in whatever process, waits until the
        transaction has ended. Take no lock of a content before.
        """
        if reserved is not None:
            self.reservations.take(db, reserved.id)
        for whose, of, most in self._bounds(account):
            self._database.lock(db, "assets" if of is None else f"assets {of}")
            if self._taken(db, of) + size > most:
                raise self._refusal(whose, most, size)

    def reserve(self, account: str) -> Reservation:
        """Room for one file on its way, of no bytes yet; to be closed when the file is there or will not come."""

        def set_aside(reservation: str, needed: int, wished: int) -> int:
            free = max(needed, wished)
            with self._database.writing() as db:
                for whose, of, most in self._bounds(account):
                    self._database.lock(db, "assets" if of is None else f"assets {of}")
                    left = most - self._taken(db, of)
                    if needed > left:
                        raise self._refusal(whose, most, needed)
                    free = min(free, left)
                self.reservations.add(db, reservation, account, free)
            return free

        return Reservation(self.reservations, set_aside)

    def left(self, account: str) -> int | None:
        """Bytes that the account may bring now, never fewer than none; None is no limit. Others may be quicker."""
        bounds = list(self._bounds(account))
        if not bounds:
            return None
        with self._database.reading() as db:
            return max(0, min(most - self._taken(db, of) for _, of, most in bounds))

    def refusal(self, account: str, size: int) -> StorageQuotaExceeded:
        """What is said to one who brings `size` bytes, which are more than are left."""
        bounds = list(self._bounds(account))
        with self._database.reading() as db:
            over = [(whose, most) for whose, of, most in bounds if self._taken(db, of) + size > most]
        return self._refusal(*(over or [(whose, most) for whose, _, most in bounds])[0], size)

    def held(self) -> tuple[Held, ...]:
        """What each account has that has any asset or upload, by name."""
        have = select(assets.c.account, func.count(), func.coalesce(func.sum(assets.c.size), 0)).where(_HERE)
        with self._database.reading() as db:
            here = {
                name: (count, int(size)) for name, count, size in db.execute(have.group_by(assets.c.account))
            }
            awaited = self._promises(uploads.c.account).group_by(uploads.c.account)
            promised = Counter({name: int(size) for name, size in db.execute(awaited)})
            coming = self.reservations.sums(reservations.c.account).group_by(reservations.c.account)
            promised.update({name: int(size) for name, size in db.execute(coming)})
        names = sorted(here.keys() | promised.keys())
        return tuple(Held(name, *here.get(name, (0, 0)), promised.get(name, 0)) for name in names)

    def _bounds(self, account: str) -> Iterator[tuple[str, str | None, int]]:
        """Whose limit, the account it is counted for (None: all), and the bytes; always in the same order."""
        if self._limits.most is not None:
            yield _SERVER, None, self._limits.most
        if self._limits.most_account is not None:
            yield _ACCOUNT, account, self._limits.most_account

    def _taken(self, db: Connection, account: str | None) -> int:
        size = select(func.coalesce(func.sum(assets.c.size), 0)).where(_HERE)
        promised, coming = self._promises(), self.reservations.sums()
        if account is not None:
            size = size.where(assets.c.account == account)
            promised = promised.where(uploads.c.account == account)
            coming = coming.where(reservations.c.account == account)
        sums = (each.scalar_subquery() for each in (size, promised, coming))
        return int(db.execute(select(reduce(add, sums))).scalar_one())

    def _promises(self, *beside: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
        going = and_(uploads.c.status == "active", uploads.c.expires_at > self._database.now())
        total = func.coalesce(func.sum(uploads.c.total_size), 0)
        columns: tuple[ColumnElement[Any], ...] = (*beside, total)
        waiting = select(*columns).select_from(uploads).join(assets, assets.c.id == uploads.c.asset_id)
        return waiting.where(_AWAITED, or_(going, uploads.c.status == "completed"))

    @staticmethod
    def _refusal(whose: str, most: int, size: int) -> StorageQuotaExceeded:
        return StorageQuotaExceeded(size=size, whose=whose, most=most)

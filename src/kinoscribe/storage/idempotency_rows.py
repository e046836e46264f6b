"""Keeps the answer to a request that came with an Idempotency-Key, and gives it again to the same request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select

from kinoscribe.contract.errors import IdempotencyKeyReused
from kinoscribe.storage.database import Database
from kinoscribe.storage.removal import remove
from kinoscribe.storage.tables import idempotency_keys as keys

Made = TypeVar("Made")

TRIES = 3  # how often a transaction is done that another with the same key may cross
_KEPT = 24 * 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Once(Generic[Made]):
    """A request that is to be done once. `digest` is of its whole body; `body` makes the answer of what it made."""

    route: str
    key: str
    digest: str
    status: int
    body: Callable[[Made], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that was given the first time."""

    status: int
    body: dict[str, Any]


class IdempotencyRows:
    """Answers by account, route and key, for 24 hours.

    `look` and `keep` belong into the one transaction that does the work. Where two do so at the same moment, the
    later `keep` raises `IntegrityError` when the other has ended: its transaction is then to be done again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        kept = database.now(-_KEPT)
        answer = select(keys.c.digest, keys.c.status, keys.c.body)
        self._look = answer.where(*_NAMED, keys.c.created_at > kept)
        self._drop_old = delete(keys).where(*_NAMED, keys.c.created_at <= kept)
        self._insert = insert(keys).values(created_at=database.now())

    def has(self, account: str, route: str, key: str) -> bool:
        """Whether an answer was kept for a request with this key, whatever its body was."""
        query = select(keys.c.status).where(*_NAMED, keys.c.created_at > self._database.now(-_KEPT))
        with self._database.asking() as db:
            named = {"of_account": account, "of_route": route, "of_key": key}
            return db.execute(query, named).first() is not None

    def find(self, account: str, once: Once[Any]) -> Replay | None:
        """The answer, if there is one: to be asked before work that costs. Raises `IdempotencyKeyReused`."""
        with self._database.asking() as db:
            return self.look(db, account, once)

    def look(self, connection: Connection, account: str, once: Once[Any]) -> Replay | None:
        """The answer as this transaction sees it. Raises `IdempotencyKeyReused`: same key, another body."""
        row = connection.execute(self._look, _named(account, once)).one_or_none()
        if row is None:
            return None
        if row.digest != once.digest:
            raise IdempotencyKeyReused(key=once.key)
        return Replay(row.status, row.body)

    def keep(self, connection: Connection, account: str, once: Once[Made], made: Made) -> Replay:
        """Keeps the answer for `made` and returns it. Raises `IntegrityError` when another kept one meanwhile."""
        replay = Replay(once.status, once.body(made))
        connection.execute(self._drop_old, _named(account, once))
        row = {"digest": once.digest, "status": replay.status, "body": replay.body}
        connection.execute(self._insert, {**row, "account": account, "route": once.route, "key": once.key})
        return replay

    def forget(self, *, dry: bool = False) -> int:
        """Drops the answers that are too old to be given again; says how many, or with `dry` would be dropped."""
        return remove(self._database, keys, keys.c.created_at <= self._database.now(-_KEPT), dry=dry)


_NAMED = (
    keys.c.account == bindparam("of_account"),
    keys.c.route == bindparam("of_route"),
    keys.c.key == bindparam("of_key"),
)


def _named(account: str, once: Once[Any]) -> dict[str, str]:
    """The parameters of `_NAMED`."""
    return {"of_account": account, "of_route": once.route, "of_key": once.key}

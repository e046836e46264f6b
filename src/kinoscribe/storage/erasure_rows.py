"""Leaves word of erased accounts for every data folder, so that each machine removes what it keeps in files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from kinoscribe import ids
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import erasures, erasures_done

_INSERT: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Erased:
    """An account that was erased, as `CacheFolder.salt` names it, and how many seconds ago."""

    id: str
    salt: str
    erased_at: datetime
    seconds: float


class ErasureRows:
    """A row for every erasure, and one for every data folder that has carried it out. All methods may be repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.now

    def leave(self, salt: str) -> None:
        """Every folder has to remove what it keeps of the account `salt`."""
        row = {"id": ids.new_object_id(), "salt": salt, "erased_at": self._now()}
        with self._database.writing() as db:
            db.execute(insert(erasures).values(**row))

    def due(self, folder: str) -> tuple[Erased, ...]:
        """What a folder has not carried out yet, the oldest first."""
        done = exists().where(erasures_done.c.erasure_id == erasures.c.id, erasures_done.c.folder == folder)
        query = select(*erasures.c, self._now().label("now")).where(~done).order_by(erasures.c.erased_at)
        with self._database.asking() as db:
            rows = db.execute(query).all()
        return tuple(
            Erased(row.id, row.salt, row.erased_at, (row.now - row.erased_at).total_seconds()) for row in rows
        )

    def done(self, erasure: str, folder: str) -> None:
        """A folder has nothing left of it. Says nothing of an erasure that was forgotten meanwhile."""
        known = select(erasures.c.id).where(erasures.c.id == erasure).with_for_update(key_share=True)
        with self._database.writing() as db:
            if db.execute(known).first() is None:
                return
            carried = _INSERT[db.dialect.name](erasures_done).values(erasure_id=erasure, folder=folder)
            db.execute(carried.on_conflict_do_nothing())

    def forget(self, seconds: float) -> int:
        """Removes what was left so long ago: a folder that has not seen it keeps nothing that old. Says how many."""
        with self._database.writing() as db:
            old = delete(erasures).where(erasures.c.erased_at < self._now(-seconds))
            return db.execute(old).rowcount

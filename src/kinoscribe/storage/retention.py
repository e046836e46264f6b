"""Turns ages into rows that go: assets, tasks and receipts, a few at a time, so that nobody has to wait for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, exists, func, select

from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.tables import assets, index_tasks, receipts, tasks, videos

_AT_ONCE = 200
_ENDED = ("ready", "failed")


class OldRows:
    """Removes what is older than so many seconds, in transactions of a few rows each. All say how many went.

    With `dry` nothing goes, and they say how many would.
    """

    def __init__(self, database: Database, blobs: Blobs, *, now: Clock | None = None) -> None:
        self._database = database
        self._contents = Contents(database, blobs)
        self._clock = now

    def assets(self, seconds: float, *, dry: bool) -> int:
        """Assets that were made so long ago, with their files; but none that a task or an index still needs."""
        needed = (
            exists().where(tasks.c.asset_id == assets.c.id, tasks.c.completed_at.is_(None)),
            exists().where(videos.c.asset_id == assets.c.id),
        )
        where = (assets.c.status.in_(_ENDED), *(~each for each in needed))
        return self._remove(assets, assets.c.created_at, seconds, where, dry=dry, content=assets.c.content)

    def tasks(self, seconds: float, *, dry: bool) -> int:
        """Tasks that ended so long ago, with what their webhooks were told."""
        return self._remove(tasks, tasks.c.completed_at, seconds, (), dry=dry)

    def index_tasks(self, seconds: float, *, dry: bool) -> int:
        """Tasks of indexes that ended so long ago. Their videos stay."""
        where = (index_tasks.c.status.in_(_ENDED),)
        return self._remove(index_tasks, index_tasks.c.updated_at, seconds, where, dry=dry)

    def receipts(self, seconds: float, *, dry: bool) -> int:
        """Receipts of answers that were given so long ago."""
        key = receipts.c.generation_id
        return self._remove(receipts, receipts.c.created_at, seconds, (), dry=dry, key=key)

    def unused_contents(self, *, dry: bool) -> int:
        """Contents that no asset and no task refers to."""
        return len(self._contents.unused()) if dry else self._contents.sweep()

    def _remove(
        self,
        table: Table,
        made: ColumnElement[Any],
        seconds: float,
        where: tuple[ColumnElement[bool], ...],
        *,
        dry: bool,
        key: ColumnElement[Any] | None = None,
        content: ColumnElement[Any] | None = None,
    ) -> int:
        key = table.c.id if key is None else key
        with self._database.reading() as db:
            before = moment(db, self._clock) - timedelta(seconds=seconds)
            old: Select[Any] = select(key).where(made < before, *where)
            if dry:
                return db.execute(select(func.count()).select_from(old.subquery())).scalar_one()
        gone = 0
        some = old.order_by(made).limit(_AT_ONCE).scalar_subquery()
        # What was needed again since it was chosen stays: the statement looks at it once more.
        going = delete(table).where(key.in_(some), made < before, *where)
        while True:
            with self._database.writing() as db:
                found = db.execute(going.returning(key if content is None else content)).scalars().all()
            if content is not None:
                self._contents.drop_unused(found)
            gone += len(found)
            if len(found) < _AT_ONCE:
                return gone

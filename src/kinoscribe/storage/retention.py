"""Turns ages and numbers into rows that go: assets, tasks and receipts, a few at a time, so that nobody has to wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, exists, func, select

from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.tables import assets, deliveries, index_tasks, receipts, tasks, videos

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

    def tasks_beyond(self, most: int, *, dry: bool, within: float | None = None) -> int:
        """Of each account the ended tasks but the last `most`. Those of which a webhook has still to be told stay.

        `within`: older ones than so many seconds go by their age, and are not counted here.
        """
        untold = exists().where(deliveries.c.task_id == tasks.c.id, deliveries.c.ended_at.is_(None))
        return self._remove_beyond(tasks, tasks.c.completed_at, most, (~untold,), within, dry=dry)

    def index_tasks_beyond(self, most: int, *, dry: bool, within: float | None = None) -> int:
        """The same of tasks of indexes."""
        untold = exists().where(
            deliveries.c.index_task_id == index_tasks.c.id, deliveries.c.ended_at.is_(None)
        )
        where = (index_tasks.c.status.in_(_ENDED), ~untold)
        return self._remove_beyond(index_tasks, index_tasks.c.updated_at, most, where, within, dry=dry)

    def receipts_beyond(self, most: int, *, dry: bool, within: float | None = None) -> int:
        """Of each account the receipts but the last `most`."""
        key = receipts.c.generation_id
        return self._remove_beyond(receipts, receipts.c.created_at, most, (), within, dry=dry, key=key)

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

    def _remove_beyond(
        self,
        table: Table,
        ended: ColumnElement[Any],
        most: int,
        where: tuple[ColumnElement[bool], ...],
        within: float | None,
        *,
        dry: bool,
        key: ColumnElement[Any] | None = None,
    ) -> int:
        """Removes the oldest rows of each account that has more than `most`; several may do so at once."""
        key = table.c.id if key is None else key
        ripe = (ended.is_not(None), *where)
        with self._database.reading() as db:
            if within is not None:
                ripe = (*ripe, ended >= moment(db, self._clock) - timedelta(seconds=within))
            counted = select(table.c.account, func.count()).where(*ripe).group_by(table.c.account)
            over = {name: count - most for name, count in db.execute(counted) if count > most}
        if dry:
            return sum(over.values())
        gone = 0
        for account in sorted(over):
            while some := self._oldest_gone(table, key, ended, most, (*ripe, table.c.account == account)):
                gone += some
        return gone

    def _oldest_gone(
        self,
        table: Table,
        key: ColumnElement[Any],
        ended: ColumnElement[Any],
        most: int,
        where: tuple[ColumnElement[bool], ...],
    ) -> int:
        """Counts anew while nobody else removes any, so that no more go than are too many."""
        with self._database.writing() as db:
            self._database.lock(db, f"sweep {table.name}")
            count = db.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
            oldest = select(key).where(*where).order_by(ended, key).limit(min(_AT_ONCE, max(0, count - most)))
            return db.execute(delete(table).where(key.in_(oldest.scalar_subquery()))).rowcount

"""Keeps the indexes of every account, and takes with an index what was brought into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, cast, delete, func, insert, select, update
from sqlalchemy import Text as SqlText
from sqlalchemy.exc import IntegrityError

from kinoscribe import clock, ids
from kinoscribe.contract.errors import IndexNameAlreadyExists
from kinoscribe.contract.indexes import IndexQuery, NewIndex, Sorting
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import assets, deliveries, index_tasks, indexes, videos


@dataclass(frozen=True, slots=True)
class KeptIndex:
    """One index; `video_count` and `total_duration` (seconds) are of its ready videos."""

    id: str
    account: str
    name: str
    models: list[dict[str, Any]]
    addons: list[str]
    created_at: datetime
    updated_at: datetime
    video_count: int
    total_duration: float


class IndexRows:
    """Indexes by account. What belongs to another account is as good as not there."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._contents = Contents(database, blobs)

    def add(self, account: str, new: NewIndex) -> str:
        """A new index; its id. Raises `IndexNameAlreadyExists`."""
        now, index_id = clock.now(), ids.new_object_id()
        models = [
            {"model_name": one.model_name, "model_options": list(one.model_options)} for one in new.models
        ]
        values: Mapping[str, Any] = {
            "id": index_id,
            "account": account,
            "name": new.name,
            "models": models,
            "addons": list(new.addons),
            "created_at": now,
            "updated_at": now,
        }
        try:
            with self._database.writing() as db:
                db.execute(insert(indexes).values(**values))
        except IntegrityError as error:
            raise IndexNameAlreadyExists(name=new.name) from error
        return index_id

    def get(self, account: str, index_id: str) -> KeptIndex | None:
        with self._database.reading() as db:
            row = db.execute(_SHOWN.where(*_owned(account, index_id))).one_or_none()
        return None if row is None else KeptIndex(**row._mapping)

    def page(
        self, account: str, wanted: IndexQuery, *, page: int, limit: int
    ) -> tuple[tuple[KeptIndex, ...], int]:
        """The indexes of one page (the first is 1), and how many there are on all pages."""
        where = [indexes.c.account == account, *since(indexes, wanted.sorting)]
        if wanted.name is not None:
            where.append(indexes.c.name == wanted.name)
        models = cast(indexes.c.models, SqlText)
        if wanted.family is not None:
            where.append(models.contains(f'"{wanted.family}'))
        where += [models.contains(f'"{option}"') for option in wanted.options]
        rows = _SHOWN.where(*where).order_by(*ordered(indexes, wanted.sorting))
        with self._database.reading() as db:
            total = db.execute(select(func.count()).select_from(indexes).where(*where)).scalar_one()
            found = db.execute(rows.limit(limit).offset((page - 1) * limit))
            return tuple(KeptIndex(**row._mapping) for row in found), total

    def rename(self, account: str, index_id: str, name: str) -> bool:
        """False when there is no such index. Raises `IndexNameAlreadyExists`."""
        renamed = update(indexes).where(*_owned(account, index_id)).values(name=name, updated_at=clock.now())
        try:
            with self._database.writing() as db:
                return db.execute(renamed).rowcount == 1
        except IntegrityError as error:
            raise IndexNameAlreadyExists(name=name) from error

    def remove(self, account: str, index_id: str) -> bool:
        """Removes an index with its videos and tasks, and the assets that came with those. False when there is none."""
        tasks = select(index_tasks.c.id).where(index_tasks.c.index_id == index_id)
        with self._database.writing() as db:
            if (
                db.execute(select(indexes.c.id).where(*_owned(account, index_id)).with_for_update()).first()
                is None
            ):
                return False
            db.execute(delete(deliveries).where(deliveries.c.index_task_id.in_(tasks)))
            brought = select(videos.c.asset_id).where(videos.c.index_id == index_id, videos.c.brought)
            asset_ids = list(db.execute(brought).scalars())
            db.execute(delete(indexes).where(*_owned(account, index_id)))
            contents = forget_brought(db, asset_ids)
        self._contents.drop_unused(contents)
        return True


def forget_brought(db: Connection, asset_ids: list[str]) -> list[str | None]:
    """Removes those assets to which no video refers any more; call it after the videos that brought them are gone.

    Returns their contents: `Contents.drop_unused` them after the commit.
    """
    left = select(videos.c.asset_id)
    gone = delete(assets).where(assets.c.id.in_(asset_ids), assets.c.id.not_in(left))
    return list(db.execute(gone.returning(assets.c.content)).scalars())


def since(table: Any, sorting: Sorting) -> list[ColumnElement[bool]]:
    """The conditions for the moments that a list shows."""
    moments = (("created_at", sorting.created_at), ("updated_at", sorting.updated_at))
    return [table.c[name] >= moment for name, moment in moments if moment is not None]


def ordered(table: Any, sorting: Sorting) -> list[ColumnElement[Any]]:
    """The order of a list; of equal moments the ids decide."""
    columns = (table.c[sorting.by], table.c.id)
    return [column.asc() if sorting.ascending else column.desc() for column in columns]


_READY = and_(videos.c.index_id == indexes.c.id, videos.c.status == "ready")
_COUNT = select(func.count()).where(_READY).correlate(indexes).scalar_subquery()
_SECONDS = (
    select(func.coalesce(func.sum(assets.c.duration), 0.0))
    .select_from(videos.join(assets, assets.c.id == videos.c.asset_id))
    .where(_READY)
    .correlate(indexes)
    .scalar_subquery()
)
_SHOWN = select(*indexes.c, _COUNT.label("video_count"), _SECONDS.label("total_duration"))


def _owned(account: str, index_id: str) -> tuple[ColumnElement[bool], ...]:
    return indexes.c.id == index_id, indexes.c.account == account

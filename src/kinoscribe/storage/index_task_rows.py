"""Keeps the tasks that bring videos into indexes: they tell how far a video is, and outlive it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, delete, func, insert, literal, select

from kinoscribe.contract.errors import IndexTaskCannotBeDeleted
from kinoscribe.contract.videos import IndexTaskQuery
from kinoscribe.storage.asset_record import Asset
from kinoscribe.storage.database import Database
from kinoscribe.storage.index_rows import ordered, since
from kinoscribe.storage.settling import PENDING, Settled, Settling
from kinoscribe.storage.tables import assets, deliveries, index_tasks, videos

_GONE = "The video was deleted before it was ready."


@dataclass(frozen=True, slots=True)
class IndexTask:
    """One task. The figures of its video are unset until it is ready."""

    id: str
    account: str
    index_id: str
    video_id: str
    status: str
    error: str | None
    filename: str
    duration: float | None
    width: int | None
    height: int | None
    created_at: datetime
    updated_at: datetime


class IndexTaskRows:
    """Tasks by account. What belongs to another account is as good as not there."""

    def __init__(self, database: Database, settling: Settling) -> None:
        self._database = database
        self._settling = settling

    def bring(self, db: Connection, asset: Asset, index_id: str, task_id: str, video_id: str) -> None:
        """Adds the video that a new asset becomes, and its task, in the transaction that adds the asset.

        Raises `ResourceNotExist` when there is no such index.
        """
        self._settling.add(db, asset.account, Settled.of(asset), index_id, video_id, brought=True)
        db.execute(
            insert(index_tasks).values(
                id=task_id,
                account=asset.account,
                index_id=index_id,
                video_id=video_id,
                status=PENDING,
                filename=asset.filename,
                filename_folded=asset.filename.casefold(),
                created_at=asset.created_at,
                updated_at=asset.created_at,
            )
        )

    def get(self, account: str, task_id: str) -> IndexTask | None:
        with self._database.reading() as db:
            query = _TASK.where(index_tasks.c.id == task_id, index_tasks.c.account == account)
            row = db.execute(query).one_or_none()
        return None if row is None else IndexTask(**row._mapping)

    def page(
        self, account: str, wanted: IndexTaskQuery, *, page: int, limit: int
    ) -> tuple[tuple[IndexTask, ...], int]:
        """The tasks of one page (the first is 1), and how many there are on all pages."""
        where = [index_tasks.c.account == account, *since(index_tasks, wanted.sorting)]
        if wanted.index_id is not None:
            where.append(index_tasks.c.index_id == wanted.index_id)
        if wanted.statuses:
            where.append(_STATUS.in_(wanted.statuses))
        if wanted.filename is not None:
            name = wanted.filename.casefold()
            where.append(index_tasks.c.filename_folded.contains(name, autoescape=True))
        where += [index_tasks.c[name] == number for name, number in wanted.exact.items()]
        query = _TASK.where(*where)
        rows = query.order_by(*ordered(index_tasks, wanted.sorting)).limit(limit).offset((page - 1) * limit)
        with self._database.reading() as db:
            total = db.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            return tuple(IndexTask(**row._mapping) for row in db.execute(rows)), total

    def remove(self, account: str, task_id: str) -> bool:
        """Removes a task, not its video; what it has still to tell is not sent any more. False when there is none.

        Raises `IndexTaskCannotBeDeleted` while it goes on.
        """
        with self._database.writing() as db:
            query = _TASK.where(index_tasks.c.id == task_id, index_tasks.c.account == account)
            row = db.execute(query).one_or_none()
            if row is None:
                return False
            if row.status not in ("ready", "failed"):
                raise IndexTaskCannotBeDeleted(id=task_id, state=row.status)
            db.execute(delete(deliveries).where(deliveries.c.index_task_id == task_id))
            db.execute(delete(index_tasks).where(index_tasks.c.id == task_id))
        return True


_STATUS = case(
    (index_tasks.c.status != PENDING, index_tasks.c.status),
    (videos.c.id.is_(None), "failed"),
    (assets.c.content.is_(None), "uploading"),
    (assets.c.owner.is_(None), "queued"),
    else_="indexing",
)
_ERROR = case(
    (index_tasks.c.status != PENDING, index_tasks.c.error),
    (videos.c.id.is_(None), literal(_GONE)),
    else_=None,
)
_TASK = (
    select(
        index_tasks.c.id,
        index_tasks.c.account,
        index_tasks.c.index_id,
        index_tasks.c.video_id,
        _STATUS.label("status"),
        _ERROR.label("error"),
        index_tasks.c.filename,
        index_tasks.c.duration,
        index_tasks.c.width,
        index_tasks.c.height,
        index_tasks.c.created_at,
        index_tasks.c.updated_at,
    )
    .outerjoin_from(index_tasks, videos, videos.c.id == index_tasks.c.video_id)
    .outerjoin(assets, assets.c.id == videos.c.asset_id)
)

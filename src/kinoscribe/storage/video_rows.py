"""Keeps the videos of indexes: assets that were put into an index, each under an id of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, func, select, update

from kinoscribe import clock, ids
from kinoscribe.contract.errors import ParameterInvalid, ResourceNotExist
from kinoscribe.contract.indexes import answers
from kinoscribe.contract.metadata_filter import MetadataFilter
from kinoscribe.contract.videos import VideoQuery
from kinoscribe.storage.asset_record import Metadata
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.index_rows import forget_brought, ordered, since
from kinoscribe.storage.settling import OF_ASSET, PENDING, Settled, Settling
from kinoscribe.storage.tables import assets, indexes, videos

_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Video:
    """A video of an index. `answers`: a model of its index answers questions. Figures are unset until it is ready."""

    id: str
    account: str
    index_id: str
    index_name: str
    answers: bool
    asset_id: str
    status: str
    error: str | None
    filename: str
    size: int | None
    duration: float | None
    fps: float | None
    width: int | None
    height: int | None
    user_metadata: Metadata | None
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None


class VideoRows:
    """Videos by account. What belongs to another account is as good as not there."""

    def __init__(self, database: Database, blobs: Blobs, settling: Settling) -> None:
        self._database = database
        self._contents = Contents(database, blobs)
        self._settling = settling

    def add(self, account: str, index_id: str, asset_id: str) -> Video:
        """A video of an asset that is there already, settled at once where that is.

        Raises `ResourceNotExist`, and the refusal of an asset that can never be a video of an index.
        """
        video_id = ids.new_object_id()
        with self._database.writing() as db:
            known = select(*OF_ASSET).where(assets.c.id == asset_id, assets.c.account == account)
            row = db.execute(known.with_for_update()).one_or_none()
            if row is None:
                raise ResourceNotExist(id=asset_id, collection="assets")
            asset = Settled.of(row)
            if asset.status == "failed":
                raise _refused(f"The status of the asset is failed: {asset.error}")
            if asset.status == "ready" and asset.kind != "video":
                raise _refused(f"The asset is of type {asset.kind}; a video is needed.")
            self._settling.add(db, account, asset, index_id, video_id)
        video = self.get(account, index_id, video_id)
        assert video is not None, "it was just added"
        return video

    def get(self, account: str, index_id: str, video_id: str) -> Video | None:
        return self._one(_VIDEO.where(*_owned(account, index_id, video_id)))

    def find(self, account: str, video_id: str) -> Video | None:
        """The video by its id alone, as a question names it."""
        return self._one(_VIDEO.where(videos.c.id == video_id, videos.c.account == account))

    def page(
        self,
        account: str,
        index_id: str,
        wanted: VideoQuery,
        *,
        page: int,
        limit: int,
        only_ready: bool = False,
    ) -> tuple[tuple[Video, ...], int]:
        """The videos of one page (the first is 1), and how many there are on all pages."""
        where = [videos.c.account == account, videos.c.index_id == index_id]
        where += since(videos, wanted.sorting)
        if only_ready:
            where.append(videos.c.status == "ready")
        if wanted.statuses:
            where.append(VIDEO_STATUS.in_(wanted.statuses))
        if wanted.filename is not None:
            where.append(assets.c.filename_folded.contains(wanted.filename.casefold(), autoescape=True))
        for name, (least, most) in wanted.ranges.items():
            column = assets.c[name] if name in ("duration", "size") else videos.c[name]
            where += [column >= least] if least is not None else []
            where += [column <= most] if most is not None else []
        order = ordered(videos, wanted.sorting)
        if wanted.metadata.wanted:
            return self._page_of_accepted(wanted.metadata, where, order, page, limit)
        return self._page(where, order, page, limit)

    def of_asset(
        self, account: str, asset_id: str, *, page: int, limit: int
    ) -> tuple[tuple[Video, ...], int]:
        """The videos that refer to an asset, newest first."""
        where = [videos.c.account == account, videos.c.asset_id == asset_id]
        return self._page(where, [videos.c.created_at.desc(), videos.c.id.desc()], page, limit)

    def change_metadata(
        self, account: str, index_id: str, video_id: str, change: Callable[[Metadata], Metadata]
    ) -> bool:
        """Puts `change(old)` in the place of a video's metadata. False when there is no such video."""
        owned = _owned(account, index_id, video_id)
        with self._database.writing() as db:
            old = db.execute(select(videos.c.user_metadata).where(*owned).with_for_update()).one_or_none()
            if old is None:
                return False
            new = change(dict(old.user_metadata or {})) or None
            db.execute(update(videos).where(*owned).values(user_metadata=new, updated_at=clock.now()))
        return True

    def remove(self, account: str, index_id: str, video_id: str) -> bool:
        """Removes a video, and the asset that came with it unless another video refers to that."""
        gone = delete(videos).where(*_owned(account, index_id, video_id))
        with self._database.writing() as db:
            row = db.execute(gone.returning(videos.c.asset_id, videos.c.brought)).one_or_none()
            if row is None:
                return False
            contents = forget_brought(db, [row.asset_id]) if row.brought else []
        self._contents.drop_unused(contents)
        return True

    def _one(self, query: Select[Any]) -> Video | None:
        with self._database.reading() as db:
            row = db.execute(query).one_or_none()
        return None if row is None else _video(row)

    def _page(
        self, where: list[ColumnElement[bool]], order: list[Any], page: int, limit: int
    ) -> tuple[tuple[Video, ...], int]:
        query = _VIDEO.where(*where)
        rows = query.order_by(*order).limit(limit).offset((page - 1) * limit)
        with self._database.reading() as db:
            total = db.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            return tuple(_video(row) for row in db.execute(rows)), total

    def _page_of_accepted(
        self,
        metadata: MetadataFilter,
        where: list[ColumnElement[bool]],
        order: list[Any],
        page: int,
        limit: int,
    ) -> tuple[tuple[Video, ...], int]:
        """As `_page`, of the videos whose metadata are accepted.

        They are read here and not compared in SQL: the databases take keys and texts apart in ways of their own, and
        PostgreSQL fails over a NUL in any of them.
        """
        told = (
            _VIDEO.with_only_columns(videos.c.id, videos.c.user_metadata)
            .where(*where, videos.c.user_metadata.is_not(None))
            .order_by(*order)
            .execution_options(yield_per=_READ_AT_ONCE)
        )
        with self._database.reading() as db:
            found = [row.id for row in db.execute(told) if metadata.accepts(row.user_metadata)]
            shown = found[(page - 1) * limit : page * limit]
            rows = db.execute(_VIDEO.where(videos.c.id.in_(shown)))
            by_id = {video.id: video for video in map(_video, rows)}
        return tuple(by_id[video_id] for video_id in shown if video_id in by_id), len(found)


VIDEO_STATUS = case(
    (videos.c.status != PENDING, videos.c.status),
    (assets.c.content.is_(None), "pending"),
    (assets.c.owner.is_(None), "queued"),
    else_="indexing",
)
_VIDEO = (
    select(
        videos.c.id,
        videos.c.account,
        videos.c.index_id,
        indexes.c.name.label("index_name"),
        indexes.c.models,
        videos.c.asset_id,
        VIDEO_STATUS.label("status"),
        videos.c.error,
        assets.c.filename,
        assets.c.size,
        assets.c.duration,
        videos.c.fps,
        videos.c.width,
        videos.c.height,
        videos.c.user_metadata,
        videos.c.created_at,
        videos.c.updated_at,
        videos.c.indexed_at,
    )
    .join_from(videos, assets, assets.c.id == videos.c.asset_id)
    .join(indexes, indexes.c.id == videos.c.index_id)
)


def _video(row: Any) -> Video:
    values = dict(row._mapping)
    models = values.pop("models")
    return Video(**values, answers=answers(models))


def _owned(account: str, index_id: str, video_id: str) -> tuple[ColumnElement[bool], ...]:
    return videos.c.id == video_id, videos.c.index_id == index_id, videos.c.account == account


def _refused(reason: str) -> ParameterInvalid:
    return ParameterInvalid(p="asset_id", reason=reason)

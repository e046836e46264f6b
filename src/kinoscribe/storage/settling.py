"""Settles the videos of an asset, and the tasks that brought them, in the moment in which the asset is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from kinoscribe import clock
from kinoscribe.contract.errors import ApiError, ResourceNotExist
from kinoscribe.contract.video import VideoFacts
from kinoscribe.contract.videos import fault_of
from kinoscribe.storage.asset_record import Asset, Metadata
from kinoscribe.storage.tables import assets, index_tasks, indexes, videos

# What a row says of its state until its asset is decided.
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Settled:
    """What of an asset its videos follow."""

    id: str
    status: str
    kind: str | None
    facts: VideoFacts | None
    duration: float | None
    error: str | None
    user_metadata: Metadata | None

    @classmethod
    def of(cls, row: Any) -> Settled:
        """From an asset, or a row of `OF_ASSET`."""
        facts = row.facts
        if not isinstance(facts, VideoFacts | None):
            facts = msgspec.convert(facts, VideoFacts)
        return cls(row.id, row.status, row.kind, facts, row.duration, row.error, row.user_metadata)


OF_ASSET = (
    assets.c.id,
    assets.c.status,
    assets.c.kind,
    assets.c.facts,
    assets.c.duration,
    assets.c.error,
    assets.c.user_metadata,
)


@dataclass(frozen=True, slots=True)
class EndedIndexTask:
    """What a message tells of a task that came to its end; `duration` is in seconds."""

    id: str
    account: str
    status: str
    duration: float | None
    models: list[dict[str, Any]]


Announce = Callable[[Connection, EndedIndexTask], None]


class Settling:
    """`shortest` is the operator's own minimum of seconds in place of the contract's.

    `announce` is called in the transaction that ends a task.
    """

    def __init__(self, announce: Announce, *, shortest: float | None = None) -> None:
        self._announce = announce
        self._shortest = shortest

    def decided(self, db: Connection, asset: Asset) -> None:
        """Settles all videos of an asset that has just become ready or failed."""
        waiting = select(videos.c.id, videos.c.index_id)
        waiting = waiting.where(videos.c.asset_id == asset.id, videos.c.status == PENDING)
        found = db.execute(waiting).all()
        if found:
            settled = Settled.of(asset)
            wrong = self._fault(settled)
            for video_id, index_id in found:
                self._end(
                    db, asset.account, settled, video_id, index_id, None if wrong is None else wrong.message
                )

    def add(
        self,
        db: Connection,
        account: str,
        asset: Settled,
        index_id: str,
        video_id: str,
        *,
        brought: bool = False,
    ) -> None:
        """Puts an asset into an index; one that is ready is a ready video at once.

        `brought`: the asset came with it, and goes with it. Raises `ResourceNotExist` when there is no such index, and
        the refusal of a ready asset that is no video for an index.
        """
        now = clock.now()
        touched = update(indexes).where(indexes.c.id == index_id, indexes.c.account == account)
        if db.execute(touched.values(updated_at=now)).rowcount != 1:
            raise ResourceNotExist(id=index_id, collection="indexes")
        ready = asset.status == "ready"
        wrong = self._fault(asset) if ready else None
        if wrong is not None:
            raise wrong
        db.execute(
            insert(videos).values(
                id=video_id,
                account=account,
                index_id=index_id,
                asset_id=asset.id,
                brought=brought,
                status=PENDING,
                user_metadata=asset.user_metadata if brought else None,
                created_at=now,
                updated_at=now,
            )
        )
        if ready:
            self._end(db, account, asset, video_id, index_id, None)

    def _fault(self, asset: Settled) -> ApiError | None:
        if asset.status == "failed":
            return ApiError.told(asset.error or "")
        return fault_of(asset.facts, asset.kind, self._shortest)

    def _end(
        self, db: Connection, account: str, asset: Settled, video_id: str, index_id: str, fault: str | None
    ) -> None:
        now, status = clock.now(), "ready" if fault is None else "failed"
        ended: dict[str, Any] = {"status": status, "error": fault, "updated_at": now}
        facts = asset.facts
        size = {} if facts is None else {"width": facts.width, "height": facts.height}
        video = size if facts is None else {**size, "fps": facts.fps}
        indexed = {"indexed_at": now} if fault is None else {}
        db.execute(update(videos).where(videos.c.id == video_id).values(**ended, **video, **indexed))
        tasks = update(index_tasks).where(index_tasks.c.video_id == video_id, index_tasks.c.status == PENDING)
        done = db.execute(tasks.values(**ended, **size, duration=asset.duration).returning(index_tasks.c.id))
        for task_id in done.scalars().all():
            models = db.execute(select(indexes.c.models).where(indexes.c.id == index_id)).scalar_one()
            self._announce(db, EndedIndexTask(task_id, account, status, asset.duration, models))

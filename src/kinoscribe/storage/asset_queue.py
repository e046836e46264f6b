"""Hands assets that are `processing` to workers, one holder at a time, and takes them back when a worker vanishes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import assets

_LEASES_AHEAD = 4
# An asset whose turn lies further ahead than any wait is left from before the clock was set back.
_LONGEST_WAIT = 4 * 3600.0
_DIED = "The file could not be looked into: each time the process that did so ended before it was done."


@dataclass(frozen=True, slots=True)
class AssetJob:
    """An asset as its `owner` holds it. Without a `content` its file has still to be brought: from `url`, or out of
    the chunks of `upload_id`. `attempt` counts from 1 who has begun with it.
    """

    id: str
    account: str
    owner: str
    content: str | None
    url: str | None
    upload_id: str | None
    wants_thumbnail: bool
    attempt: int


class AssetQueue:
    """The assets of all accounts that have to be processed. A worker holds one for `lease` seconds at a time.

    One whose worker vanished for the `attempts`-th time has failed. What has neither a file nor a place to get it
    from, as an upload whose chunks are still coming, is nobody's work.
    """

    def __init__(
        self, database: Database, rows: AssetRows, *, lease: float = 30.0, attempts: int = 3
    ) -> None:
        self._database = database
        self._rows = rows
        self._now = database.now
        self._lease = lease
        self._attempts = attempts

    def claim(self, owner: str, *, arrivals: int, looks: int) -> tuple[AssetJob, ...]:
        """Takes the oldest assets that are due: up to `arrivals` without a file and up to `looks` with one.

        Those of vanished workers go back or fail first. An idle call only reads.
        """
        kinds = ((_AWAITED, max(0, arrivals)), (_HERE, max(0, looks)))
        wanted = [and_(self._free(), kind) for kind, most in kinds if most]
        with self._database.asking() as db:
            due = select(assets.c.id).where(_PROCESSING, or_(self._expired(), *wanted))
            if db.execute(due.limit(1)).first() is None:
                return ()
        with self._database.writing() as db:
            given_up = self._reap(db)
            ids: list[str] = []
            for kind, most in kinds:
                oldest = select(assets.c.id).where(_PROCESSING, self._free(), kind)
                oldest = oldest.order_by(assets.c.created_at, assets.c.id).limit(most)
                ids.extend(db.execute(oldest.with_for_update(skip_locked=True)).scalars())
            taken = update(assets).where(assets.c.id.in_(ids)).values(**self._held(owner))
            found = {row.id: row for row in db.execute(taken.returning(*_JOB))}
        for asset_id in given_up:
            self._rows.failed(asset_id, _DIED)
        return tuple(AssetJob(**found[asset_id]._mapping) for asset_id in ids)

    def beat(self, owner: str, asset_ids: Collection[str]) -> frozenset[str]:
        """Holds those of the assets that are still this owner's for another lease; says which they are."""
        with self._database.writing() as db:
            mine = update(assets).where(assets.c.id.in_(asset_ids), _PROCESSING, assets.c.owner == owner)
            kept = mine.values(lease_until=self._now(self._lease)).returning(assets.c.id)
            return frozenset(db.execute(kept).scalars())

    def held(self, owner: str) -> frozenset[str]:
        """The assets of this owner: one that is missing was deleted, decided or lost."""
        with self._database.asking() as db:
            mine = select(assets.c.id).where(_PROCESSING, assets.c.owner == owner)
            return frozenset(db.execute(mine).scalars())

    def again(self, job: AssetJob, wait: float) -> None:
        """Gives an asset back, to be begun with again in `wait` seconds."""
        with self._database.writing() as db:
            db.execute(update(assets).where(*_owned(job)).values(**_FREE, run_at=self._now(wait)))

    def put_back(self, job: AssetJob) -> None:
        """Another may go on with it at once; the attempt does not count."""
        with self._database.writing() as db:
            db.execute(update(assets).where(*_owned(job)).values(**_FREE, attempt=assets.c.attempt - 1))

    def release(self, owner: str) -> int:
        """Puts all assets of an owner back; says how many there were."""
        back = update(assets).where(_PROCESSING, assets.c.owner == owner)
        with self._database.writing() as db:
            return db.execute(back.values(**_FREE, attempt=assets.c.attempt - 1)).rowcount

    def _held(self, owner: str) -> dict[str, Any]:
        lease = {"owner": owner, "lease_until": self._now(self._lease), "run_at": None}
        return {**lease, "attempt": assets.c.attempt + 1}

    def _free(self) -> ColumnElement[bool]:
        turn = assets.c.run_at
        far = self._now(_LONGEST_WAIT)
        return and_(assets.c.owner.is_(None), or_(turn.is_(None), turn <= self._now(), turn > far))

    def _expired(self) -> ColumnElement[bool]:
        """A lease that lies too far ahead is left from before the clock was set back."""
        lease, far = assets.c.lease_until, self._now(max(60.0, _LEASES_AHEAD * self._lease))
        return and_(assets.c.owner.is_not(None), or_(lease <= self._now(), lease > far))

    def _reap(self, db: Connection) -> tuple[str, ...]:
        """Frees what vanished workers held; returns those that they held too often, which belong to nobody now."""
        expired = (_PROCESSING, self._expired())
        too_often = select(assets.c.id).where(*expired, assets.c.attempt >= self._attempts)
        given_up = tuple(db.execute(too_often).scalars())
        db.execute(update(assets).where(*expired, assets.c.id.not_in(given_up)).values(**_FREE))
        return given_up


_FREE: dict[str, Any] = {"owner": None, "lease_until": None}
_PROCESSING = assets.c.status == "processing"
_HERE = assets.c.content.is_not(None)
_AWAITED = and_(assets.c.content.is_(None), or_(assets.c.url.is_not(None), assets.c.upload_id.is_not(None)))
_JOB = (
    assets.c.id,
    assets.c.account,
    assets.c.owner,
    assets.c.content,
    assets.c.url,
    assets.c.upload_id,
    assets.c.wants_thumbnail,
    assets.c.attempt,
)


def _owned(job: AssetJob) -> tuple[ColumnElement[bool], ...]:
    return assets.c.id == job.id, assets.c.owner == job.owner, _PROCESSING

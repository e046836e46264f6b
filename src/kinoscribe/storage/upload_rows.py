"""Keeps uploads that come in chunks: the sessions, which chunks are here, and which of them were reported."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from kinoscribe.storage.asset_record import Asset
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import TRIES, IdempotencyRows, Once, Replay
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.parts import PartStored
from kinoscribe.storage.removal import remove
from kinoscribe.storage.tables import assets, upload_chunks, uploads
from kinoscribe.storage.upload_record import Chunk, Counts, Kept, Proven, Report, Status, TooManyOpen, Upload

# How long the status of a session that has ended can still be asked for.
_TOLD = timedelta(days=7)


class UploadRows:
    """Uploads by account. What belongs to another account is as good as not there.

    A session is `active` until all its chunks were reported, or its time has passed; both end it once, in one
    transaction with what becomes of its asset.
    """

    def __init__(self, database: Database, assets: AssetRows, *, now: Clock | None = None) -> None:
        self._database = database
        self._assets = assets
        self._clock = now
        self._answers = IdempotencyRows(database)

    def open(
        self,
        made: Asset,
        upload: Upload,
        *,
        seconds: float,
        most_open: int,
        most_bytes: int,
        once: Once[Upload] | None = None,
    ) -> Upload | Replay:
        """A new session of `seconds` and its asset, or the answer that the same request had before.

        Raises `TooManyOpen`, `StorageQuotaExceeded` and `IdempotencyKeyReused`; then nothing was kept.
        """
        account = upload.account
        for left in reversed(range(TRIES)):
            with suppress(IntegrityError) if left else nullcontext(), self._database.writing() as db:
                replay = None if once is None else self._answers.look(db, account, once)
                if replay is not None:
                    return replay
                self._assets.room.take(db, account, upload.total_size)
                self._database.lock(db, f"uploads {account}")
                now = moment(db, self._clock)
                self._check_room(db, account, upload.total_size, most_open, most_bytes)
                opened = replace(
                    upload, created_at=now, updated_at=now, expires_at=now + timedelta(seconds=seconds)
                )
                self._assets.insert(db, replace(made, created_at=now), None)
                db.execute(insert(uploads).values(**{name: getattr(opened, name) for name in _NAMES}))
                if once is not None:
                    self._answers.keep(db, account, once, opened)
                return opened
        raise AssertionError

    def get(self, account: str | None, upload_id: str) -> Upload | None:
        """The session; an `account` of `None` is whoever was given one of its signed URLs."""
        with self._database.asking() as db:
            row = db.execute(select(uploads).where(*_owned(account, upload_id))).one_or_none()
            return None if row is None else self._upload(db, row)

    def page(self, account: str, *, page: int, limit: int) -> tuple[tuple[Upload, ...], int]:
        """The sessions of one page that can still go on, newest first, and how many there are on all pages."""
        with self._database.reading() as db:
            now = moment(db, self._clock)
            where = (uploads.c.account == account, uploads.c.status == "active", uploads.c.expires_at > now)
            newest = (uploads.c.created_at.desc(), uploads.c.id.desc())
            rows = select(uploads).where(*where).order_by(*newest).limit(limit).offset((page - 1) * limit)
            total = db.execute(select(func.count()).select_from(uploads).where(*where)).scalar_one()
            return tuple(Upload(**row._mapping) for row in db.execute(rows)), total

    def status(
        self, account: str, upload_id: str, numbers: range
    ) -> tuple[Upload, dict[int, Chunk], Counts] | None:
        """A session, those of the chunks `numbers` of which something has come, and its counts."""
        with self._database.reading() as db:
            row = db.execute(select(uploads).where(*_owned(account, upload_id))).one_or_none()
            if row is None:
                return None
            of = upload_chunks.c.upload_id == upload_id
            between = upload_chunks.c.number.between(numbers.start, numbers.stop - 1)
            found = db.execute(select(*_CHUNK).where(of, between)) if numbers else ()
            chunks = {chunk.number: Chunk(**chunk._mapping) for chunk in found}
            return self._upload(db, row), chunks, _counts(db, upload_id)

    def chunk(self, upload_id: str, number: int) -> Chunk | None:
        with self._database.asking() as db:
            row = db.execute(select(*_CHUNK).where(*_numbered(upload_id, number))).one_or_none()
        return None if row is None else Chunk(**row._mapping)

    def reopen(self, upload_id: str, number: int) -> datetime | None:
        """Says that what has come of a chunk counts no more, and since when. `None` when it was reported: it stays.

        Call it once a writer of the chunk is there, and before its first byte.
        """
        unsettled = update(upload_chunks).where(
            *_numbered(upload_id, number), upload_chunks.c.reported_at.is_(None)
        )
        with self._database.writing() as db:
            now = moment(db, self._clock)
            return now if db.execute(unsettled.values(etag=None, updated_at=now)).rowcount == 1 else None

    def stored(self, upload_id: str, part: PartStored, since: datetime | None = None) -> Kept:
        """Keeps a chunk whose bytes are here for good, unless another writer was quicker.

        `since` is what `reopen` told; without it nothing had come of the chunk when its writer began.
        """
        values = {"bytes": part.bytes, "etag": part.etag}
        for left in reversed(range(TRIES)):
            with suppress(IntegrityError) if left else nullcontext(), self._database.writing() as db:
                if not _is_active(db, upload_id):
                    return "ended"
                mine = _numbered(upload_id, part.number)
                row = db.execute(
                    select(upload_chunks.c.updated_at, upload_chunks.c.etag).where(*mine).with_for_update()
                ).one_or_none()
                now = moment(db, self._clock)
                if row is None:
                    new = {"upload_id": upload_id, "number": part.number, **values, "updated_at": now}
                    db.execute(insert(upload_chunks).values(**new))
                elif row.etag == part.etag:
                    return "kept"  # by a quicker writer that sent the same bytes
                elif row.updated_at != since:
                    return "overtaken"
                else:
                    db.execute(update(upload_chunks).where(*mine).values(**values, updated_at=now))
                return "kept"
        raise AssertionError

    def report(self, account: str, upload_id: str, proven: Sequence[Proven]) -> Report | None:
        """Settles chunks, all or none of them; with the last one the session is completed, and its asset handed over.

        `None` when there is no such session. One that expired or failed settles nothing.
        """
        with self._database.writing() as db:
            owned = select(uploads).where(*_owned(account, upload_id)).with_for_update()
            row = db.execute(owned).one_or_none()
            if row is None:
                return None
            upload = self._upload(db, row)
            if upload.status not in {"active", "completed"}:
                return Report(upload)
            here = select(upload_chunks.c.number, upload_chunks.c.etag, upload_chunks.c.reported_at)
            rows = {row.number: row for row in db.execute(here.where(upload_chunks.c.upload_id == upload_id))}
            for place, chunk in enumerate(proven):
                if chunk.number not in rows or rows[chunk.number].etag != chunk.proof:
                    return Report(upload, wrong=place)
            fresh = {chunk.number for chunk in proven if rows[chunk.number].reported_at is None}
            done = sum(row.reported_at is not None for row in rows.values())
            told = Report(upload, len(fresh), len(proven) - len(fresh), done + len(fresh))
            if not fresh:
                return told
            return replace(told, upload=self._settle(db, upload, fresh, told.completed))

    def parts(self, upload_id: str) -> tuple[PartStored, ...]:
        """The reported chunks in order."""
        query = select(*_CHUNK).where(
            upload_chunks.c.upload_id == upload_id, upload_chunks.c.reported_at.is_not(None)
        )
        with self._database.reading() as db:
            rows = db.execute(query.order_by(upload_chunks.c.number)).all()
        return tuple(PartStored(row.number, row.etag, row.bytes) for row in rows)

    def failed(self, upload_id: str, error: str) -> None:
        """A session that was completed turns out to have lost its chunks."""
        with self._database.writing() as db:
            now = moment(db, self._clock)
            db.execute(
                update(uploads).where(uploads.c.id == upload_id).values(status="failed", updated_at=now)
            )
            lost = update(upload_chunks).where(upload_chunks.c.upload_id == upload_id)
            db.execute(lost.values(error=error, etag=None, reported_at=None, updated_at=now))

    def expire(self, reason: str, *, dry: bool = False) -> tuple[str, ...]:
        """Ends the sessions whose time has passed; says which. Their assets have failed for `reason`.

        With `dry` none ends, and it says which would.
        """
        waits = (assets.c.status == "processing") & assets.c.content.is_(None)
        late = select(uploads.c.id, uploads.c.asset_id).join(assets, assets.c.id == uploads.c.asset_id)
        ended = []
        with self._database.reading() as db:
            late = late.where(uploads.c.status.in_(("active", "expired")), waits)
            found = db.execute(late.where(uploads.c.expires_at <= moment(db, self._clock))).all()
        if dry:
            return tuple(upload_id for upload_id, _ in found)
        for upload_id, asset_id in found:
            over = update(uploads).where(
                uploads.c.id == upload_id, uploads.c.status.in_(("active", "expired"))
            )
            with self._database.writing() as db:
                expired = db.execute(over.values(status="expired")).rowcount == 1
            if expired:
                self._assets.failed(asset_id, reason)
                ended.append(upload_id)
        return tuple(ended)

    def forget(self, *, dry: bool = False) -> int:
        """Drops sessions that ended long ago; says how many, or with `dry` would be dropped. Their assets stay."""
        with self._database.reading() as db:
            before = moment(db, self._clock) - _TOLD
        waiting = select(assets.c.id).where(assets.c.status == "processing", assets.c.content.is_(None))
        old = (
            uploads.c.status != "active",
            uploads.c.updated_at < before,
            uploads.c.expires_at < before,
            uploads.c.asset_id.not_in(waiting),
        )
        return remove(self._database, uploads, *old, dry=dry)

    def needed(self, upload_ids: Sequence[str]) -> frozenset[str]:
        """Those of the uploads whose bytes are still waited for: by a session, or by its asset."""
        waits = (assets.c.status == "processing") & assets.c.content.is_(None)
        query = (
            select(uploads.c.id)
            .join(assets, assets.c.id == uploads.c.asset_id)
            .where(uploads.c.id.in_(upload_ids), or_(uploads.c.status == "active", waits))
        )
        with self._database.reading() as db:
            return frozenset(db.execute(query).scalars())

    def of_asset(self, account: str, asset_id: str) -> str | None:
        """The session that an asset's file comes from."""
        query = select(uploads.c.id).where(uploads.c.account == account, uploads.c.asset_id == asset_id)
        with self._database.asking() as db:
            return db.execute(query).scalar()

    def _check_room(self, db: Connection, account: str, size: int, most_open: int, most_bytes: int) -> None:
        now = moment(db, self._clock)
        mine = (uploads.c.account == account, uploads.c.status == "active", uploads.c.expires_at > now)
        sums = select(func.count(), func.coalesce(func.sum(uploads.c.total_size), 0)).where(*mine)
        count, taken = db.execute(sums).one()
        if count >= most_open or taken + size > most_bytes:
            raise TooManyOpen(count, int(taken))

    def _settle(self, db: Connection, upload: Upload, numbers: set[int], completed: int) -> Upload:
        now = moment(db, self._clock)
        of = (upload_chunks.c.upload_id == upload.id, upload_chunks.c.number.in_(numbers))
        db.execute(update(upload_chunks).where(*of).values(reported_at=now, updated_at=now, error=None))
        whole = completed == -(-upload.total_size // upload.chunk_size)
        status: Status = "completed" if whole else "active"
        row = update(uploads).where(uploads.c.id == upload.id)
        db.execute(row.values(status=status, updated_at=now))
        if whole:
            self._assets.hand_over(db, upload.asset_id, upload.id)
        return replace(upload, status=status, updated_at=now)

    def _upload(self, db: Connection, row: Row[Any]) -> Upload:
        """The session as it is now: one whose time has passed has expired, whether that was written down or not."""
        found = Upload(**row._mapping)
        if found.status == "active" and found.expires_at <= moment(db, self._clock):
            return replace(found, status="expired")
        return found


_NAMES = tuple(column.name for column in uploads.c)
_CHUNK = tuple(column for column in upload_chunks.c if column.name != "upload_id")


def _owned(account: str | None, upload_id: str) -> tuple[ColumnElement[bool], ...]:
    mine = () if account is None else (uploads.c.account == account,)
    return (uploads.c.id == upload_id, *mine)


def _numbered(upload_id: str, number: int) -> tuple[ColumnElement[bool], ...]:
    return upload_chunks.c.upload_id == upload_id, upload_chunks.c.number == number


def _is_active(db: Connection, upload_id: str) -> bool:
    """Held until the transaction ends, so that the session cannot end meanwhile."""
    query = select(uploads.c.status).where(uploads.c.id == upload_id)
    return db.execute(query.with_for_update(read=True)).scalar_one_or_none() == "active"


def _counts(db: Connection, upload_id: str) -> Counts:
    of = upload_chunks.c.upload_id == upload_id
    done = (of, upload_chunks.c.reported_at.is_not(None))
    completed, size = db.execute(
        select(func.count(), func.coalesce(func.sum(upload_chunks.c.bytes), 0)).where(*done)
    ).one()
    bad = select(func.count()).select_from(upload_chunks).where(of, upload_chunks.c.error.is_not(None))
    return Counts(completed, db.execute(bad).scalar_one(), int(size))

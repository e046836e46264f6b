"""Keeps the assets of every account: their rows, and the contents on disk that the rows refer to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import fields, replace
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kinoscribe.contract.errors import AssetInUse
from kinoscribe.contract.video import VideoFacts
from kinoscribe.storage.asset_record import (
    Asset,
    AssetFilter,
    Beside,
    Decided,
    Examined,
    Hold,
    Kind,
    Metadata,
    Status,
    no_one,
    processing_asset,
)
from kinoscribe.storage.asset_room import AssetLimits, AssetRoom
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.idempotency_rows import TRIES, IdempotencyRows, Once, Replay
from kinoscribe.storage.reservations import Reservation
from kinoscribe.storage.tables import asset_thumbnails, assets, videos

__all__ = (
    "Asset",
    "AssetFilter",
    "AssetRows",
    "Examined",
    "Hold",
    "Kind",
    "Metadata",
    "Status",
)


class AssetRows:
    """Assets by account. What belongs to another account is as good as not there.

    `decided` is called in the transaction in which an asset becomes ready or fails. What would go beyond `limits` is
    refused; `room` tells how much may still come.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        *,
        decided: Decided = no_one,
        limits: AssetLimits | None = None,
    ) -> None:
        self.room = AssetRoom(database, limits)
        self._database = database
        self._decided = decided
        self._contents = Contents(database, blobs)
        self._answers = IdempotencyRows(database)

    def add(
        self,
        account: str,
        *,
        method: str,
        filename: str,
        file_type: str,
        user_metadata: Metadata | None = None,
        stored: Stored | None = None,
        url: str | None = None,
        hold: Hold | None = None,
        wants_thumbnail: bool = False,
        beside: Beside | None = None,
        reserved: Reservation | None = None,
    ) -> Asset:
        """A new asset in `processing`, with the file `stored` or a `url` to fetch it from.

        Raises `StorageFull` and `StorageQuotaExceeded`; of a `url` only when there is no room for a single byte.
        `beside` writes what belongs to it, in the same transaction. The file takes the room that was `reserved`.
        """
        made = processing_asset(
            account, method, filename, file_type, user_metadata, stored, url, wants_thumbnail
        )
        with self._shipping(stored) as shipped, self._database.writing() as db:
            self.room.take(db, account, _least(made), reserved)
            self.insert(db, made, hold, beside)
            self._contents.keep(db, *shipped)
        return made

    def add_once(
        self,
        account: str,
        once: Once[Asset],
        *,
        method: str,
        filename: str,
        file_type: str,
        user_metadata: Metadata | None = None,
        stored: Stored | None = None,
        url: str | None = None,
        hold: Hold | None = None,
        wants_thumbnail: bool = False,
        beside: Beside | None = None,
        reserved: Reservation | None = None,
    ) -> Asset | Replay:
        """`add`, or the answer that the same request had before: then there is no second asset.

        Raises `IdempotencyKeyReused` and what `add` does; then nothing was kept.
        """
        made = processing_asset(
            account, method, filename, file_type, user_metadata, stored, url, wants_thumbnail
        )
        with self._shipping(stored) as shipped:
            for left in reversed(range(TRIES)):
                with suppress(IntegrityError) if left else nullcontext(), self._database.writing() as db:
                    replay = self._answers.look(db, account, once)
                    if replay is not None:
                        return replay
                    self.room.take(db, account, _least(made), reserved)
                    self.insert(db, made, hold, beside)
                    self._answers.keep(db, account, once, made)
                    self._contents.keep(db, *shipped)
                    return made
        raise AssertionError

    def get(self, account: str, asset_id: str) -> Asset | None:
        with self._database.asking() as db:
            rows, _ = self._database.run(db, _ONE, {"account": account, "asset_id": asset_id})
        return _made_of(dict(zip(_ROW, rows[0], strict=True))) if rows else None

    def page(
        self, account: str, wanted: AssetFilter, *, page: int, limit: int
    ) -> tuple[tuple[Asset, ...], int]:
        """The assets of one page (the first is 1), newest first, and how many there are on all pages."""
        where: list[ColumnElement[bool]] = [assets.c.account == account]
        if wanted.asset_ids:
            where.append(assets.c.id.in_(wanted.asset_ids))
        if wanted.kinds:
            where.append(assets.c.kind.in_(wanted.kinds))
        if wanted.filename:
            where.append(assets.c.filename_folded.contains(wanted.filename.casefold(), autoescape=True))
        newest = (assets.c.created_at.desc(), assets.c.id.desc())
        rows = select(*_SHOWN).where(*where).order_by(*newest).limit(limit).offset((page - 1) * limit)
        with self._database.reading() as db:
            total = db.execute(select(func.count()).select_from(assets).where(*where)).scalar_one()
            return tuple(_asset(row) for row in db.execute(rows)), total

    def thumbnail(self, asset_id: str) -> bytes | None:
        """The JPEG of an asset's thumbnail, whoever owns the asset."""
        with self._database.asking() as db:
            jpeg = select(asset_thumbnails.c.jpeg).where(asset_thumbnails.c.asset_id == asset_id)
            return db.execute(jpeg).scalar_one_or_none()

    def hand_over(self, db: Connection, asset_id: str, upload_id: str) -> None:
        """Has a worker put the asset's file together out of an upload, in the transaction that completes that."""
        db.execute(_left(asset_id).values(upload_id=upload_id))

    def arrived(
        self, asset_id: str, stored: Stored, *, owner: str | None = None, reserved: Reservation | None = None
    ) -> bool:
        """Gives a processing asset its file. False when it is gone, or has got one by another process meanwhile.

        The file is then not kept. With `owner` also when that one does not hold the asset any more. Raises
        `StorageQuotaExceeded`, unless the file came in chunks: for those there was room from the beginning.
        """
        with self._shipping(stored) as shipped, self._database.writing() as db:
            if self.room.is_limited:
                self._take_fetched(db, asset_id, stored.bytes, reserved)
            without = _left(asset_id, owner).where(assets.c.content.is_(None))
            here = without.values(content=stored.sha256, size=stored.bytes)
            if db.execute(here).rowcount != 1:
                return False
            self._contents.keep(db, *shipped)
        return True

    def ready(self, asset_id: str, examined: Examined, *, owner: str | None = None) -> Asset | None:
        """From `processing` to `ready`. `None` when the asset is gone, was decided before, or `owner` has lost it."""
        values = {
            **_FREE,
            "status": "ready",
            "kind": examined.kind,
            "file_type": examined.file_type,
            "duration": examined.duration,
            "technical": examined.technical,
            "facts": None if examined.facts is None else msgspec.to_builtins(examined.facts),
        }
        with self._database.writing() as db:
            row = db.execute(_left(asset_id, owner).values(**values).returning(*_SHOWN)).one_or_none()
            if row is None:
                return None
            asset = _asset(row)
            if examined.thumbnail is not None:
                db.execute(insert(asset_thumbnails).values(asset_id=asset.id, jpeg=examined.thumbnail))
                asset = replace(asset, has_thumbnail=True)
            self._decided(db, asset)
        return asset

    def failed(
        self, asset_id: str, reason: str, file_type: str | None = None, *, owner: str | None = None
    ) -> Asset | None:
        """From `processing` to `failed`; the file is not kept. `None` as with `ready`.

        `file_type` is what the file was found to be, if it was found to be anything.
        """
        values = {**_FREE, "status": "failed", "error": reason, "content": None}
        if file_type is not None:
            values["file_type"] = file_type
        with self._database.writing() as db:
            had = select(assets.c.content).where(assets.c.id == asset_id)
            content = db.execute(had.with_for_update()).scalar_one_or_none()
            row = db.execute(_left(asset_id, owner).values(**values).returning(*_SHOWN)).one_or_none()
            if row is None:
                return None
            failed = _asset(row)
            self._decided(db, failed)
        self._contents.drop_unused([content])
        return failed

    def change_metadata(
        self, account: str, asset_id: str, change: Callable[[Metadata], Metadata]
    ) -> Asset | None:
        """Puts `change(old)` in the place of an asset's metadata. `None` when there is no such asset."""
        owned = _owned(account, asset_id)
        with self._database.writing() as db:
            old = db.execute(select(assets.c.user_metadata).where(*owned).with_for_update()).one_or_none()
            if old is None:
                return None
            new = change(dict(old.user_metadata or {})) or None
            changed = update(assets).where(*owned).values(user_metadata=new).returning(*_SHOWN)
            return _asset(db.execute(changed).one())

    def remove(self, account: str, asset_id: str, *, force: bool = False) -> bool:
        """Removes an asset, and its content when nothing else refers to it. False when there is none.

        Raises `AssetInUse` while it is in an index; with `force` its videos are removed with it.
        """
        gone = delete(assets).where(*_owned(account, asset_id)).returning(assets.c.content)
        indexed = select(videos.c.id).where(videos.c.asset_id == asset_id).limit(1)
        with self._database.writing() as db:
            held = db.execute(select(assets.c.id).where(*_owned(account, asset_id)).with_for_update())
            if held.first() is not None and not force and db.execute(indexed).first() is not None:
                raise AssetInUse(id=asset_id)
            row = db.execute(gone).one_or_none()
        if row is not None:
            self._contents.drop_unused([row.content])
        return row is not None

    def sweep(self) -> int:
        """Removes contents that no asset and no task refers to, left by a process that died; says how many."""
        return self._contents.sweep()

    def _take_fetched(self, db: Connection, asset_id: str, size: int, reserved: Reservation | None) -> None:
        """Takes room for a file that nobody knew the size of before."""
        fetched = select(assets.c.account).where(assets.c.id == asset_id, assets.c.upload_id.is_(None))
        account = db.execute(fetched).scalar_one_or_none()
        if account is not None:
            self.room.take(db, account, size, reserved)

    def _shipping(self, stored: Stored | None) -> AbstractContextManager[tuple[Stored, ...]]:
        return self._contents.shipping(*(() if stored is None else (stored,)))

    def insert(
        self, db: Connection, made: Asset, hold: Hold | None = None, beside: Beside | None = None
    ) -> None:
        """Writes a new asset in a transaction of somebody else's."""
        values = {name: getattr(made, name) for name in _NAMES}
        if hold is not None:
            values |= {
                "owner": hold.owner,
                "lease_until": self._database.now(hold.seconds),
                "attempt": 1,
            }
        db.execute(insert(assets).values(**values, filename_folded=made.filename.casefold()))
        if beside is not None:
            beside(db, made)


_NAMES: Collection[str] = tuple(field.name for field in fields(Asset) if field.name in assets.c)
_DEPICTED = exists().where(asset_thumbnails.c.asset_id == assets.c.id).label("has_thumbnail")
_SHOWN = (*(assets.c[name] for name in _NAMES), _DEPICTED)
_ROW = (*_NAMES, "has_thumbnail")
# Asked for with every question about a video.
_ONE = select(*_SHOWN).where(assets.c.id == bindparam("asset_id"), assets.c.account == bindparam("account"))
_FREE: dict[str, Any] = {"owner": None, "lease_until": None, "run_at": None}


def _least(made: Asset) -> int:
    """Bytes that a new asset is going to have, as far as that is known: one at least."""
    return max(1, made.size or 0)


def _owned(account: str, asset_id: str) -> tuple[ColumnElement[bool], ...]:
    return assets.c.id == asset_id, assets.c.account == account


def _left(asset_id: str, owner: str | None = None) -> Any:
    """The statement that leaves `processing`, and does nothing to an asset in any other state or of another owner."""
    left = update(assets).where(assets.c.id == asset_id, assets.c.status == "processing")
    return left if owner is None else left.where(assets.c.owner == owner)


def _asset(row: Row[Any]) -> Asset:
    return _made_of(dict(row._mapping))


def _made_of(values: dict[str, Any]) -> Asset:
    values["facts"] = _facts(values["facts"])
    return Asset(**values)


def _facts(kept: object) -> VideoFacts | None:
    """Facts of an older form than today's are none: the file is then probed again."""
    try:
        return None if kept is None else msgspec.convert(kept, VideoFacts)
    except msgspec.ValidationError:
        return None

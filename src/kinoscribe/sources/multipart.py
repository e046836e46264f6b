"""Turns the chunks of an upload into parts that are stored, and an upload that is whole into the file of its asset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError, ChunkNotTaken, ParameterInvalid, ResourceNotExist
from kinoscribe.storage.files import Stored
from kinoscribe.storage.parts import PartReplaced, Parts, PartsGone, PartTooLong, PartTooShort
from kinoscribe.storage.upload_record import Upload
from kinoscribe.storage.upload_rows import UploadRows

# Bytes that come before their row are not taken for left ones.
_IDLE_SECONDS = 3600.0
_EXPIRED = "The upload was not finished before it expired."
_OVERTAKEN = "Another request that sends it has overtaken this one."
_GONE = "The chunks of the upload are no longer here."

_log = structlog.get_logger(__name__)


class UploadBroken(ApiError):
    """A completed upload whose chunks are not there any more: no attempt will find them."""

    sentence = _GONE


class ChunkWriter:
    """One chunk as it comes in. Plain code that may run in any thread, one call after another.

    It must be closed. Without `finish` what was written counts for nothing.
    """

    def __init__(self, rows: UploadRows, parts: Parts, upload: Upload, number: int, size: int) -> None:
        """Raises `ChunkNotTaken` for a chunk that was reported, and `ResourceNotExist`, `StorageFull`."""
        self._rows, self._parts = rows, parts
        self._upload, self._number, self._size = upload, number, size
        self._since: datetime | None = None
        self.is_closed = False
        try:
            self._part = parts.put(upload.id, number, size)
        except PartsGone as error:
            raise ResourceNotExist(id=upload.id, collection="multipart-uploads") from error
        try:
            self._claim()
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes | memoryview) -> None:
        """Raises `ParameterInvalid` when it is too much, `ChunkNotTaken` when a newer request sends the chunk."""
        with self._our_errors():
            self._part.write(data)

    def finish(self) -> str:
        """Keeps the chunk and returns its ETag, without quotes. Raises what `write` does, and `ResourceNotExist`."""
        with self._our_errors():
            stored = self._part.finish()
        match self._rows.stored(self._upload.id, stored, self._since):
            case "ended":
                raise ResourceNotExist(id=self._upload.id, collection="multipart-uploads")
            case "overtaken":
                raise ChunkNotTaken(number=self._number, reason=_OVERTAKEN)
            case "kept":
                return stored.etag

    def close(self) -> None:
        self.is_closed = True
        self._part.__exit__(None, None, None)

    def _claim(self) -> None:
        there = self._rows.chunk(self._upload.id, self._number)
        if there is None:
            return
        self._since = self._rows.reopen(self._upload.id, self._number)
        if self._since is None:
            raise ChunkNotTaken(number=self._number, reason="It was reported, and is settled.")

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        wrong = f"Chunk {self._number} has {self._size} bytes;"
        try:
            yield
        except PartTooLong as error:
            raise ParameterInvalid(p="request body", reason=f"{wrong} more came.") from error
        except PartTooShort as error:
            raise ParameterInvalid(p="request body", reason=f"{wrong} fewer came.") from error
        except PartReplaced as error:
            raise ChunkNotTaken(number=self._number, reason=_OVERTAKEN) from error


class Multipart:
    """Rows and bytes of uploads in chunks, together."""

    def __init__(self, rows: UploadRows, parts: Parts) -> None:
        self.rows = rows
        self._parts = parts

    def begin(self, upload: Upload) -> None:
        """Makes room for the bytes of an upload that has no row yet. Raises `StorageFull`."""
        self._parts.begin(upload.id, upload.total_size, upload.chunk_size)

    def writer(self, upload: Upload, number: int, size: int) -> ChunkWriter:
        """A writer of one chunk; an older one of the same chunk can go on no more."""
        return ChunkWriter(self.rows, self._parts, upload, number, size)

    def drop(self, upload_id: str) -> None:
        """Removes the bytes of an upload whose row is gone, or was never written."""
        self._parts.drop(upload_id)

    def remove_with(self, account: str, asset_id: str, remove: Callable[[], bool]) -> bool:
        """Has an asset removed, and then also the bytes of the upload that it came by; says what `remove` does."""
        upload_id = self.rows.of_asset(account, asset_id)
        removed = remove()
        if upload_id is not None:
            self._parts.drop(upload_id)
        return removed

    @contextmanager
    def assembled(self, upload_id: str, cancel: Cancel) -> Iterator[Stored]:
        """The file of a completed upload, to be kept within the block; may be asked for again until it was.

        Raises `UploadBroken`, and then the session has failed too, and `Canceled`.
        """
        try:
            with self._parts.assemble(upload_id, self.rows.parts(upload_id), cancel) as stored:
                yield stored
        except PartsGone as error:
            self.rows.failed(upload_id, _GONE)
            raise UploadBroken from error
        if not self.rows.needed((upload_id,)):  # else it was not kept, as another worker has the asset now
            self._parts.drop(upload_id)

    def expire(self, *, dry: bool = False) -> int:
        """Ends sessions whose time has passed, and with them what they hold; says how many, or with `dry` would end.

        Asks the database alone.
        """
        expired = self.rows.expire(_EXPIRED, dry=dry)
        for upload_id in () if dry else expired:
            _log.info("upload_expired", upload=upload_id)
            self._parts.drop(upload_id)
        return len(expired)

    def sweep(self, *, dry: bool = False) -> int:
        """Drops bytes that nobody waits for, left by a process that died; says of how many uploads.

        With `dry` they stay. Looks at all that the store holds of uploads, so it is not to be called often.
        """
        idle = tuple(self._parts.held(_IDLE_SECONDS))
        stray = sorted(set(idle) - self.rows.needed(idle))
        for upload_id in () if dry else stray:
            self._parts.drop(upload_id)
        return len(stray)

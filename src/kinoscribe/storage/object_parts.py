"""Keeps the parts of uploads as objects of a store that is away; put together they are a list of them, never a copy."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.files import Incoming, Piece, Stored
from kinoscribe.storage.object_fetch import fetch
from kinoscribe.storage.object_rows import ObjectRows
from kinoscribe.storage.objects import Objects
from kinoscribe.storage.parts import PartsGone, PartStored, PartTooLong, PartTooShort, PartWriter, check_all


class ObjectParts:
    """Parts as `parts/<upload>/<number>-<etag>`: another part of the same number is another object.

    Each is first written here, and sent when it is whole; so there is nothing half in the store, and of two writers of
    one number neither disturbs the other: the row says whose part it is.
    """

    def __init__(self, objects: Objects, rows: ObjectRows, own: Path) -> None:
        self._objects = objects
        self._rows = rows
        self._own = own

    def begin(self, upload: str, total: int, part_bytes: int) -> None:
        """There is nothing to make."""

    def put(self, upload: str, number: int, size: int) -> PartWriter:
        if size > shutil.disk_usage(self._own).free:
            raise StorageFull
        return _ObjectWriter(self._objects, upload, number, size, self._own / secrets.token_hex(16))

    def drop(self, upload: str) -> None:
        keys = [each.key for each in self._objects.below(_folder(upload))]
        self._objects.remove(self._rows.unreferred(keys))

    @contextmanager
    def assemble(self, upload: str, parts: Sequence[PartStored], cancel: Cancel) -> Iterator[Stored]:
        check_all(parts)
        pieces = tuple(Piece(_key(upload, part.number, part.etag), part.bytes, part.etag) for part in parts)
        size = sum(piece.bytes for piece in pieces)
        if size > shutil.disk_usage(self._own).free:
            raise StorageFull
        path = self._own / secrets.token_hex(16)
        try:
            yield Stored(path, self._whole(pieces, path, cancel), size, pieces)
        finally:
            path.unlink(missing_ok=True)

    def held(self, older: float) -> Iterator[str]:
        before = clock.now() - timedelta(seconds=older)
        newest: dict[str, datetime] = {}
        keys: dict[str, list[str]] = {}
        for each in self._objects.below("parts"):
            upload = each.key.split("/")[1]
            newest[upload] = max(each.modified, newest.get(upload, each.modified))
            keys.setdefault(upload, []).append(each.key)
        for upload, moment in newest.items():
            if moment < before and self._rows.unreferred(keys[upload]):
                yield upload

    def _whole(self, pieces: tuple[Piece, ...], path: Path, cancel: Cancel) -> str:
        try:
            return fetch(self._objects, pieces, path, cancel, known=None)
        except FileNotFoundError as error:
            raise PartsGone from error


class _ObjectWriter:
    """Writes one part to a file and then to the store."""

    def __init__(self, objects: Objects, upload: str, number: int, size: int, path: Path) -> None:
        self._objects = objects
        self._upload, self._number, self._size = upload, number, size
        self._incoming = Incoming(path, durable=False)

    def write(self, data: bytes | memoryview) -> None:
        if self._incoming.size + len(data) > self._size:
            raise PartTooLong
        self._incoming.write(data)

    def finish(self) -> PartStored:
        if self._incoming.size < self._size:
            raise PartTooShort
        stored = self._incoming.finish()
        self._objects.put_file(_key(self._upload, self._number, stored.sha256), stored.path)
        return PartStored(self._number, stored.sha256, self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._incoming.discard()


def _folder(upload: str) -> str:
    assert upload.isalnum(), "the name of an upload is our own, never a client's"
    return f"parts/{upload}"


def _key(upload: str, number: int, etag: str) -> str:
    return f"{_folder(upload)}/{number:05}-{etag}"

"""Keeps contents in a store that is away, and lends them as files of this machine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import Connection

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.files import Incoming, Piece, Stored
from kinoscribe.storage.object_cache import ObjectCache
from kinoscribe.storage.object_fetch import fetch
from kinoscribe.storage.object_parts import ObjectParts
from kinoscribe.storage.object_rows import ObjectRows
from kinoscribe.storage.objects import Objects

_LEFT = timedelta(days=1)
"""What no row refers to after so long was left by a process that died before it could write one, or remove it."""
_LENT = "lent:"

_log = structlog.get_logger(__name__)


class ObjectBlobs(Blobs):
    """A file is written here first, then brought to the store under a key that was never used before; the row that
    says so is written in the transaction of whoever refers to it. To be read, it comes into a cache of this machine.

    Files of a local store that was used before are still lent on the machine that has them.
    """

    def __init__(
        self, folder: Path, objects: Objects, database: Database, quota: int, *, tidy: bool = True
    ) -> None:
        super().__init__(folder, tidy=tidy)
        self._objects = objects
        self._rows = ObjectRows(database)
        self._cache = ObjectCache(folder / "media-cache", quota, self._own)
        self.parts = ObjectParts(objects, self._rows, self._own)

    def begin(self, expected: int = 0) -> Incoming:
        return self._begin(expected, durable=False)

    def path(self, content: str) -> Path:
        """Where the cache has a content that was just used; it may be gone at any time."""
        return self._cache.place(content)

    def ship(self, stored: Stored) -> Stored:
        """Always brings the bytes there, also when another account has the same: the time it takes tells nothing."""
        if stored.pieces:
            return stored
        key = f"media/{stored.sha256[:2]}/{stored.sha256}-{secrets.token_hex(8)}"
        self._objects.put_file(key, stored.path)
        piece = Piece(key, stored.bytes, stored.sha256)
        return Stored(stored.path, stored.sha256, stored.bytes, (piece,))

    def keep_in(self, db: Connection, stored: Stored) -> None:
        self._rows.add(db, stored)

    def landed(self, shipped: Sequence[Stored]) -> None:
        """After the transaction: what was kept lies in the cache already; what was not leaves no object."""
        for stored in shipped:
            try:
                left = self._rows.unreferred(piece.key for piece in stored.pieces)
                self._objects.remove(key for key in left if key.startswith("media/"))
                if len(left) < len(stored.pieces) and stored.path.exists():
                    self._cache.adopt(stored.sha256, stored.path)
            except (ApiError, OSError) as error:
                _log.warning("store_not_tidied", content=stored.sha256[:12], reason=str(error))

    def drop_in(self, db: Connection, content: str) -> Callable[[], None]:
        keys = self._rows.take(db, content)

        def gone() -> None:
            super(ObjectBlobs, self).drop(content)
            self._cache.forget(content)
            self._objects.remove(keys)

        return gone

    @contextmanager
    def borrow(self, content: str, cancel: Cancel | None = None) -> Iterator[Path]:
        """Raises `FileNotFoundError`, `StoreUnavailable`, `StorageFull` and `Canceled`."""
        pieces = self._rows.pieces(content)
        if not pieces:
            with super().borrow(content, cancel) as path:
                yield path
            return
        with self._fetched(content, pieces, cancel or Cancel()) as path:
            yield path

    def kept(self) -> Iterator[str]:
        yield from self._rows.contents()
        yield from super().kept()

    @contextmanager
    def lending(self, path: Path, content: str) -> Iterator[str]:
        """A word by which `reach` finds the file on any machine for as long as the block lasts."""
        if self._rows.pieces(content):
            yield str(path)
            return
        key = f"lent/{secrets.token_hex(16)}"
        self._objects.put_file(key, path)
        try:
            yield f"{_LENT}{path.stat().st_size}:{key}"
        finally:
            self._remove_lent(key)

    @contextmanager
    def reach(self, word: str, content: str, cancel: Cancel) -> Iterator[Path]:
        if word.startswith(_LENT):
            size, key = word.removeprefix(_LENT).split(":", 1)
            with self._fetched(content, (Piece(key, int(size), content),), cancel) as path:
                yield path
        elif self._cache.has_place(Path(word)) or not Path(word).exists():
            # A place in the cache may go to another file at any time, so the file gets a name of its own.
            with self.borrow(content, cancel) as path:
                yield path
        else:
            yield Path(word)

    def there(self, word: str, content: str) -> bool:
        if word.startswith(_LENT):
            return self._objects.has(word.removeprefix(_LENT).split(":", 1)[1])
        return Path(word).exists() or bool(self._rows.pieces(content))

    def sweep(self, *, dry: bool = False) -> int:
        before, known = clock.now() - _LEFT, self._rows.contents()
        copies = [content for content in self._cache.contents() if content not in known]
        old = [each.key for each in self._objects.below("media") if each.modified < before]
        left = self._rows.unreferred(old)
        left += [each.key for each in self._objects.below("lent") if each.modified < before]
        if not dry:
            self._objects.remove(left)
            for content in copies:
                self._cache.forget(content)
        return len(left) + len(copies) + super().sweep(dry=dry)

    @contextmanager
    def _fetched(self, content: str, pieces: tuple[Piece, ...], cancel: Cancel) -> Iterator[Path]:
        def fill(path: Path) -> None:
            fetch(self._objects, pieces, path, cancel, known=content)

        size = sum(piece.bytes for piece in pieces)
        with self._cache.borrow(content, size, fill, cancel) as path:
            yield path

    def _remove_lent(self, key: str) -> None:
        try:
            self._objects.remove([key])
        except ApiError as error:
            _log.warning("lent_file_left", key=key, reason=error.message)

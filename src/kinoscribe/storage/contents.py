"""Keeps a content on disk exactly as long as an asset or a task refers to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection, bindparam, select, union

from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.blobs import Blobs, Stored
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import assets, task_files

_REFERENCES = (assets.c.content, task_files.c.content)
_REFERRING = tuple(select(column).where(column == bindparam("of")).limit(1) for column in _REFERENCES)

_log = structlog.get_logger(__name__)


class Contents:
    """Puts files to their content's place and removes them, so that the two never cross."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def keep(self, connection: Connection, *stored: Stored) -> None:
        """Keeps the files that rows of this transaction refer to. Raises `StorageFull`."""
        self.hold(connection, *(one.sha256 for one in stored))
        for one in stored:
            self._blobs.keep_in(connection, one)

    def hold(self, connection: Connection, *contents: str) -> None:
        """No other transaction removes these contents until this one has ended."""
        for content in sorted(set(contents)):
            self._database.lock(connection, f"content {content}")

    @contextmanager
    def shipping(self, *stored: Stored) -> Iterator[tuple[Stored, ...]]:
        """Brings files to a store that is away, before the transaction of the block `keep`s what it yields.

        Raises `StorageFull` and `StoreUnavailable`. What the block did not keep is removed from the store again.
        """
        shipped: list[Stored] = []
        try:
            for one in stored:
                shipped.append(self._blobs.ship(one))
            yield tuple(shipped)
        finally:
            self._blobs.landed(shipped)

    def drop_unused(self, contents: Iterable[str | None]) -> int:
        """Removes those contents that no row refers to; says how many. Call it after the rows are gone for good.

        What cannot be removed now, because the database is away, is left to `sweep`.
        """
        dropped = 0
        for content in sorted({content for content in contents if content is not None}):
            try:
                dropped += self._drop_unused(content)
            except (ApiError, OSError) as error:
                _log.warning("content_left", content=content, reason=str(error))
        return dropped

    def sweep(self) -> int:
        """Removes contents that nothing refers to, left by a process that died in between; says how many."""
        return self.drop_unused(self.unused())

    def referred(self) -> set[str]:
        """All contents that an asset or a task refers to."""
        with self._database.reading() as db:
            used = select(_REFERENCES[0]).where(_REFERENCES[0].is_not(None))
            return set(db.execute(union(used, select(_REFERENCES[1]))).scalars())

    def unused(self) -> list[str]:
        """The kept contents that nothing refers to at this moment; `drop_unused` looks at each once more."""
        kept = list(self._blobs.kept())  # before the rows: what comes in between has its row already
        referred = self.referred()
        return [content for content in kept if content not in referred]

    def _drop_unused(self, content: str) -> bool:
        with self._database.writing() as db:
            self.hold(db, content)
            if any(db.execute(query, {"of": content}).first() for query in _REFERRING):
                return False
            gone = self._blobs.drop_in(db, content)
        gone()
        self._blobs.when_dropped(content)
        return True

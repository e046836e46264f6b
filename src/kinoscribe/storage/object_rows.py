"""Keeps where the bytes of contents lie in a store that is away."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select

from kinoscribe.storage.database import Database
from kinoscribe.storage.files import Piece, Stored
from kinoscribe.storage.tables import content_pieces, contents

_MANY = 500


class ObjectRows:
    """Rows by content, the SHA-256 of the whole. Where a `Connection` is given, it holds the content's lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, db: Connection, stored: Stored) -> None:
        """Says where a content lies. One that lies somewhere stays there."""
        if db.execute(select(contents.c.id).where(contents.c.id == stored.sha256)).first() is not None:
            return
        now = self._database.now()
        db.execute(insert(contents).values(id=stored.sha256, bytes=stored.bytes, created_at=now))
        rows = [
            {
                "content": stored.sha256,
                "number": number,
                "key": piece.key,
                "bytes": piece.bytes,
                "sha256": piece.sha256,
            }
            for number, piece in enumerate(stored.pieces, 1)
        ]
        db.execute(insert(content_pieces), rows)

    def take(self, db: Connection, content: str) -> tuple[str, ...]:
        """Removes the rows of a content and returns the keys, for their objects to be removed after the commit."""
        gone = (
            delete(content_pieces).where(content_pieces.c.content == content).returning(content_pieces.c.key)
        )
        keys = tuple(db.execute(gone).scalars())
        db.execute(delete(contents).where(contents.c.id == content))
        return keys

    def pieces(self, content: str) -> tuple[Piece, ...]:
        """The pieces of a content, in order; none when it is not there."""
        shown = (content_pieces.c.key, content_pieces.c.bytes, content_pieces.c.sha256)
        query = select(*shown).where(content_pieces.c.content == content).order_by(content_pieces.c.number)
        with self._database.asking() as db:
            return tuple(Piece(*row) for row in db.execute(query))

    def contents(self) -> set[str]:
        """All contents."""
        with self._database.reading() as db:
            return set(db.execute(select(contents.c.id)).scalars())

    def unreferred(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys under which no content lies."""
        asked = list(keys)
        left: list[str] = []
        for at in range(0, len(asked), _MANY):
            some = asked[at : at + _MANY]
            query = select(content_pieces.c.key).where(content_pieces.c.key.in_(some))
            with self._database.asking() as db:
                known = set(db.execute(query).scalars())
            left += [key for key in some if key not in known]
        return left

"""Records the SQL of some work on a database and runs the very same statements again on another, in a bare loop."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, event, make_url

from kinoscribe.storage.connections import WRITES
from kinoscribe.storage.database import Database

_ALONE = "AUTOCOMMIT"


@dataclass(frozen=True, slots=True)
class _Statement:
    """`alone` is one outside any transaction, `brings` rows or not. `text` is None where a transaction was committed."""

    text: str | None
    parameters: Any = None
    many: bool = False
    alone: bool = False
    brings: bool = False


@dataclass
class Recorded:
    statements: list[_Statement] = field(default_factory=list)

    def again(self, url: str) -> float:
        """Seconds that the statements take without anything around them, on an empty database with all tables."""
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            assert parsed.database is not None
            with closing(sqlite3.connect(parsed.database, isolation_level=None)) as one:
                for pragma in ("busy_timeout = 15000", "synchronous = FULL", "foreign_keys = ON"):
                    one.execute(f"PRAGMA {pragma}")
                return self._run(one.cursor(), one.cursor(), lambda: one.execute("COMMIT"))
        plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as inside, psycopg.connect(plain, autocommit=True) as outside:
            return self._run(inside.cursor(), outside.cursor(), inside.commit)

    def _run(self, inside: Any, outside: Any, commit: Any) -> float:
        began = time.perf_counter()
        for one in self.statements:
            if one.text is None:
                commit()
                continue
            cursor = outside if one.alone else inside
            (cursor.executemany if one.many else cursor.execute)(one.text, one.parameters)
            if one.brings:
                cursor.fetchall()
        return time.perf_counter() - began


@contextmanager
def recording(database: Database) -> Iterator[Recorded]:
    """All that goes to `database` while the block lasts, in its order."""
    recorded = Recorded()
    engine = database._engine
    dialect = engine.dialect
    execute, execute_many = dialect.do_execute, dialect.do_executemany
    outside = False

    def note(cursor: Any, text: str, parameters: Any, *, many: bool) -> None:
        brings = cursor.description is not None
        recorded.statements.append(_Statement(text, parameters, many, outside, brings))

    def one(cursor: Any, text: str, parameters: Any, context: Any = None) -> None:
        execute(cursor, text, parameters, context)
        note(cursor, text, parameters, many=False)

    def many(cursor: Any, text: str, parameters: Any, context: Any = None) -> None:
        execute_many(cursor, text, parameters, context)
        note(cursor, text, parameters, many=True)

    def begin(connection: Connection) -> None:
        nonlocal outside
        outside = connection.get_execution_options().get("isolation_level") == _ALONE
        if database.is_sqlite:  # PostgreSQL's driver begins by itself
            writes = connection.info[WRITES]
            recorded.statements.append(_Statement("BEGIN IMMEDIATE" if writes else "BEGIN", ()))

    def commit(_connection: Connection) -> None:
        """A statement without a transaction gives no sign of its beginning: the next one without is outside."""
        nonlocal outside
        if not outside:
            recorded.statements.append(_Statement(None))
        outside = not database.is_sqlite

    outside = not database.is_sqlite
    for name, method in (("do_execute", one), ("do_executemany", many)):
        setattr(dialect, name, method)
    heard = (("begin", begin), ("commit", commit))
    for name, heed in heard:
        event.listen(engine, name, heed)
    try:
        yield recorded
    finally:
        for name in ("do_execute", "do_executemany"):
            delattr(dialect, name)
        for name, heed in heard:
            event.remove(engine, name, heed)

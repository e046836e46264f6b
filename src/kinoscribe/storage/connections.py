"""Turns a database's address into connections that behave alike, whether SQLite's or PostgreSQL's."""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict, deque
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from kinoscribe import clock
from kinoscribe.storage.data_folder import DatabaseUnusable

BUSY_SECONDS = 15
WRITES = "kinoscribe_writes"
_USED = "kinoscribe_used"
_IDLE_SINCE = "kinoscribe_idle_since"
_IDLE = 4  # connections of one kind that stay open
_TRUSTED = 1.0  # seconds for which a connection that has just been used is taken to be still there

# A process that is frozen between a statement and its commit must not hold its rows for ever, and a host that is
# unplugged must be noticed: the first is the server's part, the second that of the connection.
_POSTGRESQL_SESSION = (
    f"SET lock_timeout = {BUSY_SECONDS * 1000}",
    "SET idle_in_transaction_session_timeout = 30000",
)
_POSTGRESQL_CONNECTION = {
    "application_name": "kinoscribe",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def read_address(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (sql_errors.ArgumentError, ValueError) as error:
        raise DatabaseUnusable(
            "The address of the database cannot be read; it has the form postgresql+psycopg://user:password@host/name."
        ) from error
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise DatabaseUnusable(
            f"A database of the kind {parsed.drivername} cannot be used: there are sqlite and postgresql+psycopg."
        )
    return parsed


def open_engine(address: URL) -> Engine:
    """A pool of connections to `address`; none is made yet. Raises `DatabaseUnusable` when there is no driver."""
    pool: dict[str, Any] = {"pool_size": 8, "max_overflow": 24, "pool_timeout": 30}
    if address.get_backend_name() == "sqlite":
        _owner_only(address.database)
        engine = create_engine(address, **pool)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "before_cursor_execute", _keepable_parameters, retval=True)
        return engine
    try:
        said = {name: value for name, value in _POSTGRESQL_CONNECTION.items() if name not in address.query}
        engine = create_engine(address, connect_args=said, **pool)
    except ImportError as error:  # also a driver that finds none of PostgreSQL's own libraries
        raise DatabaseUnusable(
            "PostgreSQL's driver cannot be loaded. Install it with: pip install 'kinoscribe[postgres]'"
        ) from error
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _check_unused)
    return engine


class OpenConnections:
    """Connections that stay open between transactions which follow each other closely, by the engine they came from.

    To take one from the pool and to put it back costs more than a statement; there are four of these for every task.
    """

    def __init__(self) -> None:
        self._idle: defaultdict[Engine, deque[tuple[float, Connection]]] = defaultdict(deque)

    def take(self, engine: Engine) -> Connection:
        idle = self._idle[engine]
        while idle:
            try:
                used, connection = idle.pop()
            except IndexError:  # another thread was faster
                break
            if engine.name == "sqlite" or clock.steady() - used < _TRUSTED:  # a file stays where it is
                return connection
            _put_back(connection, used)
        return engine.connect()

    def give(self, engine: Engine, connection: Connection, *, whole: bool) -> None:
        """Ends what was begun. Only a `whole` connection, on which all went well, is used again.

        Where one has lost its server, the others have as well.
        """
        if connection.invalidated:
            self.close()
        if not whole or connection.invalidated or len(self._idle[engine]) >= _IDLE:
            connection.close()
            return
        if connection.in_transaction():  # begun by itself, where nothing is ever left to commit
            connection.rollback()
        self._idle[engine].append((clock.steady(), connection))

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                with suppress(IndexError):
                    used, connection = idle.pop()
                    _put_back(connection, used)


def _put_back(connection: Connection, used: float) -> None:
    """Into the pool, which has to know when the connection was truly used last."""
    connection.info[_IDLE_SINCE] = used
    connection.close()


def _owner_only(path: str | None) -> None:
    """Creates the file so that only its owner may read it; the files SQLite lays beside it inherit that."""
    if path and path != ":memory:":
        os.close(os.open(Path(path), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own: `_begin_sqlite` does
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    begin = "BEGIN IMMEDIATE" if connection.info.get(WRITES, False) else "BEGIN"
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(
            begin
        ).close()  # through the engine it would cost as much as a statement that does something
    except sqlite3.OperationalError as error:
        raise sql_errors.OperationalError(begin, None, error) from error


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.adapters.register_dumper(str, _text_dumper())
    for statement in _POSTGRESQL_SESSION:
        connection.execute(statement).close()
    connection.commit()


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info[_USED] = entry.info.pop(_IDLE_SINCE, None) or clock.steady()


def _check_unused(connection: Any, entry: ConnectionPoolEntry, _fairy: PoolProxiedConnection) -> None:
    """A connection that has not been used for a while may have been cut; the pool then makes another one."""
    if clock.steady() - entry.info.get(_USED, clock.steady()) > _TRUSTED:
        try:
            connection.execute("").close()
            connection.rollback()
        except (connection.OperationalError, connection.InterfaceError) as error:
            raise sql_errors.DisconnectionError from error


def keepable(text: str) -> str:
    """Text as both databases keep it: signs stand for NUL and for halves of characters, which not both do."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


@cache
def _text_dumper() -> type:
    from psycopg.types.string import StrDumperUnknown

    class Dumper(StrDumperUnknown):
        def dump(self, obj: str) -> bytes:
            return keepable(obj).encode()

    return Dumper


def _keepable_parameters(
    _connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
) -> tuple[str, Any]:
    def row(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(keepable(value) if isinstance(value, str) else value for value in values)

    return statement, [row(values) for values in parameters] if many else row(parameters)

"""Turns a database address into short transactions that read or write, alike on SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    cast,
    create_engine,
    event,
    extract,
    func,
    literal,
    make_url,
    select,
    text,
    type_coerce,
)
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from kinoscribe import clock
from kinoscribe.contract.errors import ApiError, DatabaseUnavailable, StorageFull
from kinoscribe.storage.data_folder import DatabaseUnusable
from kinoscribe.storage.tables import Instant

_BUSY_MILLISECONDS = 15_000
_WRITES = "kinoscribe_writes"
_USED = "kinoscribe_used"
_TRUSTED = 1.0  # seconds for which a connection that has just been used is taken to be still there
_MIGRATION_LOCK = 0x6B696E6F
_FULL = {"SQLITE_FULL", "53100"}
_IDLE_TOO_LONG = "25P03"

# A process that is frozen between a statement and its commit must not hold its rows for ever, and a host that is
# unplugged must be noticed: the first is the server's part, the second that of the connection.
_POSTGRESQL_SESSION = (
    f"SET lock_timeout = {_BUSY_MILLISECONDS}",
    "SET idle_in_transaction_session_timeout = 30000",
)
_POSTGRESQL_CONNECTION = {
    "application_name": "kinoscribe",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

_log = structlog.get_logger(__name__)


class Database:
    """One database for the whole program; every method may be called from any thread.

    Transactions are meant to be short: no network is used inside one. Raises `DatabaseUnusable` when the address
    or the driver cannot be used at all; nothing is connected yet. `now` stands in for the clock in tests.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] | None = None) -> None:
        self._clock = now
        self._url = _our_url(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _engine(self._url)
        if self._sqlite:
            _owner_only(self._url.database)
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
            event.listen(self._engine, "before_cursor_execute", _keepable_parameters, retval=True)
            self._readers = self._engine
        else:
            event.listen(self._engine, "connect", _prepare_postgresql)
            event.listen(self._engine, "checkin", _note_use)
            event.listen(self._engine, "checkout", _check_unused)
            self._readers = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._at_once = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writers: Engine = self._engine.execution_options(**{_WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        return self._sqlite

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what a connection of `alone` raises by itself."""
        root: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        return root

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads and sees one state of the data. Raises `DatabaseUnavailable`."""
        with _our_errors(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """`reading` for one statement alone, which needs no transaction. Raises `DatabaseUnavailable`."""
        with _our_errors(), self._readers.begin() if self._sqlite else self._at_once.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite one after another.

        Raises `StorageFull` when nothing fits, `DatabaseUnavailable` when it is locked, away or cannot be written.
        """
        with _our_errors(), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Any]:
        """A connection of the driver outside the pool and outside any transaction, for one thread to listen on."""
        with _our_errors():
            raw = self._engine.raw_connection()
            raw.detach()
        try:
            yield raw.dbapi_connection
        finally:
            raw.close()

    def notify(self, channel: str) -> None:
        """Tells all who listen on `channel`. SQLite has no such thing: there each looks for changes itself."""
        if not self._sqlite:
            with self.asking() as connection:
                connection.execute(select(func.pg_notify(channel, "")))

    def now(self, plus: float = 0.0) -> ColumnElement[datetime]:
        """The time `plus` seconds after the moment at which a statement with this in it is run.

        The clock is PostgreSQL's, of which all hosts know only one, and this machine's on SQLite.
        """
        if self._sqlite or self._clock is not None:
            return bindparam(
                None, type_=Instant, callable_=lambda: (self._clock or clock.now)() + timedelta(seconds=plus)
            )
        microseconds = cast(extract("epoch", func.statement_timestamp()) * 1_000_000, BigInteger)
        return type_coerce(microseconds + literal(round(plus * 1_000_000), BigInteger), Instant)

    def lock(self, connection: Connection, name: str) -> None:
        """Waits until no other transaction holds `name`, and holds it until this one ends.

        SQLite's writers are one after another as it is. Take several names in their order, never the other way.
        """
        if not self._sqlite:
            key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
            connection.execute(select(func.pg_advisory_xact_lock(literal(key, BigInteger))))

    def migrate(self) -> None:
        """Brings the tables to the newest form. Processes that start together do so one after another."""
        with as_file(files("kinoscribe.storage") / "migrations") as scripts, self.writing() as connection:
            if not self._sqlite:
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                _check_encoding(connection)
            config = Config()
            config.set_main_option("script_location", str(scripts).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self._engine.dispose()


def _check_encoding(connection: Connection) -> None:
    found = connection.execute(text("SHOW server_encoding")).scalar_one()
    if found != "UTF8":
        raise DatabaseUnusable(
            f"The database has the encoding {found}; UTF8 is needed. "
            "Make it with: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )


def _our_url(url: str) -> URL:
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


def _engine(url: URL) -> Engine:
    pool: dict[str, Any] = {"pool_size": 8, "max_overflow": 24, "pool_timeout": 30}
    if url.get_backend_name() == "sqlite":
        return create_engine(url, **pool)
    try:
        said = {name: value for name, value in _POSTGRESQL_CONNECTION.items() if name not in url.query}
        return create_engine(url, connect_args=said, **pool)
    except ImportError as error:  # also a driver that finds none of PostgreSQL's own libraries
        raise DatabaseUnusable(
            "PostgreSQL's driver cannot be loaded. Install it with: pip install 'kinoscribe[postgres]'"
        ) from error


def _owner_only(path: str | None) -> None:
    """Creates the file so that only its owner may read it; the files SQLite lays beside it inherit that."""
    if path and path != ":memory:":
        os.close(os.open(Path(path), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own: `_begin_sqlite` does
    for pragma in (
        f"busy_timeout = {_BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.adapters.register_dumper(str, _text_dumper())
    for statement in _POSTGRESQL_SESSION:
        connection.execute(statement).close()
    connection.commit()


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info[_USED] = clock.steady()


def _check_unused(connection: Any, entry: ConnectionPoolEntry, _fairy: PoolProxiedConnection) -> None:
    """A connection that has not been used for a while may have been cut; the pool then makes another one."""
    if clock.steady() - entry.info.get(_USED, clock.steady()) > _TRUSTED:
        try:
            connection.execute("").close()
            connection.rollback()
        except (connection.OperationalError, connection.InterfaceError) as error:
            raise sql_errors.DisconnectionError from error


def _keepable(text: str) -> str:
    """Text as both databases keep it: signs stand for NUL and for halves of characters, which not both do."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


@cache
def _text_dumper() -> type:
    from psycopg.types.string import StrDumperUnknown

    class Dumper(StrDumperUnknown):
        def dump(self, obj: str) -> bytes:
            return _keepable(obj).encode()

    return Dumper


def _keepable_parameters(
    _connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
) -> tuple[str, Any]:
    def keepable(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_keepable(value) if isinstance(value, str) else value for value in row)

    return statement, [keepable(row) for row in parameters] if many else keepable(parameters)


@contextmanager
def _our_errors() -> Iterator[None]:
    """What the database or the way to it does wrong becomes an error of ours; what we do wrong stays as it is."""
    try:
        yield
    except sql_errors.TimeoutError as error:
        _log.error("database_unavailable", name="pool", reason=str(error))
        raise DatabaseUnavailable from error
    except sql_errors.DBAPIError as error:
        name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
        away = error.connection_invalidated or name == _IDLE_TOO_LONG
        if away or isinstance(error, (sql_errors.OperationalError, sql_errors.InterfaceError)):
            raise _our_error(name, error) from error
        raise


def _our_error(name: str | None, error: sql_errors.DBAPIError) -> ApiError:
    if name in _FULL:
        return StorageFull()
    _log.error("database_unavailable", name=name, reason=str(error.orig))
    return DatabaseUnavailable()

"""Turns a database address into short transactions that read or write, alike on SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from types import TracebackType
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    RootTransaction,
    bindparam,
    cast,
    extract,
    func,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy import exc as sql_errors

from kinoscribe import clock
from kinoscribe.contract.errors import ApiError, DatabaseUnavailable, StorageFull
from kinoscribe.storage.connections import BUSY_SECONDS, WRITES, OpenConnections, open_engine, read_address
from kinoscribe.storage.data_folder import DatabaseUnusable
from kinoscribe.storage.prepared import Prepared, Statement
from kinoscribe.storage.tables import Instant

_MIGRATION_LOCK = 0x6B696E6F
_FULL = {"SQLITE_FULL", "53100"}
_IDLE_TOO_LONG = "25P03"
_THEIRS = (sql_errors.TimeoutError, sql_errors.DBAPIError)

_log = structlog.get_logger(__name__)


class Database:
    """One database for the whole program; every method may be called from any thread.

    Transactions are meant to be short: no network is used inside one. Raises `DatabaseUnusable` when the address
    or the driver cannot be used at all; nothing is connected yet. `now` stands in for the clock in tests.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] | None = None) -> None:
        self._clock = now
        address = read_address(url)
        self._sqlite = address.get_backend_name() == "sqlite"
        self._engine = open_engine(address)
        # One kind is enough for SQLite: what one connection writes, every other has to read anew.
        self._readers = self._at_once = self._engine
        if not self._sqlite:
            one_state = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            self._readers = self._engine.execution_options(**one_state)
            self._at_once = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._open = OpenConnections()
        self._turn = threading.Lock() if self._sqlite else None
        self._prepared: dict[tuple[int, frozenset[str]], tuple[Statement, Prepared]] = {}

    @property
    def is_sqlite(self) -> bool:
        return self._sqlite

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what a connection of `alone` raises by itself."""
        root: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        return root

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads and sees one state of the data. Raises `DatabaseUnavailable`."""
        return _Transaction(self._open, self._readers)

    def asking(self) -> AbstractContextManager[Connection]:
        """`reading` for one statement alone, which needs no transaction. Raises `DatabaseUnavailable`."""
        return _Transaction(self._open, self._at_once, begun=self._sqlite)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes; on SQLite one after another.

        Raises `StorageFull` when nothing fits, `DatabaseUnavailable` when it is locked, away or cannot be written.
        """
        return _Transaction(self._open, self._engine, writes=True, turn=self._turn)

    def run(
        self, connection: Connection, statement: Statement, parameters: Mapping[str, Any]
    ) -> tuple[list[tuple[Any, ...]], int]:
        """`Connection.execute` for the few statements of the queue, which live as long as the program does.

        Returns the rows a statement brings and how many it changed. It is made ready once for each set of parameters.
        """
        key = id(statement), frozenset(parameters)
        ready = self._prepared.get(key)
        if ready is None:
            prepared = Prepared(statement, self._engine.dialect, parameters.keys())
            ready = self._prepared[key] = statement, prepared
        return ready[1].run(connection, parameters)

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
        self._open.close()
        self._engine.dispose()


def _check_encoding(connection: Connection) -> None:
    found = connection.execute(text("SHOW server_encoding")).scalar_one()
    if found != "UTF8":
        raise DatabaseUnusable(
            f"The database has the encoding {found}; UTF8 is needed. "
            "Make it with: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )


class _Transaction:
    """A connection, and where it is `begun` a transaction that ends with the block; errors are made ours.

    What generators would say in a few lines; there are four of these for every task.
    """

    __slots__ = ("_begun", "_connection", "_engine", "_mine", "_open", "_transaction", "_turn", "_writes")

    def __init__(
        self,
        connections: OpenConnections,
        engine: Engine,
        *,
        writes: bool = False,
        begun: bool = True,
        turn: threading.Lock | None = None,
    ) -> None:
        self._open = connections
        self._engine = engine
        self._writes = writes
        self._begun = begun
        self._turn = turn
        self._mine = False
        self._transaction: RootTransaction | None = None

    def __enter__(self) -> Connection:
        if self._turn is not None:  # SQLite lets waiting writers sleep, and wakes them in no order
            self._mine = self._turn.acquire(timeout=BUSY_SECONDS)
        try:
            return self._enter()
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._exit(kind, error, trace)
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._mine and self._turn is not None:
            self._mine = False
            self._turn.release()

    def _enter(self) -> Connection:
        try:
            self._connection = self._open.take(self._engine)
            if self._begun:
                try:
                    self._connection.info[WRITES] = self._writes
                    self._transaction = self._connection.begin()
                except BaseException:
                    self._connection.close()
                    raise
        except _THEIRS as error:
            if ours := _ours(error):
                raise ours from error
            raise
        return self._connection

    def _exit(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                if self._transaction is not None:
                    self._transaction.__exit__(kind, error, trace)
            except BaseException:
                self._connection.close()
                raise
            self._open.give(self._engine, self._connection, whole=error is None)
        except _THEIRS as own:
            if ours := _ours(own):
                raise ours from own
            raise
        if isinstance(error, _THEIRS) and (ours := _ours(error)):
            raise ours from error


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except _THEIRS as error:
        if ours := _ours(error):
            raise ours from error
        raise


def _ours(error: sql_errors.TimeoutError | sql_errors.DBAPIError) -> ApiError | None:
    """Our error for what the database or the way to it does wrong. What we do wrong ourselves is none of it."""
    if isinstance(error, sql_errors.TimeoutError):
        _log.error("database_unavailable", name="pool", reason=str(error))
        return DatabaseUnavailable()
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    away = error.connection_invalidated or name == _IDLE_TOO_LONG
    if away or isinstance(error, (sql_errors.OperationalError, sql_errors.InterfaceError)):
        return _our_error(name, error)
    return None


def _our_error(name: str | None, error: sql_errors.DBAPIError) -> ApiError:
    if name in _FULL:
        return StorageFull()
    _log.error("database_unavailable", name=name, reason=str(error.orig))
    return DatabaseUnavailable()

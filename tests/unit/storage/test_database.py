import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, inspect, make_url, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError, InternalError, ProgrammingError
from tests.databases import KINDS, PostgreSQL, a_postgresql

from kinoscribe import clock
from kinoscribe.contract.errors import DatabaseUnavailable, StorageFull
from kinoscribe.storage import connections
from kinoscribe.storage.data_folder import DatabaseUnusable
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import Instant, receipts, tables

START = """
import sys
from kinoscribe.storage.database import Database
Database(sys.argv[1]).migrate()
"""


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield url(tmp_path)
    else:
        with request.getfixturevalue("postgresql").database(migrated=False) as made:
            yield made


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'rows.db'}"


def test_migrating_makes_exactly_the_tables_that_the_code_names(empty_url: str) -> None:
    with closing(Database(empty_url)) as database:
        database.migrate()
        with database.reading() as db:
            context = MigrationContext.configure(db, opts={"compare_type": True})
            assert compare_metadata(context, tables) == []
            assert inspect(db).get_pk_constraint("assets")["constrained_columns"] == ["id"]


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    with closing(Database(empty_url)) as database:
        database.migrate()
        database.migrate()


def test_processes_that_start_at_once_migrate_one_after_another(empty_url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", START, empty_url], stderr=subprocess.PIPE) for _ in range(3)
    ]
    for process in started:
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint.decode()
    with closing(Database(empty_url)) as database, database.reading() as db:
        assert db.execute(text("select version_num from alembic_version")).all() == [("0009",)]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://user:secret@host/name", "of the kind mysql"),
        ("sqlite+aiosqlite:///x.db", "of the kind sqlite"),
        ("postgresql+psycopg2://user:secret@host/name", "of the kind postgresql"),
        ("not an address secret", "cannot be read"),
        ("postgresql://user:secret@host:port/name", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence_without_its_password(
    address: str, said: str
) -> None:
    with pytest.raises(DatabaseUnusable, match=said) as refusal:
        Database(address)
    assert "secret" not in str(refusal.value)


def test_a_driver_that_is_not_installed_is_named_with_what_would_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseUnusable, match=r"kinoscribe\[postgres\]"):
        Database("postgresql+psycopg://user@host/name")


def test_a_database_of_another_encoding_is_refused(postgresql: PostgreSQL) -> None:
    with (
        postgresql.database(migrated=False, encoding="LATIN1") as url,
        closing(Database(url)) as database,
        pytest.raises(DatabaseUnusable, match="encoding LATIN1"),
    ):
        database.migrate()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_usual_ways_to_write_an_address_of_postgresql_are_taken(scheme: str, postgresql_url: str) -> None:
    with (
        closing(Database(f"{scheme}:{postgresql_url.partition(':')[2]}")) as database,
        database.reading() as db,
    ):
        assert db.execute(select(func.count()).select_from(tables.tables["tasks"])).scalar_one() == 0


def test_a_server_that_is_away_is_unavailable_and_used_again_when_it_is_back() -> None:
    with a_postgresql() as server, closing(Database(server.url())) as database:
        with database.reading() as db:
            db.execute(text("SELECT 1"))

        def cut_off() -> None:
            with database.writing() as db:
                server.stop()
                db.execute(text("SELECT 1"))

        for use in (cut_off, database.migrate, lambda: database.notify("x")):
            with pytest.raises(DatabaseUnavailable):
                use()
        with pytest.raises(DatabaseUnavailable), database.reading():
            pass
        server.start()
        database.migrate()


@pytest.mark.parametrize(
    "breaks",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SET LOCAL idle_in_transaction_session_timeout = 1",
        "SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)",
    ],
)
def test_a_transaction_that_the_server_ends_is_a_matter_of_the_database(
    postgresql_url: str, breaks: str
) -> None:
    def use() -> None:
        with database.writing() as db:
            for statement in breaks.split(";"):
                db.execute(text(statement))
            time.sleep(0.1)
            db.execute(text("SELECT 1"))

    with closing(Database(postgresql_url)) as database:
        with pytest.raises(DatabaseUnavailable):
            use()
        with database.reading() as db:
            assert db.execute(text("SELECT 1")).scalar_one() == 1


def test_a_connection_that_was_cut_while_nobody_used_it_is_made_again_unnoticed(
    postgresql: PostgreSQL, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_url(postgresql_url).database
    with closing(Database(postgresql_url)) as database:
        for use in (database.reading, database.asking, database.writing):
            with use() as db:
                db.execute(text("SELECT 1"))
            postgresql.execute(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            monkeypatch.setattr(connections, "_TRUSTED", -1.0)
            with use() as db:
                assert db.execute(text("SELECT 1")).scalar_one() == 1
            monkeypatch.undo()


def test_a_mistake_of_ours_is_not_taken_for_an_absence_of_the_database(database: Database) -> None:
    def ask(sql: str) -> None:
        with database.reading() as db:
            db.execute(text(sql))

    for sql in ("SELECT * FROM nothing", "SELEKT"):
        with pytest.raises((ProgrammingError, DatabaseUnavailable)) as raised:
            ask(sql)
        assert database.is_sqlite or raised.type is ProgrammingError


def test_a_pool_that_is_used_up_is_a_matter_of_the_database(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(postgresql_url)) as database, ExitStack() as used:
        monkeypatch.setattr(database._engine.pool, "_timeout", 0.01)
        for _ in range(32):
            used.enter_context(database.reading())
        with pytest.raises(DatabaseUnavailable), database.reading():
            pass


def test_what_reads_sees_one_state_and_cannot_write_on_postgresql(postgresql_url: str) -> None:
    count = select(func.count()).select_from(receipts)
    row = {"generation_id": "g", "account": "a", "body": {}, "created_at": datetime.now(UTC)}
    with closing(Database(postgresql_url)) as database:
        with database.reading() as db:
            assert db.execute(count).scalar_one() == 0
            with database.writing() as other:
                other.execute(receipts.insert(), row)
            assert db.execute(count).scalar_one() == 0
        with database.reading() as db:
            assert db.execute(count).scalar_one() == 1
            with pytest.raises(InternalError, match="read-only"):
                db.execute(receipts.delete())


def test_the_clock_is_the_servers_on_postgresql_and_that_of_the_tests_when_they_have_one(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def read(of: Database, plus: float) -> datetime:
        with of.writing() as db:
            now: datetime = db.execute(select(of.now(plus))).scalar_one()
            return now

    monkeypatch.setattr(clock, "now", lambda: noon)
    if database.is_sqlite:
        assert read(database, -1.5) == noon - timedelta(seconds=1.5)
    else:
        assert abs(read(database, 1.5) - datetime.now(UTC) - timedelta(seconds=1.5)) < timedelta(minutes=1)
    with closing(Database(database_url, now=lambda: noon + timedelta(hours=1))) as told:
        assert read(told, 0.25) == noon + timedelta(hours=1, seconds=0.25)


def test_transactions_that_hold_the_same_name_come_one_after_another(postgresql_url: str) -> None:
    inside: list[int] = []

    def hold(number: int) -> None:
        with database.writing() as db:
            database.lock(db, "name")
            inside.append(number)
            time.sleep(0.02)
            assert inside[-1] == number

    with closing(Database(postgresql_url)) as database, ThreadPoolExecutor(4) as threads:
        list(threads.map(hold, range(8)))
    assert sorted(inside) == list(range(8))


def test_all_text_can_be_kept_and_asked_for_and_comes_back_alike(database: Database) -> None:
    row = {"account": "a", "body": {"\0": "\ud83d\0"}, "created_at": datetime.now(UTC)}
    with database.writing() as db:
        db.execute(receipts.insert(), {**row, "generation_id": "\0\ud83d"})
        db.execute(receipts.insert(), [{**row, "generation_id": f"\0{number}"} for number in range(3)])
        names = select(receipts.c.generation_id).order_by(receipts.c.generation_id)
        assert sorted(db.execute(names).scalars()) == ["␀0", "␀1", "␀2", "␀?"]
        found = db.execute(select(receipts.c.body).where(receipts.c.generation_id == "\0\ud83d"))
        assert found.scalar_one() == {"\0": "\ud83d\0"}


def test_the_database_may_be_read_by_its_owner_only(tmp_path: Path) -> None:
    database = Database(url(tmp_path))
    database.migrate()
    with database.writing():
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    database.close()
    assert modes
    assert set(modes.values()) == {0o600}


def test_writers_in_many_threads_wait_for_each_other(tmp_path: Path) -> None:
    database = Database(url(tmp_path))
    database.migrate()

    def write(number: int) -> None:
        with database.writing() as db:
            count = len(db.execute(select(receipts.c.generation_id)).all())
            row = {
                "generation_id": f"{number}-{count}",
                "account": "a",
                "body": {},
                "created_at": datetime.now(UTC),
            }
            db.execute(receipts.insert(), row)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(64)))
    with database.reading() as db:
        seen = {int(name.split("-")[1]) for name in db.execute(select(receipts.c.generation_id)).scalars()}
    database.close()
    assert seen == set(range(64)), "two writers saw the same state"


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(url(tmp_path))
    database.migrate()
    row = {"generation_id": "g", "account": "a", "body": {}, "created_at": datetime.now(UTC)}
    with pytest.raises(IntegrityError), database.writing() as db:
        db.execute(receipts.insert(), [row, row])
    with database.reading() as db:
        assert db.execute(select(receipts.c.generation_id)).all() == []
    database.close()


def test_a_database_that_cannot_grow_says_that_the_disk_is_full(tmp_path: Path) -> None:
    database = Database(url(tmp_path))
    database.migrate()
    body = {"x": "y" * 500_000}
    row = {"generation_id": "g", "account": "a", "body": body, "created_at": datetime.now(UTC)}
    with database.writing() as db:
        db.exec_driver_sql("PRAGMA max_page_count = 20")  # of the one connection that the pool has
    with pytest.raises(StorageFull), database.writing() as db:
        db.execute(receipts.insert(), row)
    database.close()


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(-14, 14))
def test_an_instant_comes_back_as_it_was_whatever_its_zone(moment: datetime, hours: int) -> None:
    given_moment = moment.replace(tzinfo=UTC) + timedelta(hours=hours)
    instant, dialect = Instant(), sqlite.dialect()
    kept = instant.process_bind_param(given_moment, dialect)
    assert instant.process_result_value(kept, dialect) == given_moment

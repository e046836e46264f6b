import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_mock_engine, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from kinoscribe.contract.errors import StorageFull
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import Instant, api_keys, receipts, tables

START = """
import sys
from kinoscribe.storage.database import Database
Database(sys.argv[1]).migrate()
"""


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'rows.db'}"


def test_migrating_makes_exactly_the_tables_that_the_code_names(tmp_path: Path) -> None:
    database = Database(url(tmp_path))
    database.migrate()
    with database.reading() as db:
        differences = compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), tables)
        assert differences == []
        assert inspect(db).get_pk_constraint("assets")["constrained_columns"] == ["id"]
    database.close()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    database = Database(url(tmp_path))
    database.migrate()
    database.migrate()
    database.close()


def test_processes_that_start_at_once_migrate_one_after_another(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", START, url(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint.decode()
    with sqlite3.connect(tmp_path / "rows.db") as db:
        assert db.execute("select version_num from alembic_version").fetchall() == [("0002",)]
    db.close()


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


def test_every_table_can_also_be_made_on_postgresql() -> None:
    said: list[str] = []
    engine = create_mock_engine(
        "postgresql+psycopg://",
        lambda sql, *_, **__: said.append(str(sql.compile(dialect=postgresql.dialect()))),
    )
    tables.create_all(engine, checkfirst=False)
    assert sum("CREATE TABLE" in text for text in said) == len(tables.tables)
    assert api_keys.name in tables.tables

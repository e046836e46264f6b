"""Connections that stay open between transactions: how many, for how long, and what becomes of a broken one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import QueuePool, event, make_url, text
from tests.databases import PostgreSQL

from kinoscribe import clock
from kinoscribe.storage import connections
from kinoscribe.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path / 'a.db'}")) as database:
        yield database


def driver_of(database: Database) -> object:
    with database.writing() as db:
        driver: object = db.connection.driver_connection
        return driver


def open_in(database: Database) -> int:
    pool = database._engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def test_transactions_that_follow_each_other_use_one_connection(database: Database) -> None:
    first = driver_of(database)
    with database.reading() as db:
        assert db.connection.driver_connection is first
    assert driver_of(database) is first
    assert open_in(database) == 1


def test_a_connection_on_which_something_went_wrong_goes_back_to_the_pool(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing():
        raise ZeroDivisionError
    assert open_in(database) == 0


def test_a_connection_to_a_server_that_nobody_used_for_a_while_goes_back_to_the_pool(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned: list[object] = []
    with closing(Database(postgresql_url)) as database:
        monkeypatch.setattr(connections, "_TRUSTED", 3600.0)
        driver_of(database)
        event.listen(database._engine, "checkin", lambda *_: returned.append(1))
        driver_of(database)
        assert returned == []
        monkeypatch.setattr(connections, "_TRUSTED", 0.0)
        driver_of(database)
        assert returned == [1]


def test_a_kept_connection_that_the_server_has_cut_meanwhile_is_made_again_unnoticed(
    postgresql: PostgreSQL, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_url(postgresql_url).database
    passed = 0.0
    steady = clock.steady
    monkeypatch.setattr(clock, "steady", lambda: steady() + passed)
    with closing(Database(postgresql_url)) as database:
        for use in (database.reading, database.asking, database.writing):
            with use() as db:
                db.execute(text("SELECT 1"))
            postgresql.execute(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            passed += 60.0
            with use() as db:
                assert db.execute(text("SELECT 1")).scalar_one() == 1


def test_only_a_few_connections_stay_open_and_none_after_the_end(database: Database) -> None:
    with ExitStack() as held:
        for _ in range(9):
            held.enter_context(database.reading())
    assert open_in(database) == connections._IDLE
    database.close()
    assert open_in(database) == 0


def test_a_kept_connection_writes_after_it_has_read_and_reads_after_it_has_written(
    database: Database,
) -> None:
    with database.writing() as db:
        db.execute(text("CREATE TABLE a (b INTEGER)"))
    for number in range(3):
        with database.writing() as db:
            db.execute(text("INSERT INTO a VALUES (:b)"), {"b": number})
        with database.asking() as db:
            assert db.execute(text("SELECT count(*) FROM a")).scalar_one() == number + 1


def test_a_writer_that_waits_for_another_holds_no_connection_and_writes_next(database: Database) -> None:
    with database.writing() as db:
        db.execute(text("CREATE TABLE a (b INTEGER)"))

    def insert(number: int) -> None:
        with database.writing() as db:
            db.execute(text("INSERT INTO a VALUES (:b)"), {"b": number})

    with ThreadPoolExecutor(40) as threads:
        with database.writing() as db:
            waiting = [threads.submit(insert, number) for number in range(40)]
            db.execute(text("INSERT INTO a VALUES (-1)"))
            assert not wait(waiting, 0.2).done
            assert open_in(database) == 1
        for one in waiting:
            one.result(20)
    with database.reading() as db:
        assert sorted(db.execute(text("SELECT b FROM a")).scalars()) == list(range(-1, 40))


def test_a_writer_that_fails_lets_the_next_one_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_connection(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.writing():
        raise ZeroDivisionError
    with monkeypatch.context() as patch:
        patch.setattr(database._open, "take", no_connection)
        with pytest.raises(ZeroDivisionError), database.writing():
            pass
    assert database._turn is not None
    assert not database._turn.locked()

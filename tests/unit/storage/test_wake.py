import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import insert, make_url
from tests.databases import PostgreSQL, a_postgresql

from kinoscribe import clock
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import receipts
from kinoscribe.storage.wake import Wake

LONG = 20.0


def write(database: Database, name: str) -> None:
    row = {"generation_id": name, "account": "a", "body": {}, "created_at": clock.now()}
    with database.writing() as db:
        db.execute(insert(receipts), row)


def quiet(wake: Wake) -> None:
    """Waits until what happened before is heard."""
    while wake.wait(0.3):
        pass


class Waiting:
    """A thread that waits on `wake`, and what came of it."""

    def __init__(self, wake: Wake) -> None:
        self.heard: list[bool] = []
        self._thread = threading.Thread(target=lambda: self.heard.append(wake.wait(LONG)))
        self._thread.start()
        time.sleep(0.2)

    def woken(self) -> bool:
        self._thread.join(LONG / 2)
        assert not self._thread.is_alive(), "it went on waiting"
        return self.heard == [True]


@pytest.fixture
def wake(database: Database) -> Iterator[Wake]:
    with closing(Wake(database)) as wake:
        yield wake


def test_nothing_happens_while_nobody_writes(wake: Wake) -> None:
    assert wake.wait(0), "what was there before has to be looked at once"
    quiet(wake)
    assert not wake.wait(0.1)


def test_what_another_process_writes_and_rings_for_is_heard_at_once(database_url: str, wake: Wake) -> None:
    quiet(wake)
    with closing(Database(database_url)) as other, closing(Wake(other)) as bell:
        waiting = Waiting(wake)
        write(other, "g")
        bell.ring()
        assert waiting.woken()


def test_a_bell_that_nobody_waits_for_is_heard_later(database_url: str, wake: Wake) -> None:
    quiet(wake)
    with closing(Database(database_url)) as other, closing(Wake(other)) as bell:
        for number in range(3):
            write(other, f"g{number}")
            bell.ring()
    assert wake.wait(LONG)
    quiet(wake)


def test_a_nudge_wakes_this_process_alone(database: Database, wake: Wake) -> None:
    with closing(Wake(database)) as other:
        quiet(wake)
        quiet(other)
        waiting = Waiting(wake)
        for _ in range(100_000):
            wake.nudge()
        assert waiting.woken()
        assert not other.wait(0.2)
    quiet(wake)
    assert not wake.wait(0.05)


def test_closing_again_closes_nothing_that_others_have_opened_since(database: Database) -> None:
    wake = Wake(database)
    wake.close()
    reader, writer = os.pipe()
    wake.close()
    os.write(writer, b"x")
    assert os.read(reader, 1) == b"x"
    os.close(reader)
    os.close(writer)


def test_who_rings_after_the_end_writes_to_nothing_that_others_have_opened_since(database: Database) -> None:
    wake = Wake(database)
    wake.close()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    wake.ring()
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    os.close(reader)
    os.close(writer)


def test_bells_of_another_name_are_not_heard_on_postgresql(postgresql_url: str) -> None:
    with (
        closing(Database(postgresql_url)) as database,
        closing(Wake(database, "one")) as one,
        closing(Wake(database, "other")) as other,
    ):
        quiet(one)
        other.ring()
        assert not one.wait(0.3)


def test_a_database_that_goes_away_and_comes_back_is_waited_for() -> None:
    with (
        a_postgresql() as server,
        closing(Database(server.url())) as database,
        closing(Wake(database)) as wake,
    ):
        quiet(wake)
        waiting = Waiting(wake)
        server.stop()
        wake.nudge()
        assert waiting.woken()
        wake.ring()
        before = clock.steady()
        assert wake.wait(0.1), "the bell of this process needs no database"
        assert not wake.wait(0.3)
        assert clock.steady() - before >= 0.3, "who cannot hear must not spin"
        server.start()
        assert wake.wait(1), "what happened meanwhile has to be looked at"
        quiet(wake)
        rung = Waiting(wake)
        with closing(Wake(database)) as bell:
            bell.ring()
        assert rung.woken()


def test_a_connection_that_is_cut_is_made_again(postgresql: PostgreSQL, postgresql_url: str) -> None:
    with closing(Database(postgresql_url)) as database, closing(Wake(database)) as wake:
        quiet(wake)
        name = make_url(postgresql_url).database
        postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        time.sleep(0.2)
        woken = sum(wake.wait(0.05) for _ in range(20))
        assert 1 <= woken <= 5, "it looks once more, and does not spin"
        quiet(wake)
        waiting = Waiting(wake)
        with closing(Wake(database)) as bell:
            bell.ring()
        assert waiting.woken()

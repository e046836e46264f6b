"""Processes see each other for as long as they live, and machines that may not share keep out of each other's way."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from kinoscribe.storage import process_rows
from kinoscribe.storage.data_folder import DatabaseUnusable
from kinoscribe.storage.database import Database
from kinoscribe.storage.process_rows import ProcessRows
from kinoscribe.storage.tables import processes

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Hands:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def elsewhere(monkeypatch: pytest.MonkeyPatch, database: Database, pepper: bytes = b"one") -> ProcessRows:
    """The rows as a process of another machine keeps them."""
    with monkeypatch.context() as patch:
        patch.setattr(process_rows, "_machine", lambda: b"another start")
        patch.setattr(process_rows.socket, "gethostname", lambda: "elsewhere")
        return ProcessRows(database, pepper)


def test_a_process_is_seen_with_what_it_says_of_itself(database: Database) -> None:
    rows = ProcessRows(database, b"one")
    own = rows.new_id()
    rows.beat(own, "worker", 4, ("No weights.",))
    (seen,) = rows.live("worker")
    assert (seen.id, seen.kind, seen.pid, seen.slots) == (own, "worker", os.getpid(), 4)
    assert seen.missing == ("No weights.",)
    assert rows.live("api") == ()
    rows.beat(own, "worker", 4, ())
    (again,) = rows.live()
    assert (again.missing, again.started_at) == ((), seen.started_at)
    rows.leave(own)
    assert rows.live() == ()


def test_no_two_processes_have_one_id(database: Database) -> None:
    rows = ProcessRows(database, b"one")
    assert rows.new_id() != rows.new_id()
    assert len(rows.new_id()) <= processes.c.id.type.length  # type: ignore[attr-defined]


@pytest.mark.parametrize("away", [61.0, -61.0])
def test_who_was_not_seen_for_a_minute_is_gone_also_when_the_clock_was_set_back(
    database: Database, away: float
) -> None:
    hands = Hands()
    rows = ProcessRows(database, b"one", hands)
    rows.beat(rows.new_id(), "api", 8, ())
    hands.go(30)
    assert len(rows.live()) == 1
    hands.go(away - 30)
    assert rows.live() == ()
    rows.beat(rows.new_id(), "worker", 1, ())
    hands.now = NOON + timedelta(seconds=away)
    assert [process.kind for process in rows.live()] == ["worker"]


def test_a_process_of_this_machine_that_has_died_is_gone_at_once(database: Database) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    rows = ProcessRows(database, b"one")
    lost = rows.new_id()
    rows.beat(lost, "worker", 4, ())
    with database.writing() as db:
        db.execute(update(processes).values(pid=dead.pid))
    assert rows.live() == ()
    rows.beat(rows.new_id(), "worker", 4, ())
    with database.reading() as db:
        assert lost not in {row.id for row in db.execute(processes.select())}


def test_a_process_of_another_machine_is_believed_for_a_minute(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(monkeypatch, database)
    other.beat(other.new_id(), "worker", 4, ())
    with database.writing() as db:
        db.execute(update(processes).values(pid=2**22 + 1))
    (seen,) = ProcessRows(database, b"one").live()
    assert seen.host == "elsewhere"


def test_machines_do_not_share_sqlite_but_postgresql(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(monkeypatch, database)
    other.beat(other.new_id(), "api", 8, ())
    here = ProcessRows(database, b"one", shared_store=True)
    if database.is_sqlite:
        with pytest.raises(DatabaseUnusable, match="elsewhere"):
            here.refuse_strangers()
    else:
        here.refuse_strangers()


def test_machines_do_not_share_a_folder_of_one_of_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(monkeypatch, database)
    other.beat(other.new_id(), "api", 8, ())
    wanted = "SQLite" if database.is_sqlite else "KINOSCRIBE_STORE_URL=s3"
    with pytest.raises(DatabaseUnusable, match=wanted):
        ProcessRows(database, b"one").refuse_strangers()


def test_machines_with_one_database_need_one_store(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(monkeypatch, database, b"another pepper")
    own = other.new_id()
    other.beat(own, "api", 8, ())
    with pytest.raises(DatabaseUnusable, match="SQLite" if database.is_sqlite else "another store"):
        ProcessRows(database, b"one", shared_store=True).refuse_strangers()
    other.leave(own)
    ProcessRows(database, b"one").refuse_strangers()


def test_a_machine_that_was_started_again_and_a_second_container_are_no_strangers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_machine", b"an earlier start"), ("_host", "a-container")):
        with monkeypatch.context() as patch:
            if name == "_machine":
                patch.setattr(process_rows, "_machine", lambda value=value: value)
                before = ProcessRows(database, b"one")
            else:
                before = ProcessRows(database, b"one")
                before._host = str(value)
        before.beat(before.new_id(), "api", 8, ())
    ProcessRows(database, b"one").refuse_strangers()


def test_containers_of_one_machine_and_one_name_do_not_take_each_other_for_dead(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(process_rows, "_numbers", lambda: b"pid:[4026531999]")
        other = ProcessRows(database, b"one")
    other.beat(other.new_id(), "worker", 4, ())
    with database.writing() as db:
        db.execute(update(processes).values(pid=2**22 + 1))
    here = ProcessRows(database, b"one")
    here.refuse_strangers()
    assert [seen.kind for seen in here.live()] == ["worker"]
    here.beat(here.new_id(), "api", 8, ())
    assert len(here.live()) == 2

"""Room set aside for files on their way: counted by all, kept while their process lives, and never for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kinoscribe import clock
from kinoscribe.contract.errors import DatabaseUnavailable, StorageQuotaExceeded
from kinoscribe.storage.asset_room import AssetLimits, AssetRoom, Held
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database
from kinoscribe.storage.reservations import Reservation, Reservations
from kinoscribe.storage.tables import reservations

MB = 1024 * 1024
ROOM = 100 * MB


@pytest.fixture
def room(database: Database) -> AssetRoom:
    return AssetRoom(database, AssetLimits(most=2 * ROOM, most_account=ROOM))


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not found() and time.monotonic() < end:
        time.sleep(0.02)
    assert found()


def leases(database: Database) -> list[object]:
    with database.reading() as db:
        return list(db.execute(select(reservations.c.lease_until)).scalars())


def renewing() -> int:
    return sum(thread.name == "reservations" for thread in threading.enumerate())


def test_what_is_announced_is_set_aside_until_it_is_given_back(room: AssetRoom) -> None:
    with room.reserve("a") as one, room.reserve("a") as other:
        assert one.announce(60 * MB, 62 * MB) == 62 * MB
        assert room.left("a") == 38 * MB
        with pytest.raises(StorageQuotaExceeded):
            other.announce(39 * MB, 41 * MB)
        assert other.announce(37 * MB, 39 * MB) == 38 * MB
        assert (room.left("a"), room.left("b")) == (0, ROOM)
        assert room.held() == (Held("a", 0, 0, ROOM),)
    assert room.left("a") == ROOM
    assert room.held() == ()


def test_all_accounts_together_set_aside_no_more_than_there_is(room: AssetRoom) -> None:
    with room.reserve("a") as one, room.reserve("b") as other, room.reserve("c") as third:
        one.announce(ROOM, ROOM)
        other.announce(60 * MB, 60 * MB)
        with pytest.raises(StorageQuotaExceeded, match="this server"):
            third.announce(41 * MB, 41 * MB)
        assert third.announce(1, 60 * MB) == 40 * MB


def test_a_file_of_unknown_length_has_room_as_it_grows(room: AssetRoom) -> None:
    with room.reserve("a") as one:
        assert one.grow(10) == 10 + MB
        assert one.grow(80 * MB) == 90 * MB
        assert room.left("a") == 10 * MB
        assert one.grow(95 * MB) == ROOM
        with pytest.raises(StorageQuotaExceeded):
            one.grow(ROOM + 1)
        assert one.bytes == ROOM


def test_the_asset_takes_the_place_of_what_was_set_aside_for_it(database: Database, tmp_path: Path) -> None:
    with closing(Blobs(tmp_path)) as blobs:
        rows = AssetRows(database, blobs, limits=AssetLimits(most_account=100))

        def add(reserved: Reservation, filling: bytes) -> None:
            with blobs.begin() as incoming:
                incoming.write(filling)
                said = {"method": "direct", "filename": "v", "file_type": "video/mp4"}
                rows.add("a", stored=incoming.finish(), reserved=reserved, **said)  # type: ignore[arg-type]

        with rows.room.reserve("a") as one:
            one.announce(60, 60)
            add(one, b"x" * 60)
            assert rows.room.left("a") == 40
        assert rows.room.left("a") == 40
        with rows.room.reserve("a") as other:
            other.announce(30, 30)
            with pytest.raises(StorageQuotaExceeded):
                add(other, b"x" * 41)
            assert rows.room.left("a") == 10, "it is still set aside"
        assert rows.room.left("a") == 40


def test_what_a_dead_process_has_set_aside_counts_no_more_after_its_lease(
    database: Database, room: AssetRoom
) -> None:
    with room.reserve("a") as one:
        one.announce(ROOM, ROOM)
        past = clock.now() - timedelta(seconds=1)
        with database.writing() as db:
            db.execute(update(reservations).values(lease_until=past))
        assert room.left("a") == ROOM
        assert room.held() == ()
        assert room.reservations.sweep(dry=True) == 1
        assert room.reservations.sweep() == 1
        assert room.reservations.sweep() == 0


def test_what_lives_is_renewed_and_nobody_renews_what_is_not_there(database: Database) -> None:
    kept = Reservations(database, lease=1.0)

    def set_aside(reservation: str, _needed: int, wished: int) -> int:
        with database.writing() as db:
            kept.add(db, reservation, "a", wished)
        return wished

    before = renewing()
    with Reservation(kept, set_aside) as one, Reservation(kept, set_aside) as other:
        one.announce(1, 1)
        other.announce(1, 1)
        assert renewing() == before + 1
        first = leases(database)
        until(lambda: all(found not in first for found in leases(database)))
        other.close()
        assert renewing() == before + 1
    until(lambda: renewing() == before)
    with Reservation(kept, set_aside) as again:
        again.announce(1, 1)
        assert renewing() == before + 1
    until(lambda: renewing() == before)


def test_a_database_that_is_away_keeps_nobody_from_ending(
    database: Database, room: AssetRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Iterator[None]:
        raise DatabaseUnavailable

    one = room.reserve("a")
    one.announce(1, 1)
    monkeypatch.setattr(database, "writing", away)
    one.close()
    monkeypatch.undo()
    assert len(leases(database)) == 1
    one.close()
    assert len(leases(database)) == 1, "it ends by itself"


def test_of_many_at_once_no_more_than_fit_are_told_that_they_do(room: AssetRoom) -> None:
    together = threading.Barrier(8)

    def take(_: int) -> Reservation | None:
        one = room.reserve("a")
        together.wait(20)
        try:
            one.announce(30 * MB, 30 * MB)
        except StorageQuotaExceeded:
            one.close()
            return None
        return one

    with ThreadPoolExecutor(8) as pool:
        taken = [one for one in pool.map(take, range(8)) if one is not None]
    assert len(taken) == 3
    assert room.left("a") == 10 * MB
    for one in taken:
        one.close()
    assert room.left("a") == ROOM

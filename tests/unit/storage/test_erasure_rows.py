"""Word of an erasure reaches every folder once, on both databases, by a clock that is moved by hand."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kinoscribe.storage.database import Database
from kinoscribe.storage.erasure_rows import ErasureRows


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def time() -> Clock:
    return Clock()


@pytest.fixture
def rows(database_url: str, time: Clock) -> Iterator[ErasureRows]:
    with closing(Database(database_url, now=time)) as database:
        yield ErasureRows(database)


def test_each_folder_hears_of_it_until_it_has_carried_it_out(rows: ErasureRows, time: Clock) -> None:
    rows.leave("salt")
    time.at += timedelta(seconds=30)
    rows.leave("pepper")
    (first, second) = rows.due("here")
    assert (first.salt, second.salt) == ("salt", "pepper")
    assert first.seconds == pytest.approx(30.0)
    assert second.seconds == pytest.approx(0.0)
    for _ in range(2):
        rows.done(first.id, "here")
    assert [one.salt for one in rows.due("here")] == ["pepper"]
    assert [one.salt for one in rows.due("there")] == ["salt", "pepper"]


def test_what_is_old_is_forgotten_with_all_that_was_said_of_it(rows: ErasureRows, time: Clock) -> None:
    rows.leave("salt")
    (one,) = rows.due("here")
    rows.done(one.id, "here")
    time.at += timedelta(seconds=100)
    assert rows.forget(101) == 0
    assert rows.forget(99) == 1
    assert rows.due("there") == ()
    rows.done(one.id, "there")

"""Who has waited for what, on both databases, by a clock that is moved by hand."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kinoscribe.storage.database import Database
from kinoscribe.storage.meeting_rows import Meeting, MeetingRows

CONTENT = "c" * 64
KEY = CONTENT + "d" * 64


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Clock:
    return Clock()


@pytest.fixture
def rows(database_url: str, time: Clock) -> Iterator[MeetingRows]:
    with closing(Database(database_url, now=time)) as database:
        yield MeetingRows(database)


def test_nobody_has_met_anything_at_first(rows: MeetingRows) -> None:
    assert rows.find("one", KEY) == Meeting()


def test_others_are_told_of_by_a_bit_alone(rows: MeetingRows) -> None:
    rows.ask("one", KEY, CONTENT)
    rows.ask("three", KEY, CONTENT)
    assert rows.find("one", KEY) == Meeting(known=True, others=True)
    assert rows.find("two", KEY) == Meeting(others=True)
    assert rows.find("two", "e" * 128) == Meeting()


def test_what_was_waited_grows_only_and_outlives_a_second_asking(rows: MeetingRows) -> None:
    rows.ask("one", KEY, CONTENT)
    rows.waited("one", KEY, 20.0)
    rows.waited("one", KEY, 12.0)
    rows.ask("one", KEY, CONTENT)
    assert rows.find("one", KEY).waited == 20.0
    rows.ask("one", KEY, CONTENT, anew=True)
    assert rows.find("one", KEY).waited == 0.0


def test_what_is_made_early_counts_every_second_since_the_first(rows: MeetingRows, time: Clock) -> None:
    rows.ask("one", KEY, CONTENT)
    time.pass_(50)
    rows.ask("one", KEY, CONTENT, early=True)
    time.pass_(7)
    rows.ask("one", KEY, CONTENT, early=True)
    time.pass_(5)
    assert rows.find("one", KEY).waited == pytest.approx(12.0)
    rows.waited("one", KEY, 40.0)
    assert rows.find("one", KEY).waited == 40.0


def test_a_making_that_was_waited_out_stays_until_its_content_is_forgotten(rows: MeetingRows) -> None:
    rows.meet("one", KEY, CONTENT, "m")
    rows.ask("two", KEY, CONTENT)
    rows.meet("two", KEY, CONTENT, "m")
    rows.ask("two", KEY, CONTENT)
    assert [rows.find(account, KEY).making for account in ("one", "two")] == ["m", "m"]
    rows.forget("f" * 64)
    assert rows.find("one", KEY).making == "m"
    rows.forget(CONTENT)
    assert rows.find("one", KEY) == Meeting()


def test_only_what_was_never_handed_out_is_swept(rows: MeetingRows, time: Clock) -> None:
    rows.ask("one", KEY, CONTENT)
    rows.meet("two", KEY, CONTENT, "m")
    time.pass_(100)
    rows.ask("three", KEY, CONTENT)
    assert rows.sweep(50) == 1
    assert not rows.find("one", KEY).known
    assert rows.find("two", KEY).known
    assert rows.find("three", KEY).known

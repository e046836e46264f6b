"""One making for all, and for each account the time of it: seconds pass on a clock that the tests move by hand."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.evidence.played import CONTENT, FACTS, KEY, Pretended, notes, until

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.child import Children
from kinoscribe.contract.errors import DatabaseUnavailable, ServerEnding, VideoFileBroken
from kinoscribe.contract.events import Progress
from kinoscribe.evidence.gather import Gatherer
from kinoscribe.evidence.making import Making, Record
from kinoscribe.evidence.on_disk import clear_evidence
from kinoscribe.evidence.pace import Pace
from kinoscribe.evidence.record import Collected, Piece, Reached, Stage, Unreadable, Wanted
from kinoscribe.notes import Notes
from kinoscribe.storage.database import Database
from kinoscribe.storage.meeting_rows import MeetingRows

COURSE = [(10.0, Progress("look", 0.1)), (40.0, Progress("look", 1.0))]
LENGTH = 60.0


class Time:
    """Both clocks of the machine."""

    def __init__(self) -> None:
        self.at = 0.0

    def steady(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def play(self, _wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        """A making that takes a minute."""
        self.at += 10.0
        yield Stage("look", 0.1)
        self.at += 30.0
        yield Stage("look", 1.0)
        self.at += 20.0
        yield Collected(notes())


class Hand(Cancel):
    """Whoever waits by it lets the time pass; it is thrown after `until` seconds of waiting."""

    def __init__(self, time: Time, until: float = 1e9) -> None:
        super().__init__()
        self._time = time
        self._end = until
        self.waited = 0.0

    def wait(self, seconds: float) -> bool:
        self._time.at += seconds
        self.waited += seconds
        if self.waited >= self._end - 1e-6:
            self.throw()
        return self.thrown


class House:
    """One data folder, one database and a clock."""

    def __init__(self, folder: Path, database: Database, time: Time) -> None:
        self.folder, self.database, self.time = folder, database, time
        self.video = folder / "video"
        self.video.write_bytes(b"video")
        self.rows = MeetingRows(database)
        self.gatherers: list[Gatherer] = []
        self.children = Pretended(time.play)
        self.gatherer = self.make()

    def make(self, *, play: Any = None, trusting: bool = False) -> Gatherer:
        if play is not None:
            self.children = Pretended(play)
        pace = Pace(None if trusting else self.rows)
        children = cast("Children", self.children)
        self.gatherers.append(Gatherer(self.folder / "evidence", children, ("shots 1",), pace=pace))
        return self.gatherers[-1]

    def ask(
        self, account: str, cancel: Cancel | None = None
    ) -> tuple[float, list[tuple[float, Progress]], Notes]:
        """How long it took, what was heard when, and the notes."""
        began, told = self.time.at, []
        cancel = cancel or Hand(self.time)
        asking = self.gatherer.gather(self.video, CONTENT, FACTS, cancel, account=account)
        while True:
            try:
                progress = next(asking)
                told.append((self.time.at - began, progress))
            except StopIteration as end:
                return self.time.at - began, told, end.value


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    time = Time()
    monkeypatch.setattr(clock, "steady", time.steady)
    database = Database(sqlite_url, now=time.now)
    made = House(tmp_path, database, time)
    yield made
    for gatherer in made.gatherers:
        gatherer.close()
    database.close()


def test_the_second_account_waits_as_long_as_the_first_and_hears_the_same(house: House) -> None:
    first = house.ask("one")
    seconds, told, found = house.ask("two")
    assert (first[0], first[2]) == (LENGTH, notes())
    assert seconds == pytest.approx(LENGTH, abs=0.02)
    assert found == notes()
    assert [progress for _, progress in told] == [progress for _, progress in COURSE]
    for (at, _), (heard, _) in zip(COURSE, told, strict=True):
        assert at <= heard < at + 0.5
    assert len(house.children.asked) == 1


def test_who_has_waited_once_or_had_it_made_waits_no_more(house: House) -> None:
    house.ask("one")
    house.ask("two")
    house.gatherer = house.make()
    for account in ("one", "two"):
        assert house.ask(account) == (0.0, [], notes())
    assert house.ask("three")[0] == pytest.approx(LENGTH, abs=0.02)


def test_an_account_that_is_alone_never_waits(house: House) -> None:
    house.ask("one")
    house.rows.forget(CONTENT)
    assert house.ask("one") == (0.0, [], notes())
    assert house.ask("two")[0] == pytest.approx(LENGTH, abs=0.02)


def test_accounts_that_trust_each_other_do_not_wait(house: House) -> None:
    house.ask("one")
    house.gatherer = house.make(trusting=True)
    assert house.ask("two") == (0.0, [], notes())


def test_evidence_of_which_nobody_knows_how_it_was_made_is_handed_out(house: House) -> None:
    house.ask("one")
    house.gatherer = house.make()
    for file in (house.folder / "evidence").rglob("*.making"):
        file.unlink()
    assert house.ask("two")[0] == 0.0


def test_who_leaves_pays_the_rest_when_it_comes_back(house: House) -> None:
    house.ask("one")
    with pytest.raises(Canceled):
        house.ask("two", Hand(house.time, 25.0))
    house.time.at += 1000.0
    seconds, told, _ = house.ask("two")
    assert seconds == pytest.approx(LENGTH - 25.0, abs=0.25)
    assert told[0] == (0.0, Progress("look", 0.1))


def test_a_process_that_is_killed_forgets_little_of_a_wait(house: House) -> None:
    house.ask("one")
    asking = house.gatherer.gather(house.video, CONTENT, FACTS, Hand(house.time), account="two")
    next(asking)
    next(asking)
    assert 30.0 <= house.rows.find("two", KEY).waited <= 40.3
    asking.close()
    assert 40.0 <= house.rows.find("two", KEY).waited <= 40.3


def test_what_is_made_early_for_an_account_costs_it_no_waiting(house: House) -> None:
    house.ask("one")
    house.gatherer._pace.ask_early("two", KEY, CONTENT)
    house.time.at += 45.0
    assert house.ask("two")[0] == pytest.approx(15.0, abs=0.02)
    house.gatherer._pace.ask_early("three", KEY, CONTENT)
    assert house.gatherer.kept_for("three", CONTENT) is None
    house.time.at += LENGTH - 1
    assert house.gatherer.kept_for("three", CONTENT) is None
    house.time.at += 1
    assert house.gatherer.kept_for("three", CONTENT) == notes()
    assert house.rows.find("three", KEY).making is not None


def test_a_look_without_waiting_tells_an_account_nothing(house: House) -> None:
    house.ask("one")
    assert house.gatherer.kept_for("one", CONTENT) == notes()
    assert house.gatherer.kept_for("two", CONTENT) is None
    house.time.at += 1000.0
    assert house.gatherer.kept_for("two", CONTENT) is None, "it did not wait, and nobody worked for it"


def test_evidence_that_is_made_once_more_is_waited_for_once_more(house: House) -> None:
    house.ask("one")
    house.ask("two")
    clear_evidence(house.folder / "evidence")
    assert not [file for file in (house.folder / "evidence").rglob("*") if file.is_file()]
    house.gatherer = house.make()
    assert house.ask("one")[0] == LENGTH
    assert house.ask("two")[0] == pytest.approx(LENGTH, abs=0.02)
    assert house.ask("two")[0] == 0.0
    assert len(house.children.asked) == 2


def test_who_joins_a_making_under_way_hears_of_it_from_its_beginning(house: House) -> None:
    """The second asks when half of the work of the first is done, and begins to count at that moment."""
    heard: list[tuple[float, Progress]] = []
    ended: list[tuple[float, Notes]] = []

    def second() -> None:
        began = house.time.at
        asking = house.gatherer.gather(house.video, CONTENT, FACTS, Hand(house.time), account="two")
        while True:
            try:
                progress = next(asking)
            except StopIteration as end:
                ended.append((house.time.at - began, end.value))
                return
            heard.append((house.time.at - began, progress))

    joining = threading.Thread(target=second)

    def made(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        yield Stage("look", 0.1)
        house.time.at += 30.0
        yield Stage("look", 0.5)
        joining.start()
        assert until(lambda: len(heard) > 0, 30)
        house.time.at += 30.0
        yield Collected(notes())

    house.gatherer = house.make(play=made)
    assert house.ask("one", Cancel())[2] == notes()
    joining.join(30)
    assert [progress for _, progress in heard] == [Progress("look", 0.1), Progress("look", 0.5)]
    assert heard[0][0] == 0.0
    assert 30.0 <= heard[1][0] < 30.5
    ((seconds, found),) = ended
    assert found == notes()
    assert seconds == pytest.approx(LENGTH, abs=0.02)
    assert len(house.children.asked) == 1


def test_a_failure_is_told_no_sooner_than_it_came(house: House) -> None:
    waiter = house.gatherer._pace.waiter("two", KEY, CONTENT, Cancel())
    house.rows.ask("one", KEY, CONTENT)
    late = house.gatherer._pace.waiter("two", KEY, CONTENT, Cancel())
    for one, left in ((waiter, 0.0), (late, 40.0)):
        one.ask()
        hand = Hand(house.time)
        list(one.news({"look": 0.5}, ((10.0, "look", 0.1), (40.0, "look", 0.5))))
        list(one.wait_out(None, hand))
        assert hand.waited == pytest.approx(left, abs=0.02)


def test_a_video_that_cannot_be_read_is_said_to_both(house: House) -> None:
    def broken(_wanted: Wanted, _cancel: Cancel, _number: int) -> Iterator[Piece]:
        yield Stage("look", 0.1)
        house.time.at += 5.0
        yield Unreadable("It is a poem.")

    house.gatherer = house.make(play=broken)
    for account in ("one", "two"):
        began = house.time.at
        with pytest.raises(VideoFileBroken):
            house.ask(account)
        assert house.time.at - began >= 5.0


def test_a_server_that_ends_ends_the_wait(house: House) -> None:
    house.ask("one")
    ending = Cancel()
    waiter = Pace(house.rows).waiter("two", KEY, CONTENT, ending)
    ending.throw()
    with pytest.raises(ServerEnding):
        list(waiter.wait_out(Making("x", 10.0), Hand(house.time)))


def test_without_its_database_nobody_is_told_anything(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ask("one")

    def away(*_: object) -> Any:
        raise DatabaseUnavailable

    monkeypatch.setattr(house.rows, "find", away)
    with pytest.raises(DatabaseUnavailable):
        house.ask("two")


def test_what_cannot_be_written_down_costs_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> Any:
        raise DatabaseUnavailable

    for name in ("ask", "meet", "waited"):
        monkeypatch.setattr(house.rows, name, away)
    assert house.ask("one")[2] == notes()


def test_a_making_that_goes_on_from_a_milestone_counts_what_went_before(house: House) -> None:
    def dies(_wanted: Wanted, cancel: Cancel, number: int) -> Iterator[Piece]:
        if number == 1:
            house.time.at += 25.0
            yield Stage("look", 0.4)
            yield Reached(4.0, b"milestone")
            cancel.throw()
            raise Canceled
        house.time.at += 35.0
        yield Stage("look", 1.0)
        yield Collected(notes())

    house.gatherer = house.make(play=dies)
    house.ask("one")
    assert [wanted.milestone for wanted in house.children.asked] == [None, b"milestone"]
    seconds, told, _ = house.ask("two")
    assert seconds == pytest.approx(LENGTH, abs=0.02)
    assert told[0][0] == pytest.approx(25.0, abs=0.25)


def test_steps_too_small_to_matter_are_left_out_and_the_last_never_is(house: House) -> None:
    record = Record()
    record.begin(None)
    for number in range(1001):
        house.time.at += 0.01
        record.note("look", number / 1000)
    steps = record.steps()
    assert len(steps) <= 52
    assert steps[0] == (0.01, "look", 0.0)
    assert steps[-1] == (10.01, "look", 1.0)
    assert record.made().seconds == pytest.approx(10.01)

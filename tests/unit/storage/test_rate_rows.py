from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select
from tests.unit.storage.ended import NOON

from kinoscribe import clock
from kinoscribe.contract.errors import TooManyRequests
from kinoscribe.contract.rate_limits import Category, RateLimit, read_limit
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import Counter, RateRows, account_subject, key_subject
from kinoscribe.storage.tables import rate_counters

KEY = "0" * 24


def limits(*texts: str) -> tuple[RateLimit, ...]:
    return tuple(read_limit(text) for text in texts)


class Case:
    """Two processes on one database, with a clock that tests set."""

    def __init__(self, database: Database, *defaults: str) -> None:
        self.database = database
        self.now = NOON
        self.rows = RateRows(database, limits(*defaults), now=lambda: self.now)
        self.other = RateRows(database, limits(*defaults), now=lambda: self.now)

    def counters(
        self, account: str = "acme", key: str | None = None, category: Category = "analyze"
    ) -> tuple[Counter, ...]:
        return self.rows.counters(account, key, category)

    def enter(
        self, account: str = "acme", key: str | None = None, category: Category = "analyze"
    ) -> list[int]:
        """What is left of each limit after one call."""
        return [state.left for state in self.rows.enter(self.counters(account, key, category))]

    def refused(
        self, account: str = "acme", key: str | None = None, category: Category = "analyze"
    ) -> TooManyRequests:
        with pytest.raises(TooManyRequests) as refusal:
            self.enter(account, key, category)
        return refusal.value

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def make(database: Database) -> Callable[..., Case]:
    return lambda *defaults: Case(database, *defaults)


def test_each_call_takes_one_and_the_last_is_refused_until_the_window_is_over(
    make: Callable[..., Case],
) -> None:
    case = make("analyze:rpm=3")
    assert [case.enter() for _ in range(3)] == [[2], [1], [0]]
    case.on(20)
    refusal = case.refused()
    assert refusal.retry_after == 40
    assert "3 requests per minute" in refusal.message
    case.on(39.999)
    assert case.refused().retry_after == 1
    case.on(0.001)
    assert case.enter() == [2]


def test_a_window_begins_with_its_first_call(make: Callable[..., Case]) -> None:
    case = make("analyze:rpm=2")
    case.on(59)
    case.enter()
    (state,) = case.rows.states(case.counters())
    assert state.resets_at == NOON + timedelta(seconds=119)
    case.on(59)
    assert case.enter() == [0]
    case.on(1)
    assert case.enter() == [1]
    (state,) = case.rows.states(case.counters())
    assert state.resets_at == NOON + timedelta(seconds=179)


def test_of_a_hundred_at_once_exactly_as_many_pass_as_are_allowed(make: Callable[..., Case]) -> None:
    case = make("analyze:rpm=60", "analyze:rpd=1000")

    def call(number: int) -> bool:
        rows = case.rows if number % 2 else case.other
        try:
            rows.enter(rows.counters("acme", None, "analyze"))
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        passed = list(pool.map(call, range(100)))
    assert sum(passed) == 60
    day, minute = case.rows.states(case.counters())
    assert (day.used, minute.used) == (60, 60), "what one limit refuses is not counted against the other"


def test_clocks_that_are_a_little_out_of_step_begin_no_second_window(make: Callable[..., Case]) -> None:
    case = make("analyze:rpm=2")
    assert case.enter() == [1]
    case.on(-0.5)
    assert case.enter() == [0]
    case.refused()


def test_a_clock_that_jumps_back_locks_nobody_out(make: Callable[..., Case]) -> None:
    case = make("analyze:rpd=1")
    case.enter()
    case.refused()
    case.on(-3600)
    (state,) = case.rows.states(case.counters())
    assert state.left == 1
    assert case.enter() == [0]
    assert case.rows.states(case.counters())[0].resets_at == case.now + timedelta(days=1)


def test_keys_of_one_account_share_its_limit_and_other_accounts_have_their_own(
    make: Callable[..., Case],
) -> None:
    case = make("analyze:rpm=2")
    case.enter(key="1" * 24)
    case.enter(key="2" * 24)
    case.refused(key="3" * 24)
    case.refused()
    assert case.enter("other") == [1]


def test_categories_are_counted_apart(make: Callable[..., Case]) -> None:
    case = make("analyze:rpm=1", "upload:rpm=2")
    case.enter()
    case.refused()
    assert case.enter(category="upload") == [1]


def test_limits_of_an_account_take_the_place_of_the_defaults(make: Callable[..., Case]) -> None:
    case = make("analyze:rpm=1", "analyze:rpd=5")
    case.rows.set(account_subject("acme"), limits("analyze:rpm=3"))
    assert case.enter() == [2]
    assert case.enter("other") == [4, 0]
    assert case.rows.clear(account_subject("acme")) == 1
    assert case.rows.clear(account_subject("acme")) == 0
    assert case.enter() == [4, 0]


def test_limits_of_a_key_hold_beside_those_of_its_account(make: Callable[..., Case]) -> None:
    case = make("analyze:rpm=5")
    case.rows.set(key_subject(KEY), limits("analyze:rpm=1"))
    assert case.enter(key=KEY) == [4, 0]
    case.refused(key=KEY)
    assert case.enter(key="1" * 24) == [3], "the refused call was not counted against the account"
    case.rows.set(account_subject("acme"), limits("analyze:rpm=2"))
    case.refused()
    case.on(60)
    assert case.enter(key=KEY) == [1, 0]


def test_setting_a_limit_again_changes_it_and_leaves_the_others(make: Callable[..., Case]) -> None:
    case = make()
    case.rows.set(account_subject("acme"), limits("analyze:rpm=1", "analyze:dph=10"))
    case.rows.set(account_subject("acme"), limits("analyze:rpm=7"))
    assert case.rows.all() == {"account:acme": limits("analyze:dph=10", "analyze:rpm=7")}


def test_other_processes_hear_of_a_new_limit_within_seconds(
    make: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make()
    assert case.counters() == ()
    case.other.set(account_subject("acme"), limits("analyze:rpm=1"))
    later = clock.steady() + 5
    monkeypatch.setattr(clock, "steady", lambda: later)
    assert len(case.counters()) == 1


def test_seconds_fit_or_are_refused_and_are_not_counted_then(make: Callable[..., Case]) -> None:
    case = make("analyze:dph=10", "analyze:rpm=1")
    case.enter()
    case.rows.reserve(case.counters(), 400)
    with pytest.raises(TooManyRequests) as refusal:
        case.rows.reserve(case.counters(), 201)
    assert "10 minutes of video per hour" in refusal.value.message
    case.rows.reserve(case.counters(), 200)
    assert case.rows.states(case.counters())[0].left == 0


def test_a_call_whose_seconds_do_not_fit_is_not_counted_at_all(make: Callable[..., Case]) -> None:
    case = make("analyze:dph=1", "analyze:rpm=2", "analyze:rpd=9")
    for _ in range(5):
        case.enter()
        with pytest.raises(TooManyRequests):
            case.rows.reserve(case.counters(), 61)
    dph, rpd, rpm = case.rows.states(case.counters())
    assert (dph.used, rpd.used, rpm.used) == (0, 0, 0)
    case.enter()
    case.on(60)
    with pytest.raises(TooManyRequests):
        case.rows.reserve(case.counters(), 61)
    assert [state.used for state in case.rows.states(case.counters())] == [0, 0, 0]
    case.enter()
    assert [state.used for state in case.rows.states(case.counters())] == [0, 1, 1]


def test_what_never_fits_is_refused_also_in_a_new_window(make: Callable[..., Case]) -> None:
    case = make("analyze:dph=1")
    for _ in range(2):
        with pytest.raises(TooManyRequests):
            case.rows.reserve(case.counters(), 61)
        case.on(3600)


def test_a_call_is_refused_when_seconds_or_tokens_are_used_up_already(make: Callable[..., Case]) -> None:
    case = make("analyze:dph=1", "analyze:tpm=1")
    case.rows.charge(case.counters(), seconds=30, tokens=999)
    assert case.enter() == [30, 1]
    case.rows.charge(case.counters(), tokens=500)
    assert "1000 tokens per minute" in case.refused().message
    case.on(60)
    case.enter()
    case.rows.charge(case.counters(), seconds=31)
    assert "minutes of video" in case.refused().message
    case.on(3600)
    assert case.enter() == [60, 1000]


def test_what_is_charged_late_counts_in_the_window_of_that_moment(make: Callable[..., Case]) -> None:
    case = make("analyze:tpm=1")
    case.rows.charge(case.counters(), tokens=900)
    case.on(61)
    case.rows.charge(case.counters(), tokens=200)
    assert case.rows.states(case.counters())[0].left == 800


def test_charges_at_once_are_all_counted(make: Callable[..., Case]) -> None:
    case = make("analyze:tpd=1000")
    counters = case.counters()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: case.rows.charge(counters, tokens=7), range(50)))
    assert case.rows.states(counters)[0].used == 350


def test_without_limits_nothing_is_asked_of_the_database_and_nothing_kept(
    make: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make()
    counters = case.counters()
    reading, asked = Database.reading, 0

    @contextmanager
    def counted(database: Database) -> Iterator[Connection]:
        nonlocal asked
        asked += 1
        with reading(database) as db:
            yield db

    monkeypatch.setattr(Database, "reading", counted)
    monkeypatch.setattr(Database, "writing", counted)
    for _ in range(20):
        assert case.counters(key=KEY) == counters == ()
        assert case.rows.enter(counters) == ()
        assert case.rows.states(counters) == ()
        case.rows.reserve(counters, 100)
        case.rows.charge(counters, seconds=100, tokens=100)
    assert asked == 0


def test_a_charge_of_nothing_writes_nothing(
    make: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make("analyze:rpm=5")
    counters = case.counters()
    monkeypatch.setattr(Database, "writing", None)
    case.rows.charge(counters, seconds=100, tokens=100)
    case.rows.reserve(counters, 100)


def test_clearing_forgets_what_was_counted(make: Callable[..., Case]) -> None:
    case = make()
    case.rows.set(account_subject("acme"), limits("analyze:rpm=1"))
    case.enter()
    case.rows.clear(account_subject("acme"))
    with case.database.reading() as db:
        assert db.execute(select(func.count()).select_from(rate_counters)).scalar_one() == 0
    case.rows.set(account_subject("acme"), limits("analyze:rpm=1"))
    assert case.enter() == [0]

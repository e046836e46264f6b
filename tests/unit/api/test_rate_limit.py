"""What a call may spend: headers of every answer, a refusal that is not counted, minutes and tokens counted later."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.storage.ended import NOON

from kinoscribe.api.rate_limit import RateLimits, Spending
from kinoscribe.contract.errors import TooManyRequests
from kinoscribe.contract.rate_limits import Category, read_limit
from kinoscribe.storage.api_key_rows import Account
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import RateRows, key_subject

ACME = Account("acme", "1" * 24)
RESET = str(int(NOON.timestamp()) + 60)


def limited(database: Database, *texts: str) -> RateLimits:
    return RateLimits(RateRows(database, [read_limit(text) for text in texts], now=lambda: NOON))


def enter(limits: RateLimits, account: Account = ACME, category: Category = "analyze") -> Spending:
    return limits.enter(category, account)


def test_the_headers_tell_what_is_left_after_this_call(database: Database) -> None:
    limits = limited(database, "analyze:rpm=3", "analyze:dph=10", "analyze:tpm=2")
    spending = enter(limits)
    spending.check()
    headers = spending.headers()
    assert headers["X-RateLimit-Request-Limit"] == "3"
    assert headers["X-RateLimit-Request-Remaining"] == "2"
    assert headers["X-RateLimit-Request-Reset"] == RESET
    assert headers["X-RateLimit-Duration-Limit"] == "10"
    assert headers["X-RateLimit-Token-Remaining"] == "2000"
    assert headers["X-Ratelimit-Used"] == "1"


def test_a_call_over_the_limit_tells_so_and_still_has_its_headers(database: Database) -> None:
    limits = limited(database, "analyze:rpm=1")
    enter(limits).check()
    for _ in range(3):
        over = enter(limits)
        with pytest.raises(TooManyRequests) as refusal:
            over.check()
        assert refusal.value.retry_after == 60
        assert over.headers()["X-RateLimit-Request-Remaining"] == "0"
        assert over.headers()["X-Ratelimit-Used"] == "1"


def test_without_limits_there_are_no_headers_and_everything_may_be_spent(database: Database) -> None:
    spending = enter(limited(database))
    spending.check()
    spending.reserve(1e9)
    spending.charge(seconds=1e9, tokens=10**9)
    assert spending.headers() == {}
    nothing = Spending()
    nothing.check()
    nothing.reserve(1.0)
    nothing.charge(tokens=1)
    assert nothing.headers() == {}


def test_categories_that_are_not_limited_tell_nothing(database: Database) -> None:
    limits = limited(database, "upload:rpm=1")
    assert enter(limits).headers() == {}
    assert enter(limits, category="upload").headers()["X-RateLimit-Request-Remaining"] == "0"


def test_a_window_that_does_not_fit_is_refused_when_its_length_is_known(database: Database) -> None:
    limits = limited(database, "analyze:dph=1")
    spending = enter(limits)
    spending.reserve(30.2)
    assert spending.headers()["X-RateLimit-Duration-Remaining"] == "0", "29 seconds are no whole minute"
    with pytest.raises(TooManyRequests):
        spending.reserve(29.5)
    assert enter(limits).headers()["X-RateLimit-Duration-Remaining"] == "0"
    spending.reserve(29)
    with pytest.raises(TooManyRequests):
        enter(limits).check()


def test_what_was_reserved_shows_in_the_headers(database: Database) -> None:
    limits = limited(database, "analyze:dph=10", "analyze:rpm=5")
    spending = enter(limits)
    assert spending.headers()["X-RateLimit-Duration-Remaining"] == "10"
    spending.reserve(90)
    assert spending.headers()["X-RateLimit-Duration-Remaining"] == "8"
    with pytest.raises(TooManyRequests):
        spending.reserve(601)
    assert spending.headers()["X-RateLimit-Request-Remaining"] == "5", "refused, and so not counted"


def test_tokens_are_charged_when_they_are_known_and_shut_the_next_call_out(database: Database) -> None:
    limits = limited(database, "analyze:tpm=1")
    spending = enter(limits)
    spending.charge(tokens=5000)
    with pytest.raises(TooManyRequests, match="tokens"):
        enter(limits).check()


def test_a_key_has_limits_of_its_own_and_a_preset_key_has_none(database: Database) -> None:
    rows = RateRows(database, now=lambda: NOON)
    rows.set(key_subject("1" * 24), [read_limit("analyze:rpm=1")])
    limits = RateLimits(rows)
    enter(limits).check()
    with pytest.raises(TooManyRequests):
        enter(limits).check()
    enter(limits, Account("acme", "2" * 24)).check()
    assert enter(limits, Account("acme")).headers() == {}


def test_calls_at_once_are_counted_one_by_one(database: Database) -> None:
    limits = limited(database, "analyze:rpm=10")
    with ThreadPoolExecutor(30) as threads:
        spent = list(threads.map(lambda _: enter(limits), range(30)))
    assert sum(one.refusal is None for one in spent) == 10

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.rate_limits import (
    CATEGORIES,
    KINDS,
    NAMES,
    LimitState,
    RateLimit,
    limit_headers,
    limit_text,
    read_limit,
    refusal,
)

NOW = datetime(2024, 9, 26, 10, 0, 0, 0, UTC)


def state(text: str, used: int, seconds: float = 30) -> LimitState:
    return LimitState(read_limit(text), used, NOW + timedelta(seconds=seconds))


def test_operators_write_requests_minutes_and_thousands_of_tokens() -> None:
    assert read_limit("analyze:rpm=60") == RateLimit("analyze", "rpm", 60)
    assert read_limit("analyze:dph=600") == RateLimit("analyze", "dph", 36_000)
    assert read_limit("analyze:tpm=30") == RateLimit("analyze", "tpm", 30_000)
    assert read_limit("upload:rpd=03000") == RateLimit("upload", "rpd", 3_000)
    assert [KINDS[name].window for name in ("rpm", "dph", "tpd")] == [60, 3600, 86_400]


@pytest.mark.parametrize(
    "text",
    [
        "", "analyze", "analyze:rpm", "analyze:rpm=0", "analyze:rpm=-1", "analyze:rpm=1.5", "analyze:rpm=x",
        "search:rpm=1", "analyze:rps=1", "upload:dph=1", "analyze:rpm=1 ", "analyze:rpm=٣", "analyze:rpm=1\n",
        "analyze:rpm=9999999999999",
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ParameterInvalid, match="The rate_limits parameter"):
        read_limit(text)


@given(st.sampled_from([(c, n) for c in CATEGORIES for n in NAMES[c]]), st.integers(1, 10**12 - 1))
def test_a_limit_is_written_as_it_is_read(which: tuple[str, str], amount: int) -> None:
    text = f"{which[0]}:{which[1]}={amount}"
    assert limit_text(read_limit(text)) == text


def test_headers_tell_the_window_with_less_left() -> None:
    minute, day = state("analyze:rpm=60", 10, 30.5), state("analyze:rpd=1000", 960, 4000)
    reset = str(int(NOW.timestamp()) + 4000)
    assert limit_headers([minute, day]) == {
        "X-RateLimit-Request-Limit": "1000",
        "X-RateLimit-Request-Remaining": "40",
        "X-RateLimit-Request-Reset": reset,
        "X-Ratelimit-Limit": "1000",
        "X-Ratelimit-Remaining": "40",
        "X-Ratelimit-Reset": reset,
        "X-Ratelimit-Used": "960",
    }
    assert limit_headers([minute])["X-RateLimit-Request-Reset"] == str(int(NOW.timestamp()) + 31)
    assert limit_headers([]) == {}


def test_of_two_windows_with_nothing_left_the_later_one_is_told() -> None:
    minute, day = state("analyze:rpm=60", 60, 30), state("analyze:rpd=1000", 2000, 4000)
    for states in ([minute, day], [day, minute]):
        told = limit_headers(states)
        assert told["X-RateLimit-Request-Limit"] == "1000"
        assert told["X-Ratelimit-Used"] == "1000"
        assert told["X-RateLimit-Request-Remaining"] == "0"


def test_durations_are_told_in_minutes_and_tokens_one_by_one() -> None:
    told = limit_headers([state("analyze:dph=600", 90), state("analyze:tpm=30", 1)])
    assert told["X-RateLimit-Duration-Limit"] == "600"
    assert told["X-RateLimit-Duration-Remaining"] == "598"
    assert told["X-RateLimit-Token-Limit"] == "30000"
    assert told["X-RateLimit-Token-Remaining"] == "29999"
    assert set(told) == {
        f"X-RateLimit-{dimension}-{part}"
        for dimension in ("Duration", "Token")
        for part in ("Limit", "Remaining", "Reset")
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("analyze:rpm=60", "60 requests per minute"),
        ("upload:rpd=3000", "3000 requests per day"),
        ("analyze:dph=600", "600 minutes of video per hour"),
        ("analyze:tpm=30", "30000 tokens per minute"),
    ],
)
def test_a_refusal_says_what_is_allowed_and_when_to_come_back(text: str, words: str) -> None:
    refused = refusal(state(text, 10**9, 12.3), NOW)
    assert refused.message == (
        f"You have exceeded the rate limit ({words}). Please try again later after 2024-09-26T10:00:12.300Z."
    )
    assert refused.retry_after == 13


@given(st.sampled_from(NAMES["analyze"]), st.floats(-1e6, 1e6))
def test_a_client_waits_a_second_at_least_and_a_window_at_most(name: str, seconds: float) -> None:
    refused = refusal(state(f"analyze:{name}=1", 1, seconds), NOW)
    assert refused.retry_after is not None
    assert 1 <= refused.retry_after <= 86_400

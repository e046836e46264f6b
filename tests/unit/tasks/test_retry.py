"""Failures that may pass are tried again, ever more rarely; others, and the last attempt, are final."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import (
    ApiError,
    DatabaseUnavailable,
    EngineFailed,
    ParameterInvalid,
    ServiceUnavailable,
    SourceUnreachable,
    StorageFull,
    TokenLimitExceeded,
    VideoFileBroken,
)
from kinoscribe.tasks.retry import ASSET_PATIENCE, LONGEST_WAIT, wait_before, wait_for_asset

PASSES: list[ApiError] = [
    EngineFailed(reason="It restarts."),
    ServiceUnavailable(reason="No."),
    SourceUnreachable(p="video.url", reason="No."),
    StorageFull(),
    DatabaseUnavailable(),
]
STAYS: list[ApiError] = [
    ApiError(),
    ParameterInvalid(p="video.url", reason="No."),
    VideoFileBroken(reason="No."),
    TokenLimitExceeded(),
]


def kind(error: ApiError) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", PASSES, ids=kind)
def test_a_failure_that_may_pass_is_tried_again_until_the_attempts_are_used_up(error: ApiError) -> None:
    waits = [wait_before(n, error, attempts=3, first=5.0, chance=0.5) for n in (1, 2, 3, 4)]
    assert waits == [5.0, 20.0, None, None]


@pytest.mark.parametrize("error", STAYS, ids=kind)
def test_a_failure_that_stays_is_never_tried_again(error: ApiError) -> None:
    assert wait_before(1, error, attempts=100, first=5.0, chance=0.5) is None


@given(
    strikes=st.integers(1, 98),
    first=st.floats(0.01, 1000),
    chance=st.floats(0, 1),
    other=st.floats(0, 1),
)
def test_waits_grow_and_stay_within_bounds(strikes: int, first: float, chance: float, other: float) -> None:
    error = StorageFull()
    wait = wait_before(strikes, error, attempts=100, first=first, chance=chance)
    later = wait_before(strikes + 1, error, attempts=100, first=first, chance=other)
    assert wait is not None
    assert later is not None
    assert 0 < wait <= LONGEST_WAIT
    assert later > wait or wait > LONGEST_WAIT * 0.6
    if first * 4.0 ** (strikes - 1) < LONGEST_WAIT * 0.8:
        assert wait == pytest.approx(first * 4.0 ** (strikes - 1), rel=0.2001)


def test_tasks_that_failed_together_do_not_come_back_together() -> None:
    waits = {wait_before(1, StorageFull(), attempts=3, first=10.0, chance=c / 10) for c in range(11)}
    assert len(waits) == 11
    assert min(wait for wait in waits if wait) == pytest.approx(8.0)
    assert max(wait for wait in waits if wait) == pytest.approx(12.0)


def test_an_asset_is_looked_at_again_for_an_hour() -> None:
    waited, attempt = 0.0, 1
    while (wait := wait_for_asset(attempt, waited)) is not None:
        assert 1.0 <= wait <= 10.0
        waited += wait
        attempt += 1
    assert ASSET_PATIENCE <= waited < ASSET_PATIENCE + 20


def test_a_clock_that_jumps_ends_no_wait_for_an_asset() -> None:
    assert wait_for_asset(2, 1e9) is not None
    assert wait_for_asset(2, -1e9) is not None

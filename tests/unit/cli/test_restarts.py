"""The wait before a restart grows while a process keeps dying, and is forgotten once one lived well."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as some

from kinoscribe.cli.restarts import FIRST_WAIT, HEALTHY_AFTER, LONGEST_WAIT, next_wait

LIVES = some.floats(0, 3 * HEALTHY_AFTER)


def test_the_first_death_is_mended_at_once() -> None:
    assert next_wait(None, 0.0) == FIRST_WAIT


@given(some.floats(FIRST_WAIT, LONGEST_WAIT), some.floats(0, HEALTHY_AFTER, exclude_max=True))
def test_who_dies_early_waits_longer_than_before_but_never_for_ever(last: float, lived: float) -> None:
    assert last < next_wait(last, lived) <= LONGEST_WAIT or last == LONGEST_WAIT


@given(some.floats(FIRST_WAIT, LONGEST_WAIT), some.floats(HEALTHY_AFTER, 1e9))
def test_who_lived_well_pays_for_nothing(last: float, lived: float) -> None:
    assert next_wait(last, lived) == FIRST_WAIT


@given(some.lists(LIVES, min_size=1, max_size=50))
def test_starts_are_few_whatever_happens(lives: list[float]) -> None:
    waits = list(accumulate(lives, next_wait, initial=FIRST_WAIT))[1:]
    spent = sum(lives) + sum(waits)
    assert len(lives) <= 9 + spent / LONGEST_WAIT + sum(9 for lived in lives if lived >= HEALTHY_AFTER)

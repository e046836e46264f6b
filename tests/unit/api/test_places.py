"""Places are counted, and each is given back once."""

import pytest

from kinoscribe.api.places import Slots
from kinoscribe.contract.errors import ServiceUnavailable


def test_one_too_many_is_turned_away_until_a_place_is_left() -> None:
    slots = Slots(2)
    slots.take()
    slots.take()
    with pytest.raises(ServiceUnavailable, match="2 places for synchronous analyses"):
        slots.take()
    slots.leave()
    slots.take()


def test_a_place_is_taken_when_it_is_needed_and_counts_once() -> None:
    slots = Slots(1, "large bodies")
    with slots.place() as first, slots.place() as second:
        first.take()
        first.take()
        with pytest.raises(ServiceUnavailable, match="large bodies") as refused:
            second.take()
        assert refused.value.retry_after is not None
        first.leave()
        second.take()
        first.leave()
        with pytest.raises(ServiceUnavailable):
            first.take()
    slots.take()


def test_a_place_is_left_when_its_block_fails() -> None:
    slots = Slots(1)

    def fails() -> None:
        with slots.place() as place:
            place.take()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    slots.take()

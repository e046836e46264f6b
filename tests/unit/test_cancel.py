"""The word "stop" reaches all parts of the work, and a part can be stopped alone."""

import pytest

from kinoscribe.cancel import Cancel, Canceled


def test_a_part_is_stopped_with_the_whole_however_deep_it_lies() -> None:
    whole = Cancel()
    part = whole.part().part()
    part.check()
    whole.throw()
    assert part.wait(0.0)
    with pytest.raises(Canceled):
        part.check()


def test_a_part_can_be_stopped_alone() -> None:
    whole = Cancel()
    part, other = whole.part(), whole.part()
    part.throw()
    assert part.thrown
    assert not whole.thrown
    assert not other.thrown


def test_a_part_of_what_was_stopped_is_stopped() -> None:
    whole = Cancel()
    whole.throw()
    assert whole.part().thrown

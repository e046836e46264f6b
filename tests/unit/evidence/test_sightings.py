"""Single looks become stretches with the times at which something came and went."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.evidence.picture_match import Match
from kinoscribe.evidence.sightings import Looked, sightings
from kinoscribe.notes import Box

HERE, BETTER = Match(Box(0.1, 0.1, 0.2, 0.2), 0.9), Match(Box(0.2, 0.1, 0.2, 0.2), 0.95)


def spans(*looks: Looked, start: float = 0.0, end: float = 10.0) -> list[tuple[float, float]]:
    return [(one.start, one.end) for one in sightings("x", looks, start, end)]


def test_what_changed_tells_when_and_else_the_middle_does() -> None:
    looks = (
        Looked(1.0, None),
        Looked(3.0, HERE, 2.75),
        Looked(5.0, HERE),
        Looked(7.0, None),
        Looked(9.0, None),
    )
    assert spans(*looks) == [(2.75, 6.0)]


def test_a_change_outside_of_the_two_looks_is_not_believed() -> None:
    assert spans(Looked(1.0, None), Looked(3.0, HERE, 0.5), Looked(4.0, None, 9.0)) == [(2.0, 3.5)]


def test_the_ends_of_the_video_are_ends() -> None:
    assert spans(Looked(0.5, HERE), Looked(9.0, HERE), start=0.25, end=9.5) == [(0.25, 9.5)]
    assert spans(Looked(0.5, None)) == []
    assert spans() == []


def test_the_best_match_of_a_stretch_is_kept() -> None:
    (one,) = sightings("logo", (Looked(1.0, HERE), Looked(2.0, BETTER)), 0.0, 5.0)
    assert (one.name, one.score, one.box) == ("logo", 0.95, BETTER.box)


@given(st.lists(st.booleans(), max_size=20))
def test_stretches_are_in_order_and_cover_what_was_seen(seen: list[bool]) -> None:
    looks = [Looked(place + 0.5, HERE if there else None) for place, there in enumerate(seen)]
    found = sightings("x", looks, 0.0, float(len(seen)))
    assert all(one.start < one.end for one in found)
    assert all(a.end < b.start for a, b in pairwise(found))
    for look in looks:
        assert any(one.start <= look.time <= one.end for one in found) == (look.match is not None)

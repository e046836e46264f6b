"""Windows cover what is asked about and nothing else, and end where something ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.windows import Edge, Edges, Window, edges, longest_window, union, windows
from kinoscribe.notes import Notes, Sentence, Shot

RANGES = st.lists(
    st.tuples(st.floats(0, 500), st.floats(0.5, 300)).map(lambda p: (p[0], p[0] + p[1])), max_size=6
)


def notes(shots: list[Shot], speech: list[tuple[float, float]]) -> Notes:
    said = tuple(Sentence(a, b, "words") for a, b in speech)
    return Notes("content", 0.0, 60.0, True, "en", tuple(shots), said)


@given(RANGES, st.lists(st.floats(0, 800), max_size=40), st.floats(1, 200))
def test_windows_cover_the_ranges_and_are_short_enough(
    ranges: list[tuple[float, float]], cuts: list[float], longest: float
) -> None:
    found = windows(ranges, Edges(Edge(cut, 0.8) for cut in cuts), longest)
    assert union((w.start, w.end) for w in found) == union(ranges)
    assert all(0 < w.end - w.start <= longest + 1e-6 for w in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_a_window_ends_at_the_weightiest_edge_near_its_even_share() -> None:
    moments = Edges([Edge(8.0, 0.8), Edge(11.0, 0.3), Edge(19.0, 0.8)])
    assert windows([(0, 20)], moments, 12.0) == (Window(0, 8), Window(8, 20))
    assert windows([(0, 20)], Edges(), 12.0) == (Window(0, 10), Window(10, 20))


def test_a_cut_in_a_silence_weighs_more_than_one_across_a_word() -> None:
    shots = [Shot(0, 10, "start"), Shot(10, 20), Shot(20, 40, "dissolve"), Shot(40, 60)]
    found = edges(notes(shots, [(1, 9), (15, 25), (41, 50), (55, 59)])).between(0, 60)
    assert [(edge.time, round(edge.weight, 1)) for edge in found] == [
        (9, 0.6),
        (10, 1.0),
        (15, 0.6),
        (20, 0.6),
        (25, 0.6),
        (40, 1.0),
        (41, 0.6),
        (50, 0.6),
        (55, 0.6),
    ]


def test_a_silence_at_a_cut_is_that_cut() -> None:
    shots = [Shot(0, 10, "start"), Shot(10, 60)]
    found = edges(notes(shots, [(1, 9.5), (10.4, 20)])).between(0, 60)
    assert [edge.time for edge in found] == [10]


def test_the_best_edge_is_near_and_heavy() -> None:
    moments = Edges([Edge(4.0, 0.3), Edge(6.0, 0.8)])
    assert moments.best(0, 10, 5) == 6.0
    assert moments.best(0, 5, 5) == 4.0
    assert moments.best(7, 9, 8) is None
    assert moments.weight(6.05, 0.1) == 0.8
    assert moments.weight(5.0, 0.1) == 0.0


@pytest.mark.parametrize(
    ("context", "seconds"), [(1_000, 20.0), (8_192, 20.96), (32_768, 143.84), (10_000_000, 49_980.0)]
)
def test_the_length_of_a_window_follows_the_context_of_the_engine(context: int, seconds: float) -> None:
    assert longest_window(context, 2_000) == pytest.approx(seconds)


def test_touching_ranges_are_one() -> None:
    assert union([(5, 8), (0, 5), (10, 11), (9, 9)]) == [(0, 8), (10, 11)]

"""Whatever a model says, the segments that go out keep every promise of the contract."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.analysis.merge import Limits, Part, Piece, Segment, merged
from kinoscribe.analysis.windows import Edge, Edges

NO_EDGES = Edges()
TIMES = st.one_of(
    st.floats(-20, 140),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-3, 130).map(float),
    st.sampled_from([0.0, 0.0004, 99.9996, 1e300, -0.0]),
)
SEGMENTS = st.lists(st.tuples(TIMES, TIMES), max_size=40)


def seconds(pieces: tuple[Piece, ...], step: float = 0.001) -> list[tuple[float, float]]:
    return [(round(p.start * step, 3), round(p.end * step, 3)) for p in pieces]


def merge(
    *segments: tuple[float, float],
    limits: Limits | None = None,
    ranges: tuple[tuple[float, float], ...] = ((0.0, 100.0),),
    moments: Edges = NO_EDGES,
) -> list[tuple[float, float]]:
    limits = limits or Limits()
    found = tuple(Segment(a, b, {}) for a, b in segments)
    return seconds(merged([Part(0.0, 100.0, found)], ranges, moments, limits), limits.step)


@settings(max_examples=400)
@given(
    segments=SEGMENTS,
    ranges=st.sampled_from([((0.0, 100.0),), ((3.3, 47.1666),), ((0.0, 2.0), (2.0, 30.5), (60.25, 100.0))]),
    shortest=st.sampled_from([None, 2.0, 2.5, 7.25]),
    longest=st.sampled_from([None, 8.0, 11.9, 40.0]),
    step=st.sampled_from([0.001, 1.0]),
    reach=st.sampled_from([0.0, 0.75]),
    cuts=st.lists(st.floats(0, 100), max_size=12),
    border=st.sampled_from([None, 50.0, 12.5]),
)
def test_every_promise_holds_for_whatever_was_said(
    segments: list[tuple[float, float]],
    ranges: tuple[tuple[float, float], ...],
    shortest: float | None,
    longest: float | None,
    step: float,
    reach: float,
    cuts: list[float],
    border: float | None,
) -> None:
    found = tuple(Segment(a, b, {"n": number}) for number, (a, b) in enumerate(segments))
    if border is None:
        parts = [Part(0.0, 100.0, found)]
    else:
        parts = [Part(0.0, border, found[::2]), Part(border, 100.0, found[1::2])]
    moments = Edges(Edge(cut, 0.8) for cut in cuts)
    pieces = merged(parts, ranges, moments, Limits(shortest, longest, step, reach))
    for piece in pieces:
        assert piece.start < piece.end
    for before, after in itertools.pairwise(pieces):
        assert before.end <= after.start
    for piece in pieces:
        start, end = piece.start * step, piece.end * step
        low, high = next((a, b) for a, b in ranges if a - 1e-9 <= start and end <= b + 1e-9)
        if longest is not None:
            assert end - start <= max(longest, math.ceil(shortest or 0) if step == 1.0 else 0) + 1e-6
        if shortest is not None and math.floor(high / step) != piece.end:
            assert end - start >= shortest - 1e-6
        assert low <= high


@given(st.lists(st.integers(1, 99), unique=True, max_size=20), st.sampled_from([0.001, 1.0]))
def test_segments_that_already_hold_stay_as_they_are(borders: list[int], step: float) -> None:
    times = [0.0, *map(float, sorted(borders)), 100.0]
    whole = list(itertools.pairwise(times))
    assert merge(*whole, limits=Limits(step=step)) == whole


def test_what_was_cut_at_a_border_is_one_again() -> None:
    parts = [
        Part(0, 50, (Segment(30, 50, {"title": "Bees", "tags": ["a"]}),)),
        Part(50, 100, (Segment(50.1, 60, {"title": "Bees", "tags": ["a", "b"]}),)),
    ]
    pieces = merged(parts, [(0, 100)], NO_EDGES, Limits())
    assert seconds(pieces) == [(30, 60)]
    assert pieces[0].values == {"title": "Bees", "tags": ["a", "b"]}


def test_a_border_at_a_cut_joins_only_what_is_told_of_alike() -> None:
    def two(first: str, second: str) -> list[tuple[float, float]]:
        parts = [
            Part(0, 50, (Segment(30, 50, {"title": first}),)),
            Part(50, 100, (Segment(50, 60, {"title": second}),)),
        ]
        return seconds(merged(parts, [(0, 100)], Edges([Edge(50.0, 0.8)]), Limits()))

    assert two("Bees", "Wasps") == [(30, 50), (50, 60)]
    assert two("Bees", "bees") == [(30, 60)]


def test_a_segment_does_not_reach_out_of_the_window_it_was_found_in() -> None:
    parts = [Part(0, 50, (Segment(40, 90, {}),)), Part(50, 100, (Segment(70, 80, {}),))]
    assert seconds(merged(parts, [(0, 100)], NO_EDGES, Limits())) == [(40, 50), (70, 80)]


def test_what_lies_outside_of_a_range_is_left_out_of_it() -> None:
    assert merge((60, 70), (10, 20), (45, 55), ranges=((0, 50),)) == [(10, 20), (45, 50)]


def test_boundaries_snap_to_an_edge_that_is_near_and_to_no_other() -> None:
    moments = Edges([Edge(10.0, 0.8), Edge(30.0, 0.8)])
    near = merge((10.6, 29.5), (29.5, 40.0), limits=Limits(reach=0.75), moments=moments)
    assert near == [(10.0, 30.0), (30.0, 40.0)]
    assert merge((11.0, 29.0), limits=Limits(reach=0.75), moments=moments) == [(11.0, 29.0)]
    assert merge((10.6, 29.5), moments=moments) == [(10.6, 29.5)]


def test_an_overlap_is_parted_at_an_edge_or_in_its_middle() -> None:
    assert merge((0, 20), (10, 30)) == [(0, 15), (15, 30)]
    assert merge((0, 20), (10, 30), moments=Edges([Edge(18, 0.8)])) == [(0, 18), (18, 30)]


def test_the_same_segment_said_twice_is_said_once() -> None:
    assert merge((5, 15), (5, 15), (5.5, 15.5)) == [(5, 15.5)]


def test_a_segment_inside_another_parts_it() -> None:
    assert merge((0, 90), (10, 20)) == [(0, 10), (10, 20), (20, 90)]
    assert merge((0, 30), (10, 28)) == [(0, 10), (10, 28)]


def test_too_long_a_segment_is_split_at_the_best_edge_or_evenly() -> None:
    assert merge((0, 30), limits=Limits(longest=12)) == [(0, 10), (10, 20), (20, 30)]
    cut = Edges([Edge(11.5, 0.8)])
    assert merge((0, 20), limits=Limits(longest=12), moments=cut) == [(0, 11.5), (11.5, 20)]


def test_a_length_that_cannot_be_shared_out_loses_its_end_unless_the_window_ends_there() -> None:
    limits = Limits(shortest=4, longest=4.5)
    assert merge((10, 15), limits=limits) == [(10, 14.5)]
    assert merge((95, 100), limits=limits) == [(95, 99.5), (99.5, 100)]


def test_too_short_a_segment_joins_the_neighbour_that_less_parts_it_from() -> None:
    moments = Edges([Edge(10, 0.8)])
    limits = Limits(shortest=3)
    assert merge((0, 10), (10, 11), (11, 30), limits=limits, moments=moments) == [(0, 10), (10, 30)]


def test_too_short_a_segment_alone_gets_free_time_or_goes() -> None:
    limits = Limits(shortest=4)
    assert merge((10, 11), limits=limits) == [(8.5, 12.5)]
    assert merge((0, 1), limits=limits) == [(0, 4)]
    assert merge((0, 10), (10, 11), (11, 21), limits=Limits(shortest=4, longest=10)) == [(0, 10), (11, 21)]


def test_whole_seconds_stay_inside_the_video_and_never_empty() -> None:
    whole = Limits(step=1.0)
    assert merge((0.2, 0.4), (46.9, 47.16), ranges=((0, 47.1666),), limits=whole) == [(0, 1), (46, 47)]


def test_reversed_times_are_turned_round_and_endless_ones_left_out() -> None:
    assert merge((20, 10), (math.nan, 30), (math.inf, 40)) == [(10, 20)]


def test_thousands_of_segments_at_one_place_are_settled() -> None:
    many: list[Any] = [(10 + n / 1e4, 20 + n / 1e4) for n in range(5000)]
    assert len(merge(*many)) <= 2
    tiny: list[Any] = [(n / 100, n / 100 + 0.001) for n in range(9000)]
    assert merge(*tiny, limits=Limits(shortest=2.0))[0][0] == 0.0


@pytest.mark.parametrize("step", [0.001, 1.0])
def test_ranges_that_touch_do_not_share_a_segment(step: float) -> None:
    found = merge((0, 20), ranges=((0, 10), (10, 20)), limits=Limits(step=step))
    assert found == [(0, 10), (10, 20)]

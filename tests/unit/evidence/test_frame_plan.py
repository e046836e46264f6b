"""The frame plan: inside its budget always, more where the picture changes, and never long without a picture."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Sight
from kinoscribe.evidence.frame_plan import LONGEST_GAP, FramePlan, plan_frames
from kinoscribe.media.pieces import Bars
from kinoscribe.notes import Look, Notes, Shot


def facts(width: int = 1280, height: int = 720, end: float = 7200.0) -> VideoFacts:
    return VideoFacts(0.0, end, width, height, 25.0, 0, "mov", "video/mp4", "h264", None, None, None, 1, 0, 1)


def patches(width: int, height: int) -> int:
    """What a picture costs many models: one token for each patch of 28 x 28 pixels."""
    return max(1, round(width / 28)) * max(1, round(height / 28))


def sight(most: int = 768, max_side: int = 1024) -> Sight:
    return Sight(most, max_side, patches)


def look(start: float, end: float, motion: float) -> Look:
    return Look(start, end, (), 0.5, False, motion)


def notes(*looks: Look, read: tuple[float, ...] = (), end: float | None = None) -> Notes:
    shots = tuple(Shot(one.start, one.end) for one in looks)
    return Notes(
        "c", 0.0, end or (looks[-1].end if looks else 0.0), shots=shots, looks=looks, pictures_read=read
    )


def inside(plan: FramePlan, start: float, end: float) -> int:
    return sum(start <= time < end for time in plan.instants)


def plan_of(
    found: Notes, end: float, budget: int = 1_000_000, most: int = 100_000, **how: float
) -> FramePlan:
    return plan_frames(found, facts(), how.get("start", 0.0), end, sight(most), budget)


@st.composite
def evidence(draw: st.DrawFn) -> Notes:
    edges = sorted(draw(st.sets(st.integers(1, 5999), max_size=12)))
    spans = list(pairwise([0, *edges, 6000]))
    looks = [
        look(a / 10, b / 10, draw(st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3, 1.0]))) for a, b in spans
    ]
    read = tuple(sorted(time / 10 for time in draw(st.sets(st.integers(0, 6000), max_size=60))))
    return notes(*[one for one in looks if draw(st.booleans())], read=read, end=600.0)


@settings(deadline=None, max_examples=300)
@given(
    found=evidence(),
    start=st.floats(0, 500),
    length=st.floats(0.01, 600),
    budget=st.integers(0, 60_000),
    most=st.integers(0, 800),
    side=st.integers(1, 2000),
    size=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    rate=st.floats(0.1, 10.0),
)
def test_whatever_is_asked_the_plan_keeps_to_it(
    found: Notes,
    start: float,
    length: float,
    budget: int,
    most: int,
    side: int,
    size: tuple[int, int],
    rate: float,
) -> None:
    seen = sight(most, side)
    end = start + length
    plan = plan_frames(found, facts(*size), start, end, seen, budget, most_a_second=rate)
    assert plan == plan_frames(found, facts(*size), start, end, seen, budget, most_a_second=rate)
    if not plan.instants:
        assert most == 0 or budget < patches(*_smallest(size, side))
        return
    assert plan.instants[0] == round(start, 3)
    assert all(a < b for a, b in pairwise(plan.instants))
    assert plan.instants[-1] <= end
    assert len(plan.instants) <= most
    assert len(plan.instants) * patches(plan.width, plan.height) <= budget
    assert 1 <= plan.width <= min(size[0], side)
    assert 1 <= plan.height <= min(size[1], side)
    assert min(b - a for a, b in pairwise((*plan.instants, math.inf))) >= 0.5 / rate - 0.002
    if min(plan.width, plan.height) >= 20:
        assert plan.width / plan.height == pytest.approx(size[0] / size[1], rel=0.06)


def _smallest(size: tuple[int, int], side: int) -> tuple[int, int]:
    share = min(1.0, min(side, 112) / max(size))
    return max(1, math.floor(size[0] * share)), max(1, math.floor(size[1] * share))


@settings(deadline=None, max_examples=200)
@given(found=evidence(), start=st.floats(0, 300), length=st.floats(1, 600))
def test_with_enough_to_spend_no_gap_is_longer_than_it_may_be(
    found: Notes, start: float, length: float
) -> None:
    end = start + length
    plan = plan_frames(found, facts(), start, end, sight(100_000), 10_000_000)
    assert max(b - a for a, b in pairwise((*plan.instants, end))) <= LONGEST_GAP + 0.25


@settings(deadline=None, max_examples=100)
@given(found=evidence(), budget=st.integers(2_000, 30_000))
def test_a_larger_budget_buys_as_many_or_larger_pictures(found: Notes, budget: int) -> None:
    small = plan_frames(found, facts(), 0.0, 600.0, sight(), budget)
    large = plan_frames(found, facts(), 0.0, 600.0, sight(), 2 * budget)
    worth = [len(plan.instants) * plan.width * plan.height for plan in (small, large)]
    assert worth[1] >= 0.9 * worth[0]
    assert large.width >= 0.85 * small.width


@settings(deadline=None, max_examples=100)
@given(budget=st.integers(1_500, 40_000), lively=st.sampled_from([0.02, 0.1, 0.6]))
def test_where_more_changes_there_are_at_least_as_many_pictures(budget: int, lively: float) -> None:
    plan = plan_of(notes(look(0, 100, 0.0), look(100, 200, lively), read=(0.5, 100.5)), 200.0, budget)
    assert inside(plan, 100, 200) >= inside(plan, 0, 100) - 1
    if budget > 8_000:
        assert inside(plan, 100, 200) > 3 * inside(plan, 0, 100)


def test_what_moves_is_shown_once_or_twice_a_second() -> None:
    assert inside(plan_of(notes(look(0, 60, 0.004), read=(0.0,)), 60.0), 0, 60) == 60
    assert 110 <= inside(plan_of(notes(look(0, 60, 0.5), read=(0.0,)), 60.0), 0, 60) <= 120


def test_what_stands_still_is_shown_every_ten_seconds() -> None:
    plan = plan_of(notes(look(0, 60, 0.0), read=(0.0,)), 60.0)
    assert plan.instants == (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)


def test_stillness_is_not_believed_where_no_pictures_were_read() -> None:
    assert len(plan_of(notes(look(0, 60, 0.0)), 60.0).instants) == 60


def test_without_any_evidence_a_picture_a_second_is_shown() -> None:
    plan = plan_of(Notes("c", 0.0, 60.0), 60.0)
    assert plan.instants == tuple(float(second) for second in range(60))


def test_each_change_of_a_still_picture_is_shown() -> None:
    read = (3.5, 14.2, 15.0, 33.3, 47.1)
    plan = plan_of(notes(look(0, 60, 0.0), read=read), 60.0)
    assert set(read) <= set(plan.instants)
    assert len(plan.instants) <= 12


def test_a_cut_is_shown_once_its_picture_is_whole() -> None:
    plan = plan_of(notes(look(0, 20.4, 0.004), look(20.4, 60, 0.004)), 60.0)
    assert 20.6 in plan.instants
    assert 20.4 not in plan.instants


def test_a_picture_that_was_read_soon_after_a_cut_stands_for_it() -> None:
    plan = plan_of(notes(look(0, 20.4, 0.004), look(20.4, 60, 0.004), read=(21.3,)), 60.0)
    assert 21.3 in plan.instants
    assert 20.6 not in plan.instants


def test_few_pictures_are_large_and_many_are_lean() -> None:
    still, lively = notes(look(0, 60, 0.0), read=(0.0,)), notes(look(0, 60, 0.5), read=(0.0,))
    few, many = plan_of(still, 60.0, 12_000), plan_of(lively, 60.0, 12_000)
    assert few.width > 1.5 * many.width
    assert 80 <= patches(many.width, many.height) <= 130


def test_rather_fewer_pictures_than_unreadable_ones() -> None:
    plan = plan_of(notes(look(0, 600, 0.5), read=(0.0,)), 600.0, 12_000)
    assert 80 <= patches(plan.width, plan.height) <= 100
    assert 115 <= len(plan.instants) <= 150


def test_pictures_get_smaller_before_they_come_too_far_apart() -> None:
    plan = plan_of(notes(look(0, 7200, 0.0), read=(0.0,)), 7200.0, 30_000)
    assert len(plan.instants) == 720
    assert 20 <= patches(plan.width, plan.height) <= 41


def test_a_budget_for_one_picture_buys_one_and_a_smaller_one_none() -> None:
    assert len(plan_of(notes(look(0, 60, 0.5)), 60.0, 12).instants) == 1
    assert plan_of(notes(look(0, 60, 0.5)), 60.0, 3) == FramePlan()


def test_a_price_that_does_not_depend_on_the_size_buys_the_largest() -> None:
    fixed = Sight(50, 448, lambda width, height: 256)
    plan = plan_frames(notes(look(0, 60, 0.1)), facts(), 0.0, 60.0, fixed, 8_192)
    assert (plan.width, plan.height) == (448, 252)
    assert len(plan.instants) == 32


def test_the_operators_rate_and_the_engines_side_are_the_most() -> None:
    plan = plan_frames(
        notes(look(0, 60, 0.5)), facts(), 0.0, 60.0, sight(max_side=300), 10**6, most_a_second=0.5
    )
    assert max(plan.width, plan.height) == 300
    assert len(plan.instants) == 30


def test_the_shape_is_that_of_what_lies_between_the_bars() -> None:
    bars = Bars(top=0.125, bottom=0.125)
    plan = plan_frames(Notes("c", 0.0, 60.0), facts(), 0.0, 60.0, sight(), 10**6, bars=bars)
    assert plan.width / plan.height == pytest.approx(1280 / 540, rel=0.01)


def test_a_window_without_length_has_no_pictures() -> None:
    assert plan_of(Notes("c", 0.0, 60.0), 5.0, start=5.0) == FramePlan()


def test_times_are_those_of_the_file_wherever_its_clock_begins() -> None:
    early = plan_frames(notes(look(0, 60, 0.02)), facts(), 0.0, 60.0, sight(), 9_000)
    moved = Notes("c", 3600.0, 3660.0, shots=(Shot(3600, 3660),), looks=(look(3600, 3660, 0.02),))
    late = plan_frames(moved, facts(), 3600.0, 3660.0, sight(), 9_000)
    assert [time - 3600 for time in late.instants] == pytest.approx(list(early.instants), abs=0.002)

"""Voices are packed into takes, and every word finds its way back to its own time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.evidence.chunks import LONGEST, PAUSE, RATE, Take, Voice, fits, merge, split


def voice(start: float, length: float) -> Voice:
    return Voice(start, np.ones(round(length * RATE), dtype=np.float32))


lengths = st.lists(st.tuples(st.floats(0.3, 6), st.floats(0.2, 5)), min_size=1, max_size=6)


@given(lengths, st.floats(0, 1))
def test_a_moment_inside_a_voice_keeps_its_distance_from_the_voices_start(
    spans: list[tuple[float, float]], share: float
) -> None:
    voices, now = [], 5.0
    for length, gap in spans:
        voices.append(voice(now, length))
        now += length + gap
    take, offset = Take(tuple(voices)), 0.0
    for index, one in enumerate(voices):
        at = offset + share * one.length
        place, start, end = take.place(at, at)
        assert place == index
        assert start == end == pytest.approx(one.start + share * one.length, abs=1e-6)
        offset += one.length + PAUSE
    assert take.sound().size / RATE == pytest.approx(take.length, abs=1e-3)


def test_a_word_that_reaches_beyond_its_voice_is_held_inside() -> None:
    take = Take((voice(10.0, 2.0), voice(60.0, 1.0)))
    assert take.place(1.5, 2.3) == (0, 11.5, 12.0)
    assert take.place(2.4, 2.9) == (1, 60.0, pytest.approx(60.4))
    assert take.place(9.0, 9.5) == (1, 61.0, 61.0)


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 40)), max_size=8))
def test_merged_regions_stay_in_order_and_lose_nothing(steps: list[tuple[float, float]]) -> None:
    regions, now = [], 0.0
    for gap, length in steps:
        regions.append((now + gap, now + gap + length))
        now += gap + length
    merged = merge(regions)
    assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(merged))
    assert all(any(m[0] <= r[0] and r[1] <= m[1] for m in merged) for r in regions)


def test_a_voice_without_a_pause_is_cut_where_it_is_quietest() -> None:
    sound = np.ones(round(60 * RATE), dtype=np.float32)
    sound[24 * RATE : round(24.2 * RATE)] = 0.0
    parts = split(Voice(100.0, sound))
    assert [p.start for p in parts][0:2] == [100.0, pytest.approx(124.1, abs=0.11)]
    assert all(p.length <= LONGEST for p in parts)
    assert sum(p.sound.size for p in parts) == sound.size


def test_a_take_is_full_before_it_is_too_long() -> None:
    assert fits([voice(0, 20)], voice(30, 6))
    assert not fits([voice(0, 20)], voice(30, 7))

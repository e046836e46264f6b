"""Which frames are taken: after a change has come to rest, never too often, and now and then in any case."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.media.sampling import Cells, Chooser, Metronome, pace

FPS = 12.5
CALM = pace(0.5, 10.0, 400, 60.0)


def scene(level: int = 100) -> Cells:
    return np.full((90, 160), level, np.uint8)


def with_patch(cells: Cells, top: int, left: int, height: int, width: int, level: int) -> Cells:
    made = cells.copy()
    made[top : top + height, left : left + width] = level
    return made


def noisy(cells: Cells, seed: int, strength: int = 2) -> Cells:
    noise = np.random.default_rng(seed).integers(-strength, strength + 1, cells.shape)
    return (cells.astype(int) + noise).clip(0, 255).astype(np.uint8)


def taken(run: list[tuple[float, Cells]], chooser: Chooser | None = None) -> list[tuple[float, float]]:
    chooser = chooser or Chooser(CALM)
    looked = [(time, chooser.look(time, cells)) for time, cells in run]
    return [(time, since) for time, since in looked if since is not None]


def frames(seconds: float, shown: dict[float, Cells], fps: float = FPS) -> list[tuple[float, Cells]]:
    """Shows each scene from its time on."""
    times = [n / fps for n in range(round(seconds * fps))]
    return [(t, shown[max(start for start in shown if start <= t + 1e-9)]) for t in times]


def test_the_first_frame_is_taken() -> None:
    assert taken([(7.0, scene())]) == [(7.0, 7.0)]


def test_a_still_scene_is_taken_every_ten_seconds_and_known_to_be_the_same() -> None:
    found = taken(frames(25.0, {0.0: scene()}))
    assert [round(time) for time, _ in found] == [0, 10, 20]
    assert {since for _, since in found} == {0.0}


def test_noise_is_no_change() -> None:
    run = [(n / FPS, noisy(scene(), n)) for n in range(100)]
    assert len(taken(run)) == 1


def test_a_line_of_text_that_comes_up_is_taken_once_it_stands() -> None:
    bullet = with_patch(scene(), 40, 20, 4, 60, 160)
    (_, (time, since), *_) = taken(frames(8.0, {0.0: scene(), 4.0: bullet}))
    assert since == pytest.approx(4.0, abs=0.01)
    assert 4.0 < time < 5.2


def test_a_single_digit_is_enough() -> None:
    digit = with_patch(scene(), 5, 80, 3, 2, 140)
    (_, (_, since), *_) = taken(frames(8.0, {0.0: scene(), 4.0: digit}))
    assert since == pytest.approx(4.0, abs=0.01)


def test_a_digit_over_a_moving_field_is_seen() -> None:
    rng = np.random.default_rng(1)

    def field(time: float) -> Cells:
        cells = scene()
        cells[30:] = rng.integers(60, 140, (60, 160))
        cells[4:10, 70:90] = 30
        cells[5:9, 78:81] = 200 if time >= 6.0 else 30
        return cells

    found = taken([(n / FPS, field(n / FPS)) for n in range(round(9 * FPS))])
    after = [time for time, _ in found if time >= 6.0]
    assert after
    assert after[0] < 8.1


def test_a_cut_is_taken_soon_and_dated_to_its_first_frame() -> None:
    other = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (90, 1))
    found = taken(frames(8.0, {0.0: scene(40), 4.0: other}))
    assert found[1][1] == pytest.approx(4.0, abs=0.01)
    assert found[1][0] < 4.5


def test_a_half_dissolved_picture_is_not_taken() -> None:
    first, second = scene(40), np.tile(np.linspace(0, 255, 160).astype(np.uint8), (90, 1))

    def shown(time: float) -> Cells:
        share = min(max(time - 4.0, 0.0), 1.0)
        return (first * (1 - share) + second * share).astype(np.uint8)

    found = taken([(n / FPS, shown(n / FPS)) for n in range(round(8 * FPS))])
    assert not [time for time, _ in found if 4.0 < time < 5.0]
    assert [time for time, _ in found if 5.0 <= time < 6.5]


def test_slides_at_one_frame_a_second_are_each_taken_at_once() -> None:
    rng = np.random.default_rng(2)
    slides = [rng.integers(0, 256, (90, 160)).astype(np.uint8) for _ in range(6)]
    assert [time for time, _ in taken([(float(n), slides[n]) for n in range(6)])] == [0, 1, 2, 3, 4, 5]


def test_changes_all_the_time_for_an_hour_do_not_use_up_the_pictures_at_once() -> None:
    plan = pace(0.5, 10.0, 100, 3600.0)
    chooser = Chooser(plan)
    times = []
    for n in range(3600 * 2):
        cells = with_patch(scene(), 5, 5, 4, 4, 60 if n // 8 % 2 else 160)
        if chooser.look(n / 2, cells) is not None:
            times.append(n / 2)
    assert len(times) <= 100
    assert times[-1] > 3000
    assert max(b - a for a, b in pairwise(times)) < 120


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0.001, 3.0), st.integers(0, 255)), min_size=1, max_size=80),
    st.integers(1, 30),
    st.floats(0.1, 2.0),
)
def test_pictures_keep_their_distance_and_number(
    steps: list[tuple[float, int]], most: int, min_gap: float
) -> None:
    length = sum(step for step, _ in steps)
    chooser = Chooser(pace(min_gap, 5.0, most, length))
    time, times = 0.0, []
    for step, level in steps:
        time += step
        since = chooser.look(time, scene(level))
        if since is not None:
            assert since <= time
            times.append(time)
    assert len(times) <= most
    assert all(b - a >= min_gap - 1e-9 for a, b in pairwise(times))


def test_gaps_grow_with_the_length() -> None:
    short, long = pace(0.5, 10.0, 400, 60.0), pace(0.5, 10.0, 400, 7200.0)
    assert short.max_gap == 10.0
    assert long.max_gap == 36.0
    assert long.burst + long.rate * 7200.0 <= 400 + 1


def test_pictures_that_come_evenly_are_a_pace_of_their_own() -> None:
    assert pace(1.0, 1.0, 1000, 60.0).even
    assert pace(1.0, 1.0, 60, 600.0).min_gap == 10.0
    assert not CALM.even


@pytest.mark.parametrize(("fps", "struck"), [(10, 10), (12, 12), (25, 13), (30, 13), (60, 13), (240, 13)])
def test_a_metronome_thins_out_what_comes_too_often(fps: int, struck: int) -> None:
    metronome = Metronome(0.08)
    count = sum(metronome.strikes(n / fps) for n in range(fps * 4))
    assert count / 4 == pytest.approx(struck, abs=0.6)


def test_a_metronome_does_not_make_up_for_a_pause() -> None:
    metronome = Metronome(1.0)
    times = [0.0, 1.0, 5.0, 5.1, 5.2, 5.3, 6.2]
    assert [t for t in times if metronome.strikes(t)] == [0.0, 1.0, 5.0, 6.2]

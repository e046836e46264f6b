"""Cuts, dissolves and new slides are found to the frame; flashes, motion and light are left alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.evidence.painted import (
    BLACK,
    FPS,
    WHITE,
    cuts_in,
    mix,
    scene,
    slide,
    thumb,
)

from kinoscribe.evidence.shots import Change, ShotFinder, settle, shots_between

A, B, C = scene(1), scene(2), scene(3)
BULLETS = ["first point about bees", "second thing here", "third remark"]


def test_a_cut_is_the_time_of_the_first_new_frame() -> None:
    assert cuts_in([A] * 30 + [B] * 30) == [(2.4, "cut")]


@pytest.mark.parametrize("fps", [1.0, 4.0, 10.0])
def test_cuts_are_found_at_any_frame_rate(fps: float) -> None:
    assert cuts_in([A] * 8 + [B] * 8 + [C] * 8, fps) == [(8 / fps, "cut"), (16 / fps, "cut")]


def test_every_cut_of_a_quick_dialogue_and_of_a_montage_is_found() -> None:
    pictures = [picture for picture in (A, B, A, B, A) for _ in range(13)]
    assert [time for time, _ in cuts_in(pictures)] == [1.04, 2.08, 3.12, 4.16]
    montage = [scene(20 + n) for n in range(8) for _ in range(6)]
    assert [time for time, _ in cuts_in(montage)] == [pytest.approx(0.48 * n) for n in range(1, 8)]


def test_a_cut_in_the_dark_is_found() -> None:
    dark = [(picture * 0.15).astype(np.uint8) for picture in (A, B)]
    assert cuts_in([dark[0]] * 30 + [dark[1]] * 30, noise=0.8) == [(2.4, "cut")]


@pytest.mark.parametrize("flash", [WHITE, np.clip(A.astype(int) + 150, 0, 255).astype(np.uint8)])
@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_flash_is_no_cut(flash: np.ndarray, frames: int) -> None:
    assert cuts_in([A] * 30 + [flash] * frames + [A] * 30) == []


def test_a_strobe_is_no_cut() -> None:
    bright = np.clip(A.astype(int) + 120, 0, 255).astype(np.uint8)
    assert cuts_in([A if (n // 2) % 2 else bright for n in range(80)]) == []


@pytest.mark.parametrize("step", [4, 12, 40])
def test_a_pan_is_no_cut(step: int) -> None:
    wide = scene(5, (640 + 80 * step, 360))
    assert cuts_in([wide[:, n * step : n * step + 640] for n in range(80)]) == []


def test_a_zoom_and_a_shaking_hand_are_no_cuts() -> None:
    large = scene(7, (1280, 720))
    zoom = [np.ascontiguousarray(large[n : 720 - n : 2, 2 * n : 1280 - 2 * n : 2]) for n in range(0, 160, 2)]
    assert cuts_in(zoom) == []
    dice = np.random.default_rng(3)
    shaken = [
        large[y : y + 360, x : x + 640] for x, y in dice.normal(150, 15, (80, 2)).clip(0, 300).astype(int)
    ]
    assert cuts_in(shaken) == []


def test_light_that_grows_is_no_cut() -> None:
    assert cuts_in([mix(BLACK, A, 0.4 + 0.6 * min(1, max(0, (n - 20) / 20))) for n in range(80)]) == []


@pytest.mark.parametrize("frames", [5, 10, 20])
def test_a_dissolve_is_one_boundary_near_its_middle(frames: int) -> None:
    between = [mix(A, B, (n + 1) / (frames + 1)) for n in range(frames)]
    [(time, kind)] = cuts_in([A] * 30 + between + [B] * 30)
    assert kind == "dissolve"
    assert time == pytest.approx((30 + frames / 2) / FPS, abs=0.25)


def test_a_fade_through_black_is_one_boundary() -> None:
    out = [mix(A, BLACK, n / 10) for n in range(11)]
    back = [mix(BLACK, B, n / 10) for n in range(11)]
    [(time, _)] = cuts_in([A] * 30 + out + [BLACK] * 8 + back + [B] * 30)
    assert time == pytest.approx(45 / FPS, abs=0.3)


def test_a_fade_at_either_end_is_no_new_shot() -> None:
    assert cuts_in([mix(BLACK, A, n / 15) for n in range(16)] + [A] * 30) == []
    assert cuts_in([A] * 30 + [mix(A, BLACK, n / 15) for n in range(16)] + [BLACK] * 20) == []


def test_a_long_black_end_is_a_shot_of_its_own_and_so_is_a_long_black_begin() -> None:
    assert cuts_in([A] * 30 + [BLACK] * 40) == [(2.4, "cut")]
    assert cuts_in([BLACK] * 40 + [A] * 30) == [(3.2, "cut")]
    assert cuts_in([BLACK] * 20 + [A] * 30) == []


def test_a_slide_of_a_title_and_one_line_gives_way_to_another() -> None:
    foot = ["", "", "", "", "Part two of it, second"]
    first, second = slide("Recap", ["ice", *foot]), slide("Questions", ["", *foot])
    deck = [first] * 20 + [second] * 20
    assert cuts_in(deck, noise=0) == [(1.6, "cut")]


@pytest.mark.parametrize("paper", [255, 30])
def test_a_new_slide_is_a_cut_and_a_new_bullet_is_none(paper: int) -> None:
    ink = 255 - paper
    deck = [slide("Finding food", BULLETS[:n], paper, ink) for n in range(4)]
    deck += [slide("Summary of it", ["alpha beta gamma"][:n], paper, ink) for n in range(2)]
    pictures = [picture for picture in deck for _ in range(25)]
    assert cuts_in(pictures, noise=0) == [(8.0, "cut")]


def test_a_bullet_that_comes_in_soon_after_does_not_hide_a_new_slide() -> None:
    old = slide("Living near", ["soil"])
    new = [slide("Thank you", [line]) for line in ("", "next week we speak about quakes")]
    assert cuts_in([old] * 30 + [new[0]] * 4 + [new[1]] * 30, noise=0) == [(2.4, "cut")]


def test_captions_that_change_are_no_cuts() -> None:
    def captioned(text: str) -> np.ndarray:
        return np.maximum(BLACK, 255 - slide("", ["", "", "", "", text, text[::-1]]))

    pictures = [captioned(text) for text in ("hello there", "how are you", "well enough") for _ in range(25)]
    assert cuts_in(pictures, noise=0) == []


def test_memory_does_not_grow_with_the_video() -> None:
    finder, tiny = ShotFinder(), thumb(A)
    for number in range(3000):
        finder.feed(number / FPS, tiny)
    assert len(finder._frames) < 100


changes = st.lists(
    st.builds(
        Change,
        st.floats(0, 100, allow_nan=False),
        st.sampled_from(["cut", "dissolve"]),
        st.floats(0, 100, allow_nan=False),
    )
)


@given(changes)
def test_shots_touch_and_cover_the_video(found: list[Change]) -> None:
    shots = shots_between(settle(found), 0.0, 100.0)
    assert shots[0].start == 0.0
    assert shots[-1].end == 100.0
    assert shots[0].begins_with == "start"
    assert all(a.end == b.start and a.end > a.start for a, b in pairwise(shots))
    assert all(b.start - a.start >= 0.3 - 1e-9 for a, b in pairwise(shots))


def test_cards_of_one_colour_are_shots() -> None:
    cards = [
        np.full((360, 640, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 40, 200), (128, 128, 128))
    ]
    assert cuts_in([card for card in cards for _ in range(20)]) == [(1.6, "cut"), (3.2, "cut")]


def test_cards_with_a_few_words_are_shots_even_when_only_their_paper_is_darker() -> None:
    cards = [
        np.maximum(255 - slide("", ["", "", text]), paper)
        for text, paper in (("MARKER 1", 60), ("MARKER 2", 30))
    ]
    assert cuts_in([card for card in cards for _ in range(20)]) == [(1.6, "cut")]


def test_a_lamp_that_is_switched_on_is_no_cut() -> None:
    dim = (A * 0.6).astype(np.uint8)
    assert cuts_in([dim] * 30 + [A] * 30) == []

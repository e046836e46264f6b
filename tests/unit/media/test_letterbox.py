"""Letterbox: bars that all pictures share are found and nothing else is; what stands in them keeps them whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kinoscribe.media.letterbox import bars_of, inside, keeps_to
from kinoscribe.media.pieces import Bars

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 180


def picture(left: int = 0, top: int = 0, right: int = 0, bottom: int = 0, light: int = 150) -> Pixels:
    """Black bars of so many pixels around a picture of one brightness."""
    made = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    made[top : HEIGHT - bottom, left : WIDTH - right] = light
    return made


def test_bars_above_and_below_are_found() -> None:
    found = bars_of([picture(top=22, bottom=23), picture(top=30, bottom=23), picture(top=22, bottom=40)])
    assert found == Bars(top=round(22 / 180, 4), bottom=round(23 / 180, 4))


def test_bars_beside_are_found() -> None:
    assert bars_of([picture(left=40, right=40)] * 2) == Bars(left=0.125, right=0.125)


def test_a_frame_all_around_is_found() -> None:
    found = bars_of([picture(left=40, right=40, top=18, bottom=18)] * 2)
    assert found == Bars(left=0.125, right=0.125, top=0.1, bottom=0.1)


@pytest.mark.parametrize(
    "pictures",
    [
        [],
        [picture(top=22, bottom=22)],
        [picture(light=0)] * 5,
        [picture()] * 5,
        [picture(top=22, bottom=22), picture()],
        [picture(top=60, bottom=20)] * 5,
        [picture(top=2, bottom=2)] * 5,
        [picture(top=80, bottom=80)] * 5,
        [picture(bottom=40)] * 5,
        [picture(top=22, bottom=22), picture(top=22, bottom=22)[:90]],
    ],
    ids=[
        "nothing to look at",
        "one picture alone",
        "all black",
        "no bars",
        "one picture fills the frame",
        "of unlike height",
        "too thin to matter",
        "hardly any picture",
        "dark below only",
        "of two sizes",
    ],
)
def test_what_is_no_letterbox_is_not_cut(pictures: list[Pixels]) -> None:
    assert bars_of(pictures) == Bars()


def test_a_black_picture_among_others_tells_nothing() -> None:
    shown = [picture(light=0), picture(top=20, bottom=20), picture(light=0), picture(top=20, bottom=20)]
    assert bars_of(shown) == Bars(top=round(20 / 180, 4), bottom=round(20 / 180, 4))


def test_words_in_a_bar_are_seen_and_the_noise_of_coding_is_not() -> None:
    bars = bars_of([picture(top=30, bottom=30)] * 2)
    noisy = np.maximum(picture(top=30, bottom=30), 12)
    words = picture(top=30, bottom=30)
    words[160:164, 100:140] = 220
    assert keeps_to(noisy, bars)
    assert not keeps_to(words, bars)


@settings(deadline=None)
@given(
    top=st.integers(4, 70),
    left=st.integers(7, 120),
    scale=st.floats(0.2, 3.0),
)
def test_nothing_of_the_picture_is_lost_and_little_of_the_bars_left(
    top: int, left: int, scale: float
) -> None:
    shown = picture(top=top, bottom=top, left=left, right=left)
    bars = bars_of([shown, shown])
    assert keeps_to(shown, bars)
    first, upper, last, lower = inside(WIDTH, HEIGHT, bars)
    assert (first, WIDTH - last) == pytest.approx((left, left), abs=1)
    assert (upper, HEIGHT - lower) == pytest.approx((top, top), abs=1)
    width, height = max(2, round(WIDTH * scale)), max(2, round(HEIGHT * scale))
    first, upper, last, lower = inside(width, height, bars)
    assert 0 <= first < last <= width
    assert 0 <= upper < lower <= height


def test_bars_that_leave_nothing_leave_all() -> None:
    assert inside(3, 3, Bars(left=0.4, right=0.4, top=0.4, bottom=0.4)) == (0, 0, 3, 3)

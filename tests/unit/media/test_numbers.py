"""Numbers: what is painted into a corner can be read there, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kinoscribe.media.numbers import _GLYPHS, _glyph, paint

GREY = 90


def read(pixels: NDArray[np.uint8]) -> str:
    """The number in the lower right corner of a grey picture, by comparing each glyph."""
    label = pixels[..., 0]
    rows = np.flatnonzero((label != GREY).any(axis=1))
    columns = np.flatnonzero((label != GREY).any(axis=0))
    label = label[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grown = label.shape[0] // 9
    label = label[::grown, ::grown][1:-1]
    text, at = "", 1
    while at < label.shape[1]:
        for sign in (*_GLYPHS, "."):
            glyph = _glyph(sign)
            part = label[:, at : at + glyph.shape[1]]
            if part.shape == glyph.shape and (part == glyph).all():
                text, at = text + sign, at + glyph.shape[1] + 1
                break
        else:
            raise AssertionError(f"no glyph at {at} after {text!r}")
    return text


@settings(deadline=None)
@given(time=st.floats(-10, 90_000), height=st.integers(150, 1000))
def test_what_is_painted_can_be_read(time: float, height: int) -> None:
    number = f"{time:.1f}"
    assert read(paint(np.full((height, 2 * height, 3), GREY, np.uint8), number)) == number


def test_all_signs_differ() -> None:
    assert len(set(_GLYPHS.values())) == len(_GLYPHS)
    assert {len(bits) for bits in _GLYPHS.values()} == {35}


def test_the_picture_outside_the_corner_and_the_one_given_stay_as_they_are() -> None:
    pixels = np.full((180, 320, 3), GREY, np.uint8)
    painted = paint(pixels, "123.4")
    assert (pixels == GREY).all()
    assert (painted[:90] == GREY).all()
    assert (painted[:, :160] == GREY).all()
    assert (painted != GREY).any()


@pytest.mark.parametrize("size", [(1, 1), (8, 400), (400, 8), (20, 20)])
def test_a_picture_too_small_for_it_stays_whole(size: tuple[int, int]) -> None:
    painted = paint(np.full((*size, 3), GREY, np.uint8), "7260.5")
    assert painted.shape == (*size, 3)

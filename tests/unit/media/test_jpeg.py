"""JPEG: what goes in is what others see, and the same pixels are the same bytes."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kinoscribe.media.jpeg import jpeg


def seen(body: bytes) -> NDArray[np.uint8]:
    """What another decoder makes of it, as RGB."""
    return np.asarray(cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]


@pytest.mark.parametrize(
    "colour", [(255, 255, 255), (0, 0, 0), (200, 30, 30), (30, 160, 40), (30, 40, 200), (128, 128, 128)]
)
def test_colours_survive(colour: tuple[int, int, int]) -> None:
    body = jpeg(np.full((60, 80, 3), colour, np.uint8))
    assert np.abs(seen(body).astype(int) - np.array(colour)).max() <= 6


@settings(deadline=None, max_examples=40)
@given(width=st.integers(1, 90), height=st.integers(1, 90))
def test_any_size_is_kept(width: int, height: int) -> None:
    pixels = np.arange(width * height * 3, dtype=np.uint64).reshape(height, width, 3).astype(np.uint8)
    body = jpeg(pixels)
    assert seen(body).shape == (height, width, 3)
    assert jpeg(pixels) == body


def test_small_print_stays_legible() -> None:
    page = np.full((120, 320, 3), 255, np.uint8)
    cv2.putText(page, "Total 1,204.50 EUR", (5, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1)
    assert np.abs(seen(jpeg(page)).astype(int) - page).mean() < 3


_ELSEWHERE = """
import sys, hashlib, numpy as np
from kinoscribe.media.jpeg import jpeg
pixels = np.random.default_rng(7).integers(0, 256, (90, 160, 3)).astype(np.uint8)
print(hashlib.sha256(jpeg(pixels)).hexdigest())
"""


def test_another_process_makes_the_same_bytes_without_names_or_dates() -> None:
    told = {
        subprocess.run([sys.executable, "-c", _ELSEWHERE], check=True, capture_output=True, timeout=60).stdout
        for _ in range(2)
    }
    assert len(told) == 1
    body = jpeg(np.zeros((16, 16, 3), np.uint8))
    assert b"Lavc" not in body
    assert b"JFIF" in body

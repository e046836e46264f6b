"""Colours get the names people use, and shots get what fills them, how bright they are and how much moves."""

import numpy as np
import pytest

from kinoscribe.evidence.colours import NAMES, main_colour, names_of, shares
from kinoscribe.evidence.looks import LookKeeper
from kinoscribe.notes import Shot

Y_OF_GREY = 126.0


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((20, 22, 25), "black"),
        ((250, 250, 250), "white"),
        ((128, 128, 128), "grey"),
        ((200, 20, 20), "red"),
        ((240, 130, 20), "orange"),
        ((250, 220, 30), "yellow"),
        ((40, 160, 50), "green"),
        ((30, 60, 200), "blue"),
        ((120, 190, 240), "blue"),
        ((120, 40, 180), "purple"),
        ((250, 160, 190), "pink"),
        ((110, 70, 30), "brown"),
    ],
)
def test_a_colour_has_its_plain_name(rgb: tuple[int, int, int], name: str) -> None:
    assert NAMES[int(names_of(np.array([[rgb]], np.float32))[0, 0])] == name


def test_shares_add_up() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (40, 40, 3)).astype(np.float32)
    assert shares(noise).sum() == pytest.approx(1.0)


def test_a_main_colour_stands_out_and_is_no_grey_tone() -> None:
    red = np.full((10, 10, 3), (200, 20, 20), np.float32)
    half = red.copy()
    half[:5] = (30, 60, 200)
    assert main_colour(red) == "red"
    assert main_colour(half) is None
    assert main_colour(np.full((10, 10, 3), 128, np.float32)) is None


def frame(y: float, u: float = 128.0, v: float = 128.0) -> np.ndarray:
    return np.stack([np.full((36, 64), value, np.float32) for value in (y, u, v)])


def test_each_shot_has_its_own_look() -> None:
    still, lively = LookKeeper(), LookKeeper()
    for number in range(20):
        shade = np.tile(np.linspace(16, 235, 64, dtype=np.float32), (36, 1))
        still.feed(number / 4, frame(Y_OF_GREY))
        lively.feed(number / 4, np.stack([np.roll(shade, 7 * number, axis=1), *frame(0, 90.0, 200.0)[1:]]))
    [grey] = still.finish([Shot(0, 5, "start")])
    [red] = lively.finish([Shot(0, 5, "start")])
    assert (grey.colours[0].name, grey.monochrome, grey.motion) == ("grey", True, 0.0)
    assert grey.brightness == pytest.approx(0.5, abs=0.01)
    assert not red.monochrome
    assert red.motion > 0.5
    assert "red" in {c.name for c in red.colours}


def test_a_shot_without_a_frame_has_no_look() -> None:
    keeper = LookKeeper()
    keeper.feed(0.0, frame(50.0))
    assert len(keeper.finish([Shot(0, 1, "start"), Shot(1, 2)])) == 1


def test_a_small_coloured_thing_makes_a_picture_one_in_colour() -> None:
    keeper = LookKeeper()
    dotted = frame(Y_OF_GREY)
    dotted[1:, 10:20, 10:20] = np.array([90.0, 220.0])[:, None, None]
    for number in range(8):
        keeper.feed(number / 4, dotted)
    assert not keeper.finish([Shot(0, 2, "start")])[0].monochrome

"""Stills: cut, fitted, numbered, turned; what shows nothing new is left out, and bytes are the same every time."""

import itertools
from fractions import Fraction
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media_truth import BLUE, GREEN, GREY, RED, WHITE, Pixels, card, cards, counted, make_video

from kinoscribe.media.pieces import Bars, Beat, Still, Stills, StillsPlan
from kinoscribe.media.stills import bars, stills

MOST = 64_000_000


def made(path: Path, plan: StillsPlan) -> tuple[list[Still], int]:
    pieces = [piece for piece in stills(path, plan, MOST) if not isinstance(piece, Beat)]
    *found, last = pieces
    assert isinstance(last, Stills)
    assert all(isinstance(one, Still) for one in found)
    return [one for one in found if isinstance(one, Still)], last.dropped


def pixels_of(still: Still) -> NDArray[np.uint8]:
    shown = np.asarray(cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]
    assert shown.shape == (still.height, still.width, 3)
    return shown


def plan(*instants: float, **how: object) -> StillsPlan:
    return msgspec.structs.replace(StillsPlan(instants, 224, 224), **how)


def boxed(inner: Pixels, bar: int) -> Pixels:
    """A picture with black bars above and below."""
    picture = inner.copy()
    picture[:bar] = picture[-bar:] = 0
    return picture


def test_pictures_come_at_their_own_times_in_the_size_that_was_asked_for(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "v.mp4", cards((0, RED), (3, BLUE)), seconds=6)
    found, dropped = made(clip, plan(1.04, 4.97))
    assert [round(one.time, 3) for one in found] == [1.0, 5.0]
    assert {(one.width, one.height) for one in found} == {(224, 126)}
    assert dropped == 0
    assert np.abs(pixels_of(found[0])[60, 100].astype(int) - RED).max() < 12
    assert np.abs(pixels_of(found[1])[60, 100].astype(int) - BLUE).max() < 12


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "v.mp4", counted(10), seconds=30, codec_options={"g": "20", "bf": "2"})
    wanted = plan(0.0, 3.3, 3.8, 21.0, numbered=True, longest_gap=10.0)
    first, second = made(clip, wanted), made(clip, wanted)
    assert first == second


def test_a_picture_is_never_made_larger(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "v.mp4", cards((0, RED), size=(160, 90)), seconds=1)
    found, _ = made(clip, plan(0.0, width=1000, height=1000))
    assert (found[0].width, found[0].height) == (160, 90)


def test_a_turned_video_stands_upright_and_pixels_become_square(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = card(GREY, (320, 180))
        picture[:, :160] = RED
        return picture

    turned = make_video(tmp_path / "t.mp4", paint, seconds=1, rotation=90)
    (one,), _ = made(turned, plan(0.0))
    assert (one.width, one.height) == (126, 224)
    shown = pixels_of(one).astype(int)
    assert abs(int(shown[20, 60, 0]) - int(shown[200, 60, 0])) > 40
    wide = make_video(tmp_path / "w.mp4", paint, seconds=1, pixel_aspect=Fraction(2, 1))
    (one,), _ = made(wide, plan(0.0))
    assert (one.width, one.height) == (224, 63)


def test_bars_are_found_and_cut_and_the_picture_fills_the_box(tmp_path: Path) -> None:
    clip = make_video(
        tmp_path / "v.mp4", lambda t: boxed(card(GREEN), 50), seconds=30, codec_options={"g": "10"}
    )
    *_, found = bars(clip, 0.0, 30.0, MOST, jumps=False)
    assert isinstance(found, Bars)
    assert found.top == pytest.approx(50 / 360, abs=0.01)
    assert found.left == found.right == 0.0
    (one,), _ = made(clip, plan(2.0, bars=found, width=320, height=130))
    assert (one.width, one.height) == pytest.approx((320, 130), abs=2)
    shown = pixels_of(one).astype(int)
    assert np.abs(shown[3:-3] - GREEN).mean() < 12


def test_a_picture_with_words_in_the_bar_is_given_whole(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = boxed(card(GREEN), 50)
        if 10 <= time < 15:
            picture[330:345, 200:400] = WHITE
        return picture

    clip = make_video(tmp_path / "v.mp4", paint, seconds=30)
    cut = Bars(top=50 / 360, bottom=50 / 360)
    found, _ = made(clip, plan(5.0, 12.0, 20.0, bars=cut, width=320, height=130))
    assert [one.width > 300 for one in found] == [True, False, True]
    assert all(one.width <= 320 and one.height <= 130 for one in found)
    assert int(pixels_of(found[1])[-12:].max()) > 150


def test_what_shows_nothing_new_is_left_out_but_for_the_last_and_for_long_gaps(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "v.mp4", cards((0, RED), (12, BLUE), size=(320, 180)), seconds=40, fps=5)
    every = plan(*(float(at) for at in range(40)), longest_gap=10.0)
    found, dropped = made(clip, every)
    assert [round(one.time) for one in found] == [0, 10, 12, 22, 32, 39]
    assert dropped == 40 - len(found)
    assert max(b.time - a.time for a, b in itertools.pairwise(found)) <= 10.0
    found, dropped = made(clip, plan(*(float(at) for at in range(40))))
    assert (len(found), dropped) == (40, 0)


def test_a_small_change_is_something_new(tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = card(GREY)
        if time >= 3:
            picture[200:216, 300:310] = WHITE
        return picture

    clip = make_video(tmp_path / "v.mp4", paint, seconds=8, fps=5)
    found, _ = made(clip, plan(*(float(at) for at in range(8)), longest_gap=10.0))
    assert [round(one.time) for one in found] == [0, 3, 7]


def test_a_change_of_colour_alone_is_something_new(tmp_path: Path) -> None:
    grey, reddish = (110, 110, 110), (170, 85, 100)
    clip = make_video(tmp_path / "v.mp4", cards((0, grey), (4, reddish)), seconds=8, fps=5)
    found, _ = made(clip, plan(*(float(at) for at in range(8)), longest_gap=10.0))
    assert [round(one.time) for one in found] == [0, 4, 7]


def test_the_number_is_the_time_of_the_picture(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "v.mp4", cards((0, GREY)), seconds=6)
    (plain, *_), _ = made(clip, plan(2.0, 4.0))
    (early, late), _ = made(clip, plan(2.0, 4.0, numbered=True))
    assert int(np.abs(pixels_of(plain)[:60].astype(int) - pixels_of(early)[:60]).max()) < 10
    corner = [pixels_of(one)[-24:, -60:].astype(int) for one in (plain, early, late)]
    assert np.abs(corner[0] - corner[1]).max() > 80
    assert np.abs(corner[1] - corner[2]).max() > 80


def test_a_picture_that_came_up_before_the_window_counts_from_its_start(tmp_path: Path) -> None:
    clip = make_video(
        tmp_path / "v.mp4", cards((0, GREY), (60, RED), size=(320, 180)), times=(0.0, 0.1, 60.0, 60.1)
    )
    found, _ = made(clip, plan(10.0, 20.0, start=10.0, end=30.0))
    assert [one.time for one in found] == [10.0]


def test_a_window_with_no_picture_gives_none(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "v.mp4", cards((0, GREY)), seconds=3)
    assert made(clip, plan(50.0, 60.0)) == ([], 0)

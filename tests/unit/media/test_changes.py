"""When something inside a box came up, told from the change times that come with a picture."""

from pathlib import Path

import numpy as np
import pytest
from tests.media_truth import RED, WHITE, Pixels, card, make_video

from kinoscribe.media.changes import CELL, came_up
from kinoscribe.media.pieces import Picture, ReadPlan
from kinoscribe.media.reading import read

TITLE, SCORE, FIELD = (0.1, 0.1, 0.3, 0.1), (0.6, 0.1, 0.1, 0.1), (0.0, 0.5, 1.0, 0.5)


def match(time: float) -> Pixels:
    """A title from the start, a score that comes up at 3.0 s and changes at 6.4 s, a field that moves all the time."""
    picture = card(RED)
    picture[180:] = np.random.default_rng(round(time * 10)).integers(60, 180, (180, 640, 3))
    picture[40:60, 70:250] = WHITE
    if time >= 3.0:
        picture[40:60, 400:420] = WHITE
    if time >= 6.4:
        picture[40:60, 425:445] = WHITE
    return picture


def pictures(path: Path) -> list[Picture]:
    return [piece for piece in read(path, ReadPlan(), 64_000_000) if isinstance(piece, Picture)]


def test_each_part_of_a_lively_picture_is_dated_on_its_own(tmp_path: Path) -> None:
    found = pictures(make_video(tmp_path / "v.mp4", match, seconds=10))
    first = next(p for p in found if p.time >= 3.0)
    second = next(p for p in found if p.time >= 6.4)
    assert came_up(first, SCORE, 0.0) == pytest.approx(3.0, abs=0.01)
    assert came_up(second, SCORE, first.time) == pytest.approx(6.4, abs=0.01)
    assert came_up(second, TITLE, first.time) is None
    assert came_up(second, FIELD, first.time) == pytest.approx(second.time, abs=0.5)


@pytest.mark.parametrize("turned", [90, -90, 180])
def test_the_box_is_one_of_the_upright_picture(turned: int, tmp_path: Path) -> None:
    def paint(time: float) -> Pixels:
        picture = card(RED)
        if time >= 3.0:
            picture[:90, :160] = WHITE
        return picture

    found = pictures(make_video(tmp_path / "v.mp4", paint, seconds=6, rotation=turned))[-1]
    left, top = {90: (0.0, 0.75), -90: (0.75, 0.0), 180: (0.75, 0.75)}[turned]
    assert came_up(found, (left, top, 0.25, 0.25), 0.0) == pytest.approx(3.0, abs=0.01)
    assert came_up(found, (0.75 - left, 0.75 - top, 0.2, 0.2), 0.0) is None


def test_a_picture_without_change_times_tells_nothing() -> None:
    assert came_up(Picture(1.0, 1.0, 2, 2, bytes(12)), (0, 0, 1, 1), 0.0) is None


@pytest.mark.parametrize("box", [(-1.0, -1.0, 5.0, 5.0), (0.999, 0.999, 0.0, 0.0), (2.0, 2.0, 1.0, 1.0)])
def test_boxes_beyond_the_picture_are_brought_inside(box: tuple[float, float, float, float]) -> None:
    cells = np.full((90, 160), 4.0, CELL)
    found = came_up(Picture(5.0, 5.0, 2, 2, bytes(12), cells.tobytes(), 160), box, 1.0)
    assert found in (4.0, None)

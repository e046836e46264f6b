"""A reference picture is found where it stands, in whatever size, and nowhere else."""

import cv2
import numpy as np
import pytest
from tests.unit.evidence.drawn import Pixels, compressed, logo, page, put, texture

from kinoscribe.evidence.picture_match import Look, Match, Reference

LOGOS = ("ring", "arrow", "cross")


def find(reference: Pixels, picture: Pixels) -> Match | None:
    return Reference("r", reference).find(Look(picture))


@pytest.mark.parametrize("kind", LOGOS)
@pytest.mark.parametrize("width", [60, 130, 260])
def test_a_flat_logo_is_found_at_its_place_in_any_size(kind: str, width: int) -> None:
    match = find(logo(kind), put(page(3), logo(kind), 410, 120, width))
    assert match is not None
    assert match.box.left * 854 == pytest.approx(410, abs=0.2 * width + 6)
    assert match.box.top * 480 == pytest.approx(120, abs=0.2 * width + 6)
    assert match.box.width * 854 == pytest.approx(width, rel=0.25)


@pytest.mark.parametrize("kind", LOGOS)
def test_another_logo_is_not_taken_for_it(kind: str) -> None:
    for other in LOGOS:
        if other != kind:
            assert find(logo(kind), put(page(5), logo(other), 200, 150, 160)) is None


def test_the_same_drawing_in_other_colours_is_another_logo() -> None:
    painted = logo("cross")
    painted[..., :3] = painted[..., [2, 0, 1]]
    assert find(logo("cross"), put(page(1), painted, 200, 100, 150)) is None


def test_a_logo_that_lacks_a_detail_is_another_logo() -> None:
    bare = logo("ring")
    cv2.circle(bare, (100, 100), 50, (20, 90, 200, 255), -1)
    assert find(logo("ring"), put(page(2), bare, 300, 100, 150)) is None


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_found_on_pages_without_it(seed: int) -> None:
    ground = compressed(page(seed))
    for kind in LOGOS:
        assert find(logo(kind), ground) is None
    assert find(texture(seed + 50), ground) is None


def test_a_drawing_on_white_paper_is_found_on_other_grounds() -> None:
    paper = np.full((220, 300, 4), 255, np.uint8)
    drawn = logo("ring", 160)
    inside = drawn[..., 3] > 0
    paper[30:190, 60:220][inside] = drawn[inside]
    match = find(paper, put(page(4), drawn, 500, 200, 140))
    assert match is not None
    assert match.box.left * 854 == pytest.approx(500, abs=30)


def test_a_rich_picture_is_found_turned_and_in_perspective() -> None:
    reference = texture(7)
    corners = np.array([[0, 0], [320, 0], [320, 240], [0, 240]], np.float32)
    placed = np.array([[250, 100], [560, 150], [540, 380], [230, 330]], np.float32)
    bent = cv2.getPerspectiveTransform(corners, placed)
    ground = page(8)
    warped = cv2.warpPerspective(reference, bent, (854, 480))
    inside = warped[..., 3] > 127
    ground[inside] = warped[..., :3][inside]
    match = find(reference, compressed(ground))
    assert match is not None
    assert match.box.left * 854 == pytest.approx(230, abs=15)


def test_a_rich_picture_is_told_from_another() -> None:
    assert find(texture(7), put(page(8), texture(9), 200, 100, 320)) is None


def test_a_picture_of_one_colour_is_found_nowhere() -> None:
    plain = np.full((80, 80, 4), 255, np.uint8)
    assert find(plain, compressed(page(1))) is None
    assert find(np.zeros((50, 50, 4), np.uint8), compressed(page(1))) is None

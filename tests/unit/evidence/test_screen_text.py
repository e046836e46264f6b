"""Lines read picture by picture become texts with a beginning and an end; what is not text is not believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.evidence.screen_text import Line, ScreenReader, believed, best_reading, likeness, role_of
from kinoscribe.evidence.trail import Trail
from kinoscribe.notes import Box

TITLE = Box(0.1, 0.1, 0.5, 0.08)
LOWER = Box(0.05, 0.85, 0.4, 0.05)


def line(text: str, box: Box = TITLE, score: float = 0.97) -> Line:
    return Line(text, score, box)


def read(*pictures: tuple[float, float, list[Line]], cuts: tuple[float, ...] = (), end: float = 30.0) -> list:
    reader = ScreenReader()
    for time, since, lines in pictures:
        reader.feed(time, since, lines)
    return [(t.text, t.start, t.end) for t in reader.finish(cuts, 0.0, end)]


def test_a_text_stands_from_the_change_that_brought_it_to_the_change_that_took_it() -> None:
    shown = [line("Coffee prices climb", LOWER)]
    assert read((0.0, 0.0, []), (5.0, 4.5, shown), (9.0, 4.5, shown), (12.0, 11.5, [])) == [
        ("Coffee prices climb", 4.5, 11.5)
    ]


def test_a_cut_between_two_pictures_is_where_texts_come_and_go() -> None:
    assert read((2.0, 0.0, [line("One")]), (6.0, 5.9, [line("Another one")]), cuts=(5.8,)) == [
        ("One", 0.0, 5.8),
        ("Another one", 5.8, 30.0),
    ]


def test_readings_of_one_line_become_one_text_with_the_best_reading() -> None:
    readings = ["Loss of meadows", "Loss of mead0ws", "Loss of meadows"]
    found = read(*((float(n), float(n), [line(text, score=0.7)]) for n, text in enumerate(readings)))
    assert found == [("Loss of meadows", 0.0, 30.0)]


def test_another_digit_is_another_text() -> None:
    first, second = line("LIONS 0 - 0 WOLVES", LOWER), line("LIONS 1 - 0 WOLVES", LOWER)
    assert read((0.0, 0.0, [first]), (9.0, 8.9, [second])) == [
        ("LIONS 0 - 0 WOLVES", 0.0, 8.9),
        ("LIONS 1 - 0 WOLVES", 8.9, 30.0),
    ]


def test_a_text_missed_once_is_still_the_same_text() -> None:
    shown = [line("PEPPER THE CAT")]
    assert read((0.0, 0.0, shown), (2.0, 2.0, []), (4.0, 4.0, shown), (6.0, 5.5, []), (7.0, 5.5, [])) == [
        ("PEPPER THE CAT", 0.0, 5.5)
    ]


def test_a_text_that_comes_again_is_noted_again() -> None:
    shown, away = [line("ZEPHYR")], []
    found = read((0.0, 0.0, shown), (4.0, 3.0, away), (8.0, 8.0, away), (12.0, 11.0, shown))
    assert found == [("ZEPHYR", 0.0, 3.0), ("ZEPHYR", 11.0, 30.0)]


def test_a_moving_text_is_one_text() -> None:
    places = [Box(0.2 + 0.05 * n, 0.6, 0.2, 0.1) for n in range(6)]
    assert len(read(*((float(n), float(n), [line("SUMMIT", box)]) for n, box in enumerate(places)))) == 1


def trail(changed_at: int, box: Box) -> Trail:
    frames = np.full((20, 36, 64), 90, np.uint8)
    rows = slice(int(box.top * 36), int((box.top + box.height) * 36) + 1)
    frames[changed_at:, rows, int(box.left * 64) : int((box.left + box.width) * 64)] = 140
    return Trail(np.arange(20) / 10, frames)


def test_the_frames_between_two_pictures_tell_when_a_text_came_and_went() -> None:
    reader = ScreenReader()
    reader.feed(0.0, 0.0, [])
    reader.feed(1.9, 0.0, [line("Storm", LOWER)], trail(7, LOWER))
    reader.feed(3.8, 1.9, [], Trail(trail(12, LOWER).times + 1.9, trail(12, LOWER).frames))
    [text] = reader.finish((), 0.0, 9.0)
    assert (text.start, text.end) == (pytest.approx(0.7), pytest.approx(3.1))


def test_a_line_in_whose_place_nothing_moved_is_the_same_however_it_is_read() -> None:
    still = Trail(np.arange(20) / 10, np.full((20, 36, 64), 90, np.uint8))
    reader = ScreenReader()
    for number, text in enumerate(["Wed 18:38", "Wed 1º:39", "Wed 18:38"]):
        reader.feed(float(number), 0.0, [line(text)], still)
    assert [t.text for t in reader.finish((), 0.0, 9.0)] == ["Wed 18:38"]


@pytest.mark.parametrize(
    ("text", "score", "box"),
    [
        ("X", 0.99, Box(0.5, 0.5, 0.15, 0.2)),
        ("H", 0.9, Box(0.4, 0.05, 0.2, 0.9)),
        ("大", 0.6, Box(0.7, 0.0, 0.03, 0.03)),
        ("OLE", 0.57, Box(0.5, 0.3, 0.05, 0.2)),
        ("noise", 0.4, TITLE),
        ("●", 0.99, TITLE),
        ("tall", 0.99, Box(0.4, 0.1, 0.05, 0.6)),
    ],
)
def test_shapes_that_look_like_letters_are_not_believed(text: str, score: float, box: Box) -> None:
    assert believed([Line(text, score, box)]) == []


@pytest.mark.parametrize("text", ["5/5", "OK", "71:50", "Karl von Frisch", "東京駅の時刻表", "Le marché"])
def test_text_is_believed(text: str) -> None:
    assert believed([line(text, score=0.98)]) == [line(text, score=0.98)]


def test_the_reading_made_most_often_wins() -> None:
    readings = [line("Meadows", score=0.9), line("Mead0ws", score=0.95), line("Meadows", score=0.9)]
    assert best_reading(readings).text == "Meadows"


def test_place_and_size_tell_the_role() -> None:
    assert role_of(LOWER, 0.05) == "caption"
    assert role_of(TITLE, 0.08) == "headline"
    assert role_of(Box(0.1, 0.3, 0.4, 0.05), 0.08) == "body"


words = st.text("abcde01 ", max_size=12)


@given(words, words)
def test_likeness_is_a_share_and_has_no_direction(a: str, b: str) -> None:
    assert 0.0 <= likeness(a, b) <= 1.0
    assert likeness(a, b) == likeness(b, a)
    assert (likeness(a, b) == 1.0) == (a == b)


texts = st.sampled_from(["Alpha", "Bravo 1", "Bravo 2", "Charlie"])


@given(st.lists(st.lists(texts, unique=True, max_size=3), max_size=12))
def test_texts_lie_inside_the_video_and_every_line_is_in_one(pictures: list[list[str]]) -> None:
    reader = ScreenReader()
    for number, shown in enumerate(pictures):
        boxes = [Box(0.1, 0.1 + 0.2 * k, 0.5, 0.06) for k in range(3)]
        reader.feed(
            number * 2.0, number * 2.0 - 0.5, [line(t, b) for t, b in zip(shown, boxes, strict=False)]
        )
    found = reader.finish((), 0.0, 30.0)
    assert all(0.0 <= t.start <= t.end <= 30.0 for t in found)
    for number, shown in enumerate(pictures):
        standing = {t.text for t in found if t.start <= number * 2.0 <= t.end}
        assert set(shown) <= standing

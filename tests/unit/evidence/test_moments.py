"""What was seen in pictures is given a beginning and an end inside the video, at cuts where there are some."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.evidence.moments import Moments


def moments(*pictures: tuple[float, float]) -> Moments:
    made = Moments()
    for time, since in pictures:
        made.add(time, since)
    return made


def test_what_the_first_picture_shows_was_there_from_the_start() -> None:
    made = moments((2.0, 2.0), (5.0, 4.0))
    assert made.came_up(0, [], 0.0) == 0.0
    assert made.came_up(0, [1.5], 0.0) == 1.5
    assert made.came_up(1, [], 0.0) == 4.0


def test_a_change_just_after_a_cut_is_the_cut_and_a_later_one_is_not() -> None:
    made = moments((2.0, 2.0), (6.0, 5.9), (9.0, 8.0))
    assert made.came_up(1, [5.8], 0.0) == 5.8
    assert made.came_up(2, [7.0], 0.0) == 8.0


def test_what_the_last_picture_shows_stays_to_the_end_or_to_the_cut() -> None:
    made = moments((2.0, 2.0), (5.0, 4.0))
    assert made.went(1, [], 9.0) == 9.0
    assert made.went(1, [7.0], 9.0) == 7.0
    assert made.went(0, [], 9.0) == 4.0
    assert made.went(0, [3.0], 9.0) == 3.0


steps = st.lists(st.tuples(st.floats(0.1, 5), st.floats(0, 6)), min_size=1, max_size=10)


@given(steps, st.lists(st.floats(0, 60), max_size=5), st.data())
def test_the_span_holds_the_picture_and_lies_inside_the_video(
    pictures: list[tuple[float, float]], cuts: list[float], data: st.DataObject
) -> None:
    made, now = Moments(), 0.0
    for step, back in pictures:
        now += step
        made.add(now, now - back)
    index = data.draw(st.integers(0, len(pictures) - 1))
    came, went = made.came_up(index, sorted(cuts), 0.0), made.went(index, sorted(cuts), now + 3)
    assert 0.0 <= came <= made.times[index] + 1e-6
    assert made.times[index] <= went <= now + 3

"""The one clock of a file: it runs forward through joined parts, and leaves meant gaps alone."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.media.timeline import Timeline


def clocks(timeline: Timeline, packets: list[tuple[int, float]], length: float = 0.04) -> list[float]:
    return [at + timeline.shift(track, at, length) for track, at in packets]


def test_times_without_a_jump_stay_as_they_are() -> None:
    packets = [(0, 3600.5 + n * 0.04) for n in range(100)]
    timeline = Timeline(joined=True)
    assert clocks(timeline, packets) == [at for _, at in packets]
    assert timeline.jumps == 0


def test_a_part_that_starts_over_is_set_behind_the_first() -> None:
    part = [1.4 + n * 0.04 for n in range(50)]
    timeline = Timeline(joined=True)
    times = clocks(timeline, [(0, at) for at in part + part])
    assert abs(times[50] - (times[49] + 0.04)) < 1e-9
    assert abs(times[-1] - times[0] - 99 * 0.04) < 1e-6
    assert timeline.jumps == 1


def test_both_tracks_take_the_same_step_when_they_jump_one_after_the_other() -> None:
    pictures = [(0, 1.40 + n * 0.04) for n in range(50)]
    sounds = [(1, 1.42 + n * 0.04) for n in range(49)]
    timeline = Timeline(joined=True)
    first = clocks(timeline, pictures + sounds)
    second = clocks(timeline, pictures + sounds)
    steps = {round(b - a, 6) for a, b in zip(first, second, strict=True)}
    assert len(steps) == 1
    assert timeline.jumps == 1


def test_a_leap_ahead_is_a_join_only_where_streams_are_joined_by_appending() -> None:
    leap = [(0, 0.0), (0, 0.04), (0, 500.0)]
    assert clocks(Timeline(joined=False), leap)[-1] == 500.0
    assert abs(clocks(Timeline(joined=True), leap)[-1] - 0.08) < 1e-9


def test_reordered_packets_are_no_jump() -> None:
    timeline = Timeline(joined=True)
    assert clocks(timeline, [(0, 0.0), (0, 0.12), (0, 0.04), (0, 0.08)]) == [0.0, 0.12, 0.04, 0.08]


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1e6)), max_size=60), st.booleans())
def test_no_track_is_ever_thrown_back_by_more_than_a_second(
    packets: list[tuple[int, float]], joined: bool
) -> None:
    timeline = Timeline(joined=joined)
    ends: dict[int, float] = {}
    for track, at in packets:
        time = at + timeline.shift(track, at, 0.5)
        assert time >= ends.get(track, time) - 5.0 - 1e-6
        ends[track] = time + 0.5

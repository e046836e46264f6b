"""However the stages of a task come, its progress goes from 0 to 1 and never back."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.expected import Expected
from kinoscribe.contract.events import Progress
from kinoscribe.tasks.progress import Course

LONG = Expected(evidence=100.0, answer=300.0)
STAGES = ("fetch", "probe", "look", "speech", "screen_text", "answer", "something new")
SEEN = st.builds(Progress, st.sampled_from(STAGES), st.none() | st.floats(-1, 2))


EXPECTED = st.none() | st.builds(Expected, st.floats(0.1, 1e6), st.floats(0.1, 1e6))


@given(st.lists(SEEN, max_size=30), EXPECTED)
def test_progress_never_goes_back_and_stays_between_0_and_1(
    seen: list[Progress], expected: Expected | None
) -> None:
    course, last = Course(("look", "speech")), 0.0
    course.expect(expected)
    for progress in seen:
        stage, done = course.see(progress)
        assert stage == progress.stage
        assert last <= done <= 1.0
        last = done


def test_each_stage_adds_its_share_and_the_end_of_the_answer_is_the_end() -> None:
    course = Course(("look", "speech"))
    shares = [
        course.see(Progress(stage, done))[1]
        for stage, done in (
            ("fetch", 0.0),
            ("fetch", 1.0),
            ("probe", 1.0),
            ("look", 0.5),
            ("speech", 0.5),
            ("look", 1.0),
            ("speech", 1.0),
            ("answer", 0.0),
            ("answer", 0.5),
        )
    ]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.2 < shares[4] < 0.6
    assert 0.7 < shares[6] < 1.0
    assert course.see(Progress("answer", 1.0)) == ("answer", 1.0)


def test_one_collector_at_its_end_is_not_all_of_them() -> None:
    one, both = Course(("look", "speech")), Course(("look", "speech"))
    for course in (one, both):
        course.see(Progress("look", 1.0))
    assert both.see(Progress("speech", 1.0))[1] > one.done


def test_evidence_at_hand_goes_straight_to_the_answer() -> None:
    course = Course(("look",))
    assert course.see(Progress("answer", 0.0))[1] >= 0.5
    assert course.see(Progress("answer", None)) == ("answer", course.done)


def seen(course: Course, *stages: tuple[str, float]) -> list[float]:
    return [course.see(Progress(stage, done))[1] for stage, done in stages]


def test_what_takes_three_times_as_long_gets_three_times_as_much_of_the_bar() -> None:
    course = Course(("look",))
    course.see(Progress("probe", 1.0))
    course.expect(LONG)
    collected, half, end = seen(course, ("look", 1.0), ("answer", 0.5), ("answer", 1.0))
    assert abs((end - collected) / (collected - 0.1) - 3.0) < 0.01
    assert abs(half - (collected + end) / 2) < 0.01
    assert end == 1.0


def test_windows_of_a_video_whose_evidence_is_at_hand_have_the_whole_bar() -> None:
    course = Course(("look",))
    course.see(Progress("probe", 1.0))
    course.expect(LONG)
    assert seen(course, ("answer", 0.0), ("answer", 0.5)) == [0.1, 0.55]


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_it_is_never_at_its_end_before_the_answer_is(done: float) -> None:
    course = Course(("look",))
    course.expect(LONG)
    assert max(seen(course, ("probe", 1.0), ("look", 1.0), ("answer", done))) < 1.0

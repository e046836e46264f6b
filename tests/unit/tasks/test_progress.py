"""However the stages of a task come, its progress goes from 0 to 1 and never back."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.events import Progress
from kinoscribe.tasks.progress import Course

STAGES = ("fetch", "probe", "look", "speech", "screen_text", "answer", "something new")
SEEN = st.builds(Progress, st.sampled_from(STAGES), st.none() | st.floats(-1, 2))


@given(st.lists(SEEN, max_size=30))
def test_progress_never_goes_back_and_stays_between_0_and_1(seen: list[Progress]) -> None:
    course, last = Course(("look", "speech")), 0.0
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

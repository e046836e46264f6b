"""Notes become lines with times, and keep within their number of tokens while telling of the end as well."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.evidence.brief import brief
from kinoscribe.notes import Notes, ScreenText, Sentence, Shot, Tag
from kinoscribe.tokens import count_tokens

SHORT = Notes(
    content="c",
    start=0.0,
    end=90.0,
    shots=(Shot(0.0, 62.0, "start"), Shot(62.0, 90.0)),
    speech=(Sentence(3.0, 5.0, "Coffee is getting more expensive."),),
    screen_text=(ScreenText(62.0, 70.0, "UP 18 PERCENT"),),
    tags=(Tag(1.0, 2.0, "cup", 0.9, 2, 3, "white"),),
)


def test_everything_is_told_under_its_heading_with_its_time() -> None:
    assert brief(SHORT).splitlines() == [
        "Shots:",
        "[00:00:00-00:01:02]",
        "[00:01:02-00:01:30]",
        "Speech:",
        "[00:00:03] Coffee is getting more expensive.",
        "Text on the screen:",
        "[00:01:02-00:01:10] UP 18 PERCENT",
        "Things seen (guesses):",
        "[00:00:01-00:00:02] white cup, at most 2 at once",
    ]


def test_nothing_perceived_is_an_empty_brief() -> None:
    assert brief(Notes(content="c", start=0.0, end=5.0)) == ""


@given(st.integers(0, 400), st.integers(60, 600))
def test_a_brief_keeps_within_its_tokens(sentences: int, most: int) -> None:
    speech = tuple(
        Sentence(float(n), n + 1.0, f"Sentence number {n} is said here.") for n in range(sentences)
    )
    text = brief(Notes(content="c", start=0.0, end=400.0, shots=SHORT.shots, speech=speech), most)
    assert count_tokens(text) <= most + 2


def test_a_brief_of_a_long_talk_tells_of_its_end() -> None:
    speech = tuple(Sentence(float(n), n + 1.0, f"Sentence number {n} is said here.") for n in range(2000))
    text = brief(Notes(content="c", start=0.0, end=2000.0, speech=speech), 1000)
    assert "[00:33:" in text or "[00:32:" in text

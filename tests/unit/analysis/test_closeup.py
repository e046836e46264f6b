"""The windows that matter for a question are chosen by what is known of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.closeup import pointed_at, told_of, worth_a_look
from kinoscribe.analysis.happenings import Happening
from kinoscribe.analysis.windows import Window
from kinoscribe.notes import Notes, ScreenText, Sentence, Tag

CUTS = [Window(n * 60.0, (n + 1) * 60.0) for n in range(12)]
TEXTS = [f"They speak of topic{n} in the kitchen." for n in range(12)]
TEXTS[4] += " A violin is tuned."
TEXTS[9] += " The violin plays with the orchestra of Vienna."


def test_the_windows_that_fit_best_come_in_the_order_of_time() -> None:
    assert worth_a_look("When is the violin in the orchestra?", CUTS, TEXTS) == [CUTS[4], CUTS[9]]
    assert worth_a_look("Where do we see Vienna?", CUTS, TEXTS) == [CUTS[9]]
    assert worth_a_look("What is it?", CUTS, TEXTS) == []


def test_a_time_that_is_named_is_looked_at_whatever_is_known_of_it() -> None:
    assert worth_a_look("What happens at 02:30?", CUTS, TEXTS) == [CUTS[2]]
    assert CUTS[2] in worth_a_look("Is the violin there at 02:30?", CUTS, TEXTS, most=1)
    assert pointed_at("What happens at 02:30?", CUTS, TEXTS) == [CUTS[2]]


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the violin and the orchestra.",
        "How often is a violin heard with an orchestra?",
        "List the scenes with a violin and an orchestra",
        "What happens after the orchestra and the violin?",
        "Is there a violin?",
        "What colour is the sofa in the lobby?",
        "What do they speak of in the kitchen?",
    ],
)
def test_a_question_about_the_whole_or_about_what_nobody_has_heard_of_points_nowhere(question: str) -> None:
    assert pointed_at(question, CUTS, TEXTS) == []


def test_the_evidence_points_at_the_few_windows_that_share_telling_words() -> None:
    assert pointed_at("What does the violin do with the orchestra?", CUTS, TEXTS) == [CUTS[4], CUTS[9]]
    assert pointed_at("What is played in Vienna?", CUTS, TEXTS) == [CUTS[9]]
    assert pointed_at('Who says "topic7"?', CUTS, TEXTS) == [CUTS[7]]


@given(st.text(max_size=40), st.lists(st.text(max_size=30), max_size=12), st.integers(1, 4))
def test_never_more_windows_than_wanted_and_always_in_order(
    question: str, texts: list[str], most: int
) -> None:
    cuts = CUTS[: len(texts)]
    for chosen in (worth_a_look(question, cuts, texts, most), pointed_at(question, cuts, texts, most)):
        assert len(chosen) <= most
        assert chosen == sorted(chosen, key=lambda window: window.start)
        assert set(chosen) <= set(cuts)


def test_all_that_is_known_of_a_window_is_searched() -> None:
    notes = Notes(
        "ab",
        0.0,
        60.0,
        speech=(Sentence(1.0, 2.0, "Heard."), Sentence(50.0, 52.0, "Too late.")),
        screen_text=(ScreenText(1.0, 2.0, "Read."),),
        tags=(Tag(1.0, 2.0, "dog", 0.9, colour="brown"),),
    )
    told = told_of(notes, Window(0.0, 30.0), [Happening(0.0, 5.0, "Seen", who="Ada")])
    assert all(word in told for word in ("Heard.", "Read.", "brown dog", "Seen", "Ada"))
    assert "Too late" not in told

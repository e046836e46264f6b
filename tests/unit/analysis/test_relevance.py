"""Texts are ranked by the words they share with a question; rare words count for more than common ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.relevance import named_times, names, relevances, terms

TEXTS = [
    "Welcome to the show. Today we talk about cars.",
    "The engine of this car has twelve cylinders and sounds loud.",
    "Now we are cooking soup with carrots.",
    "Goodbye and thank you for watching the show.",
]


def best(question: str, texts: list[str] = TEXTS) -> int:
    scores = [one.score for one in relevances(question, texts)]
    return scores.index(max(scores))


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("How many cylinders does the engine have?", 1),
        ("What is being cooked?", 2),
        ("Which vegetable goes into the soup? A carrot?", 2),
        ("Who says GOODBYE", 3),
    ],
)
def test_the_text_that_knows_is_found(question: str, place: int) -> None:
    assert best(question) == place


def test_a_language_without_spaces_is_compared_as_well() -> None:
    assert best("太阳能是什么", ["今天的天气很好", "我们来谈太阳能的未来", "再见"]) == 1
    assert best("солнечная энергия", ["погода", "о солнечной и энергия ветра", "пока"]) == 1


def test_words_that_everybody_uses_say_nothing() -> None:
    assert terms("What is the thing that you see in this video?") == []
    assert all(one.score == 0.0 for one in relevances("What is it?", TEXTS))


def test_the_forms_of_a_word_are_one_word() -> None:
    for forms in (("run", "runs", "running"), ("make", "making"), ("carry", "carries", "carried")):
        assert len({terms(form)[0] for form in forms}) == 1, forms


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    texts = ["car red", "car blue", "car green", "unicorn"]
    scores = [one.score for one in relevances("car unicorn", texts)]
    assert scores[3] > 2 * max(scores[:3])


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=6))
def test_any_text_gets_a_score_and_none_without_a_shared_word(question: str, texts: list[str]) -> None:
    found = relevances(question, texts)
    assert len(found) == len(texts)
    assert all(one.score >= 0.0 for one in found)
    assert all((one.score > 0.0) == bool(one.words) for one in found)


def test_clock_times_are_read_and_ratios_are_not() -> None:
    assert named_times("What is at 12:30 and at 1:02:03?") == (750.0, 3723.0)
    assert named_times("Is it 16:9, or 4:3?") == ()
    assert named_times("minute 83:20") == (5000.0,)


def test_names_numbers_and_quotations_stand_for_one_thing() -> None:
    assert names('What does Anna say? The word "solar" in room b12.') == {"anna", "solar", "b12"}
    assert names("What happens? Nothing at all.") == frozenset()

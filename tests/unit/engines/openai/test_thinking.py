"""Thoughts before an answer are dropped, and nothing else is, however the text is cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe.engines.openai.thinking import Thoughts


def answer(parts: list[str], *, inside: bool = False) -> str:
    thoughts = Thoughts(inside=inside)
    return "".join(thoughts.take(part) for part in parts) + thoughts.rest()


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


CUTS = st.lists(st.integers(0, 200), max_size=12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>a dog?</think>A dog.", "A dog."),
        ("\n<think>\na < b </thin k></think>\n\n A dog. <think>", "A dog. <think>"),
        ("<think></think>A", "A"),
        ("<think>a</think>\n<think>b</think>\nA dog.", "A dog."),
        ("A dog <think>no</think>.", "A dog <think>no</think>."),
        ("<thinking about it", "<thinking about it"),
        ("<thi", "<thi"),
        ("  ", "  "),
        ("", ""),
        ("<think>never ends", ""),
        ("<think>a</think>", ""),
        ("<think>a</think> \n ", ""),
    ],
)
@settings(deadline=None)
@given(places=CUTS)
def test_what_is_said_after_thoughts_is_the_answer(text: str, said: str, places: list[int]) -> None:
    assert answer(cut(text, places)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a dog?</think>\n\nA dog.", "A dog."),
        ("<think>a dog?</think>A dog.", "A dog."),
        ("A dog without any thoughts.", "A dog without any thoughts."),
        ("<think>never ends", ""),
        ("</think>A", "A"),
    ],
)
@settings(deadline=None)
@given(places=CUTS)
def test_thoughts_that_nothing_opens_are_dropped_where_they_are_expected(
    text: str, said: str, places: list[int]
) -> None:
    assert answer(cut(text, places), inside=True) == said


@settings(deadline=None)
@given(st.text(), CUTS)
def test_a_text_without_thoughts_is_left_as_it_is(text: str, places: list[int]) -> None:
    if not text.lstrip().startswith("<think>"):
        assert answer(cut(text, places)) == text


def test_thoughts_without_end_are_not_kept() -> None:
    thoughts = Thoughts()
    thoughts.take("<think>")
    for _ in range(100):
        assert thoughts.take("x" * 10_000) == ""
    assert thoughts.take("</thi") == ""
    assert thoughts.take("nk>A dog.") == "A dog."


def test_what_was_only_taken_for_thoughts_is_said_when_it_goes_on_and_on() -> None:
    thoughts = Thoughts(inside=True)
    said = "".join(thoughts.take("word " * 1_000) for _ in range(100))
    assert len(said) == 500_000

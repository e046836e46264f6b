"""Words become sentences where one ends, where a speaker falls silent, and not after a title."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.evidence.sentences import sentences
from kinoscribe.notes import Word


def said(text: str, gap_before: str = "") -> list[Word]:
    words, now = [], 0.0
    for part in text.split():
        now += 2.0 if part == gap_before else 0.1
        words.append(Word(now, now + 0.3, f" {part}", 0.9))
        now += 0.3
    return words


def test_a_sentence_ends_with_its_mark() -> None:
    found = list(sentences(said("It is open. Is it? Yes! We go"), "en"))
    assert [s.text for s in found] == ["It is open.", "Is it?", "Yes!", "We go"]
    assert found[0].words[0] == Word(0.1, 0.4, "It", 0.9)
    assert found[0].end == found[0].words[-1].end


def test_titles_initials_and_numbers_do_not_end_one() -> None:
    assert [s.text for s in sentences(said("Mr. J. Dashwood paid 19.50 here."), "en")] == [
        "Mr. J. Dashwood paid 19.50 here."
    ]


def test_a_long_silence_ends_one() -> None:
    assert [s.text for s in sentences(said("one two three", gap_before="three"), None)] == [
        "one two",
        "three",
    ]


@given(st.lists(st.sampled_from(["a", "b.", "Mr.", "c?", "d"]), max_size=120))
def test_no_word_is_lost_and_none_is_said_twice(parts: list[str]) -> None:
    found = list(sentences(said(" ".join(parts)), "en"))
    assert [w.text for s in found for w in s.words] == parts
    assert all(len(s.words) <= 45 for s in found)

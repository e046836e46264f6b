"""A pattern that is accepted is one for which a text is known."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.patterns import compiles, examples, matcher


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        (r"^[A-Z]{2}\d{4}$", "AA0000"),
        (r"^\S+@\S+\.\S+$", "a@a.a"),
        (r"^(foo|bar)-\d+$", "foo-0"),
        (r"^#[0-9a-fA-F]{6}$", "#aaaaaa"),
        (r"^[^a-z]$", "0"),
        (r"^(\w)x\1$", "axa"),
        (r"^(?<year>\d{4})\/(?:x|y)$", "0000/x"),
        (r"^\p{Lu}\P{L}$", "A0"),
        (r"^\u0041\x42\u{43}\t\.$", "ABC\t."),
        (r"^[\d.\-]$", "0"),
        (r"^[]a]|b$", None),
        (r"^.{5,10}$", "aaaaa"),
        (r"^a{2}?b*$", "aa"),
        (r"\bfoo\b", "foo"),
        (r"^[-+]?\d+$", "0"),
        ("", ""),
        ("^$", ""),
        ("{", None),
    ],
)
def test_the_first_example_is_the_shortest(pattern: str, first: str | None) -> None:
    assert next(examples(pattern), None) == first


def test_examples_grow_where_the_pattern_lets_them() -> None:
    lengths = [len(text) for text in examples(r"^[a-z]+$")]
    assert lengths == sorted(lengths)
    assert lengths[-1] >= 60


@pytest.mark.parametrize(
    "pattern",
    [r"(?=a)b", r"(?<!a)b", "$^a", "a{1000}", "[[:alpha:]]", r"\cA", "(" * 60 + ")" * 60, "a" * 2000],
)
def test_no_example_is_made_up_for_what_cannot_be_read_or_matched(pattern: str) -> None:
    assert list(examples(pattern)) == []


@pytest.mark.parametrize("pattern", ["[", "(", "a**", r"\p{Nothing}", "(?<a", "*"])
def test_what_is_no_expression_is_told_apart(pattern: str) -> None:
    assert not compiles(pattern)
    assert list(examples(pattern)) == []


def test_a_search_that_would_take_for_ever_ends_as_no_match() -> None:
    assert not matcher(r"^(?:(a+)+)\1$")("a" * 50 + "b")


@given(st.from_regex(r"[a-c\[\]().|*+?{},0-9^$\\wd-]{0,14}", fullmatch=True))
def test_every_example_is_found_by_another_reader_of_expressions(pattern: str) -> None:
    for text in examples(pattern):
        assert matcher(pattern)(text)
        try:
            assert re.search(pattern, text) is not None
        except (re.error, FutureWarning):
            return

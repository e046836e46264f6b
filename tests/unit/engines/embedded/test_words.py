import pytest

from kinoscribe.engines.embedded.numbers import numbers, read_digits
from kinoscribe.engines.embedded.times import clock, hms, read_clocks, say_length, span
from kinoscribe.engines.embedded.words import alike, edits, fold, guess_language, sentences, stem, tokens


def test_words_keep_decimals_together_and_hyphens_apart() -> None:
    assert [t.text for t in tokens("It costs $19.50, twenty-two days, it's 9:30.")] == [
        "It", "costs", "$", "19.50", "twenty", "two", "days", "it's", "9:30",
    ]  # fmt: skip


def test_scripts_without_spaces_give_one_token_a_character() -> None:
    assert [t.text for t in tokens("東京 is")] == ["東", "京", "is"]


def test_sentences_do_not_end_at_an_abbreviation() -> None:
    assert sentences("Mr. Smith came. He left!") == ["Mr. Smith came.", "He left!"]


def test_british_american_and_irregular_forms_share_a_stem() -> None:
    assert stem("colour") == stem("colors")
    assert stem("rose") == stem("rises")
    assert stem("katzen", "de") == stem("katze", "de")


def test_a_misread_word_is_like_the_right_one_and_a_short_one_is_not() -> None:
    assert alike("okoro", "okoru")
    assert not alike("cat", "car")
    assert edits("kitten", "sitting", 9) == 3


def test_folding_drops_accents_case_and_marks() -> None:
    assert fold("São JORGE!") == "sao jorge"


@pytest.mark.parametrize(
    ("text", "language"),
    [("the cat is on the table", "en"), ("el mercado abre el lunes y hay pan", "es"), ("ALPHA", None)],
)
def test_the_small_words_tell_the_language(text: str, language: str | None) -> None:
    assert guess_language(text) == language


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("twenty two million dollars", 22e6),
        ("one hundred and eighty degrees", 180),
        ("eighteen ninety two", 1892),
        ("two thousand frogs", 2000),
        ("1,200 people", 1200),
        ("2,5 Liter", 2.5),
        ("three point one four", 3.14),
        ("$5 million", 5e6),
    ],
)
def test_numbers_are_worth_what_they_say(text: str, value: float) -> None:
    assert numbers(tokens(text))[0].value == value


def test_a_clock_and_a_year_are_known_as_such() -> None:
    assert numbers(tokens("at 7:40"))[0].clock == (7, 40)
    assert numbers(tokens("seven forty"))[0].clock == (7, 40)
    assert numbers(tokens("in 1973"))[0].year_like
    assert not numbers(tokens("two thousand of them"))[0].year_like


def test_digits_with_separators_are_read() -> None:
    assert read_digits("1.234.567") == 1_234_567
    assert read_digits("0.5") == 0.5


def test_times_are_written_as_people_write_them() -> None:
    assert clock(65.9) == "1:05"
    assert clock(3725) == "1:02:05"
    assert span(10.0, 10.4) == "0:10"
    assert span(10, 75) == "0:10–1:15"
    assert hms(65.5) == "00:01:05"
    assert hms(65.5, thousandths=True) == "00:01:05.500"
    assert say_length(85) == "1 minute 25 seconds"
    assert read_clocks("from 1:05 to 01:00:02.5") == [65.0, 3602.5]

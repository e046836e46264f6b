"""The meter lets through the longest beginning that fits, whatever way the text was cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.meter import Meter
from kinoscribe.tokens import count_tokens, cut_to_tokens

SEPARATING = " \n\t\r!\"#$%&'()*+,-./:;<=>?@\\^_`{|}~、。！，？㐀漢字"
TEXTS = st.text(alphabet=st.sampled_from("ab .,\n\té漢㐀\u0301\ufe0f한カ😀unbelievable"), max_size=60)


def meter(most: int) -> Meter:
    return Meter(most, count_tokens, cut_to_tokens)


def test_text_that_fits_passes_whole() -> None:
    one = meter(100)
    assert one.take("Hello ") + one.take("world.") == "Hello world."
    assert one.tokens == count_tokens("Hello world.")
    assert not one.full


def test_text_that_does_not_fit_is_cut_at_a_token_and_nothing_follows() -> None:
    one = meter(2)
    assert one.take("one two three") == "one two"
    assert one.full
    assert one.take("four") == ""
    assert one.tokens == 2


def test_a_word_that_arrives_in_two_halves_is_counted_as_one() -> None:
    one = meter(100)
    one.take("unbel")
    one.take("ievable ")
    assert one.tokens == count_tokens("unbelievable ")


@given(st.lists(TEXTS, max_size=12), st.integers(0, 40))
def test_never_more_tokens_than_allowed_and_never_other_text(pieces: list[str], most: int) -> None:
    one = meter(most)
    sent = "".join(one.take(piece) for piece in pieces)
    whole = "".join(pieces)
    assert whole.startswith(sent)
    assert count_tokens(sent) == one.tokens <= most
    assert one.full or sent == whole


@given(st.lists(TEXTS, max_size=12))
def test_a_text_with_room_is_counted_exactly(pieces: list[str]) -> None:
    one = meter(10_000)
    for piece in pieces:
        one.take(piece)
    assert one.tokens == count_tokens("".join(pieces))


@given(st.text(max_size=40))
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    """By this it is known without counting that a text fits."""
    assert count_tokens(text) <= len(text.encode())


@given(
    st.lists(st.sampled_from([*"漢字 a.,\u0301\u0338ßİ한ｶ𝅘𝅥𝅮ﬃ", "SEP]", "[SEP"]), max_size=20),
    st.integers(0, 20),
    st.sampled_from(SEPARATING),
)
def test_after_what_separates_words_counting_begins_anew(letters: list[str], place: int, last: str) -> None:
    before = "".join(letters[:place]) + last
    after = "".join(letters[place:])
    assert count_tokens(before) + count_tokens(after) == count_tokens(before + after)


def test_a_long_answer_is_counted_a_few_times_and_not_with_every_piece() -> None:
    for piece in ("word ", "字", "ха、", "a:1,", "x"):
        counted = 0

        def count(text: str) -> int:
            nonlocal counted
            counted += len(text)
            return count_tokens(text)

        one = Meter(1_000, count, cut_to_tokens)
        sent = "".join(one.take(piece) for _ in range(1_500))
        assert counted < 20 * len(sent), piece


def test_a_word_without_an_end_is_one_token_whatever_comes_behind_it() -> None:
    assert count_tokens("x" * 200) == count_tokens("x" * 5_000) == 1
    for size in (150, 199, 200, 201, 5_000):
        one = meter(260)
        sent = "".join(one.take(piece) for piece in ["x"] * size + ["y z. ", "one two three"])
        assert sent == "x" * size + "y z. one two three"
        assert one.tokens == count_tokens(sent) == 6


def test_a_word_that_falls_apart_as_it_grows_takes_no_more_tokens_than_are_left() -> None:
    one = meter(1)
    assert one.take("unbelievable") == "unbelievable"
    assert count_tokens("unbelievablex") > 1
    assert one.take("x") == ""
    assert one.full

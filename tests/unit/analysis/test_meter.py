"""The meter lets through the longest beginning that fits, whatever way the text was cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.analysis.meter import Meter
from kinoscribe.tokens import count_tokens, cut_to_tokens

TEXTS = st.text(alphabet=st.sampled_from("ab .,\n\té漢😀unbelievable"), max_size=60)


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

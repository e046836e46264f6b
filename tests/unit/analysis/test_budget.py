"""Pictures, evidence, words and answer always fit the context together, however small it is."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.analysis.pretended import FACTS

from kinoscribe.analysis.budget import (
    Budget,
    answer_room,
    fitting,
    longest_look,
    padded,
    picture_tokens,
    room,
    share_out,
    window_side,
)
from kinoscribe.engines.engine import Sight

CONTEXTS = st.integers(0, 1_100_000)


@given(CONTEXTS, st.integers(0, 300_000), st.integers(1, 98_304), st.floats(1, 7200))
def test_the_shares_never_exceed_what_is_left_beside_the_words(
    context: int, words: int, answer: int, seconds: float
) -> None:
    budget = share_out(context, words, answer, seconds)
    assert min(budget.frames, budget.evidence, budget.answer) >= 0
    assert budget.answer <= answer
    assert budget.frames + budget.evidence + budget.answer <= room(context, words)
    assert room(context, words) + padded(words) <= max(context, padded(words))


def test_the_usual_context_gives_pictures_the_most() -> None:
    budget = share_out(32_768, 20, 4_096, 60.0)
    assert budget.evidence == 2_000
    assert budget.answer == 4_096
    assert budget.frames > 25_000


def test_a_small_context_has_room_for_everything() -> None:
    budget = share_out(4_096, 20, 4_096, 60.0)
    assert budget.answer > 500
    assert budget.evidence > 500
    assert budget.frames > 1_500


def test_longer_stretches_get_more_evidence() -> None:
    shares = [share_out(131_072, 20, 4_096, seconds).evidence for seconds in (60.0, 300.0, 900.0)]
    assert shares == [2_000, 2_000, 6_000]


def test_a_text_is_given_a_quarter_more_than_was_counted() -> None:
    assert padded(1_000) == 1_250
    assert room(10_000, 1_000) <= 10_000 - 1_250 - 300


@given(st.integers(0, 10_000))
def test_a_text_that_was_made_to_fit_does(tokens: int) -> None:
    assert padded(fitting(tokens)) <= tokens


@given(CONTEXTS, st.integers(0, 10_000), st.integers(0, 100_000), st.integers(1, 98_304))
def test_an_answer_always_has_some_room(context: int, words: int, looked: int, wanted: int) -> None:
    most = answer_room(context, words, looked, wanted)
    assert 1 <= most <= wanted
    assert most == 1 or padded(words) + looked + most <= context


def test_a_picture_is_counted_at_a_size_that_is_not_dear() -> None:
    patches = Sight(100, 1_280, lambda width, height: -(-width // 28) * -(-height // 28))
    assert 60 <= picture_tokens(patches, FACTS) <= 128
    same = Sight(100, 1_280, lambda width, height: 576)
    assert picture_tokens(same, FACTS) == 576
    assert picture_tokens(Sight(100, 100, lambda width, height: 9), FACTS) == 9
    assert picture_tokens(Sight(100, 500, lambda width, height: 0), FACTS) == 1


def test_a_look_is_as_long_as_its_pictures_reach() -> None:
    sight = Sight(50, 448, lambda width, height: 100)
    assert longest_look(Budget(20_000, 2_000, 1_000), sight, FACTS, 0.0) == 100.0
    many = Sight(1_000, 448, lambda width, height: 100)
    assert longest_look(Budget(20_000, 2_000, 1_000), many, FACTS, 0.0) == 400.0
    assert longest_look(Budget(0, 0, 0), many, FACTS, 0.0) == 20.0


def test_without_pictures_a_look_is_as_long_as_its_evidence_fits() -> None:
    blind = Sight(0, 448, lambda width, height: 100)
    assert longest_look(Budget(8_000, 2_000, 1_000), blind, FACTS, 4.0) == 2_000.0
    assert longest_look(Budget(8_000, 2_000, 1_000), blind, FACTS, 0.0) == 80_000.0


PATCHES = Sight(1_000, 768, lambda width, height: -(-width // 28) * -(-height // 28) + 12)


def test_windows_of_a_small_context_get_smaller_pictures_where_that_saves_tokens() -> None:
    assert [window_side(context, PATCHES) for context in (4_096, 8_192, 32_768)] == [256, 320, 768]
    same = Sight(100, 768, lambda width, height: 576)
    assert window_side(4_096, same) == 768
    tiny = Sight(100, 128, PATCHES.tokens)
    assert window_side(4_096, tiny) == 128


def test_smaller_pictures_make_longer_windows() -> None:
    budget = share_out(4_096, 110, 1_200, 300.0)
    small = replace(PATCHES, max_side=window_side(4_096, PATCHES))
    assert longest_look(budget, small, FACTS, 0.0) > 1.5 * longest_look(budget, PATCHES, FACTS, 0.0)

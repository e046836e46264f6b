"""Tokens are counted, and what an account counts again is remembered for it alone."""

import pytest

from kinoscribe import tokens
from kinoscribe.tokens import count_again, count_tokens


def test_what_is_counted_again_is_counted_once_for_each_account(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def counting(text: str) -> int:
        counted.append(text)
        return count_tokens(text)

    monkeypatch.setattr(tokens, "count_tokens", counting)
    text = "A dog jumps over the fence, twice."
    found = [count_again(text, whose) for whose in ("ann", "ann", "bob", "ann", "bob")]
    assert found == [count_tokens(text)] * 5
    assert counted == [text, text]


def test_many_texts_do_not_pile_up() -> None:
    for number in range(200):
        count_again(f"the text of number {number}", "ann")
    assert count_again.cache_info().currsize <= 64

"""Counts tokens and cuts text at a number of tokens, with the tokenizer that is bundled with the package.

The vocabulary is the uncased BERT WordPiece of all-MiniLM-L6-v2 (Apache-2.0, see NOTICE). It is used for every
engine that does not count for itself.
"""

from functools import cache, lru_cache
from importlib.resources import files

from tokenizers import Tokenizer

# Texts whose count is remembered; the longest are as long as a model's context.
_KEPT = 64


def count_tokens(text: str) -> int:
    """The number of tokens in `text`."""
    return len(_tokenizer().encode(text, add_special_tokens=False).ids) if text else 0


@lru_cache(maxsize=_KEPT)
def count_again(text: str, whose: str) -> int:
    """The same, remembered: for text that comes again with the next question of the same account.

    `whose` stands for the account, so that no account learns by the time of it what another one's text was.
    """
    return count_tokens(text)


def cut_to_tokens(text: str, most: int) -> tuple[str, int]:
    """The longest beginning of `text` that has at most `most` tokens, and its number of tokens."""
    if most <= 0:
        return "", 0
    encoded = _tokenizer().encode(text, add_special_tokens=False)
    if len(encoded.ids) <= most:
        return text, len(encoded.ids)
    offsets = encoded.offsets
    while most and offsets[most][0] < offsets[most - 1][1]:  # some characters are several tokens
        most -= 1
    return text[: offsets[most - 1][1]] if most else "", most


@cache
def _tokenizer() -> Tokenizer:
    kept = files("kinoscribe").joinpath("data/tokenizer.json").read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(kept)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

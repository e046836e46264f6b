"""Turns pieces of text into the part of them that fits a number of tokens, counting as it goes.

Only the text after the last white space is counted again when more arrives: a word may become one token when
its second half comes, but white space always separates tokens.
"""

from collections.abc import Callable

_SPACES = " \n\t\r"


class Meter:
    """Lets text through until `most` tokens are used. `full` says that something was cut off."""

    def __init__(
        self,
        most: int,
        count: Callable[[str], int],
        cut: Callable[[str, int], tuple[str, int]],
    ) -> None:
        self._most = most
        self._count = count
        self._cut = cut
        self._settled = 0
        self._tail = ""
        self._tail_tokens = 0
        self.full = False

    @property
    def tokens(self) -> int:
        return self._settled + self._tail_tokens

    def take(self, text: str) -> str:
        """The part of `text` that may be sent; empty once the meter is full."""
        if self.full or not text:
            return ""
        whole = self._tail + text
        tokens = self._count(whole)
        if self._settled + tokens > self._most:
            self.full = True
            kept, tokens = self._cut(whole, self._most - self._settled)
            if len(kept) < len(self._tail):
                return ""
            sent = kept[len(self._tail) :]
            self._tail, self._tail_tokens = kept, tokens
            return sent
        self._settle(whole, tokens)
        return text

    def _settle(self, whole: str, tokens: int) -> None:
        last = max(whole.rfind(space) for space in _SPACES)
        self._tail = whole[last + 1 :]
        self._tail_tokens = self._count(self._tail) if self._tail else 0
        self._settled += tokens - self._tail_tokens

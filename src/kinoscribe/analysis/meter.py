"""Turns pieces of text into the part of them that fits a number of tokens, counting as seldom as it can.

A token stands for a byte at least, so that text need not be counted as long as its bytes would fit as tokens. Only the
last word is counted again when more arrives: it may become one token when its second half comes, while white space,
punctuation and ideographs always separate tokens.
"""

import re
from collections.abc import Callable

# Square brackets are left out: the tokenizer has marks such as [SEP].
_SETTLED = re.compile(
    r".*[ \n\t\r!-/:-@\\^-`{-~\u3001\u3002\uff01\uff0c\uff1f\u3400-\u4dbf\u4e00-\u9fff]", re.DOTALL
)
# A word of letters that is longer than this is one token, however long it is.
_LONGEST_WORD = 200


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
        # The tokens of what is settled, and the parts of the text behind it. In one, for other threads may ask.
        self._known: tuple[int, list[str]] = (0, [])
        self._room = most
        self.full = False

    @property
    def tokens(self) -> int:
        settled, parts = self._known
        return settled + self._count("".join(parts))

    def take(self, text: str) -> str:
        """The part of `text` that may be sent; empty once the meter is full."""
        if self.full or not text:
            return ""
        size = _bytes(text)
        if size <= self._room:
            self._room -= size
            self._known[1].append(text)
            return text
        tail = self._settle()
        whole = tail + text
        settled = self._known[0]
        tokens = self._count(whole)
        if settled + tokens > self._most:
            self.full = True
            kept, _ = self._cut(whole, self._most - settled)
            if len(kept) < len(tail):
                return ""
            self._known = (settled, [kept])
            return kept[len(tail) :]
        self._known = (settled, [whole])
        self._settle()
        return text

    def _settle(self) -> str:
        """Counts what will not change any more; what is left behind it."""
        settled, parts = self._known
        text = "".join(parts)
        if found := _SETTLED.match(text):
            settled += self._count(text[: found.end()])
            text = text[found.end() :]
        if len(text) > _LONGEST_WORD and text.isascii() and text.isalnum():
            text = text[:_LONGEST_WORD]
        self._known = (settled, [text])
        self._room = self._most - settled - _bytes(text)
        return text


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))

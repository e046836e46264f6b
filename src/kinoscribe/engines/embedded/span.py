"""A phrase of a text that can answer a kind of question, and how one is cut out."""

from dataclasses import dataclass

from kinoscribe.engines.embedded.words import Token


@dataclass(frozen=True, slots=True)
class Span:
    """A phrase of a text (`start` and `end` are places of characters) and what kind of answer it is."""

    kind: str
    start: int
    end: int
    text: str
    value: float | None = None


def phrase(
    text: str, words: list[Token], first: int, last: int, kind: str, value: float | None = None
) -> Span:
    return Span(kind, words[first].start, words[last].end, text[words[first].start : words[last].end], value)


def low_word(words: list[Token], at: int) -> str:
    return words[at].low if 0 <= at < len(words) else ""


def beside(text: str, words: list[Token], at: int) -> bool:
    """Whether the next token belongs to the same phrase: only spaces or a hyphen between."""
    if at + 1 >= len(words):
        return False
    return text[words[at].end : words[at + 1].start].strip() in ("", "-")

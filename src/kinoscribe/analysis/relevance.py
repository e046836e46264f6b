"""Ranks texts, one for each window of a video, by how much they have to say about a question."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

# The usual constants of BM25 (Robertson and Zaragoza, 2009).
_SATURATION, _BY_LENGTH = 1.2, 0.75
_WORD = re.compile(r"[^\W_]+")
# Scripts that put no spaces between words are compared by pairs of signs.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?![\d:])")
_QUOTED = re.compile('"([^"]{2,80})"|\u201c([^\u201d]{2,80})\u201d|\u00ab([^\u00bb]{2,80})\u00bb')
_NUMBERED = re.compile(r"\b[^\W_]*\d[^\W_]*\b")
# A capital letter that does not merely begin a sentence.
_NAME = re.compile(r"(?<![.!?:]\s)(?<=\s)[A-Z][^\W_]+")
_ENDINGS = ("ings", "ing", "edly", "ied", "ies", "ed", "es", "ly", "s")
_SHORTEST_STEM = 3
_COMMON = frozenset(
    "a about after again all also am an and any are as at be been before being but by can clip could did do does "
    "during each else ever every exactly find for from give had has have he her here him his how i if in into is "
    "it its just know like list long many may me moment more most much must my name named no not now of on one "
    "only or other our out over part people person please point said same say says scene second see seen segment "
    "she should show shown shows so some tell than that the their them then there these they thing things this "
    "those time timestamp to under until up us very video want was we were what when where which while who whom "
    "whose why will with would yes you your der die das und ist ein eine wie was wo wer wann warum le la les des "
    "un une et est que qui quoi quand comment pourquoi el los las una es cuando como donde por".split()
)


@dataclass(frozen=True, slots=True)
class Relevance:
    """How well a text fits a question, and which of the question's words it holds."""

    score: float
    words: frozenset[str]


def terms(text: str) -> list[str]:
    """The words of a text that say something, cut back to their stems."""
    found = [_stem(w) for w in _WORD.findall(_UNSPACED.sub(" ", text.casefold())) if w not in _COMMON]
    pairs = [run[i : i + 2] for run in _UNSPACED.findall(text) for i in range(max(1, len(run) - 1))]
    return found + pairs


def relevances(question: str, texts: Sequence[str]) -> list[Relevance]:
    """One for each text, in their order. A text that shares no word with the question has the score 0."""
    wanted = set(terms(question))
    bags = [Counter(terms(text)) for text in texts]
    sizes = [sum(bag.values()) for bag in bags]
    mean = max(1.0, sum(sizes) / max(1, len(sizes)))
    seen_in = {word: sum(word in bag for bag in bags) for word in wanted}
    return [
        Relevance(
            sum(_weight(bag[word], seen_in[word], len(bags), size / mean) for word in wanted),
            frozenset(word for word in wanted if bag[word]),
        )
        for bag, size in zip(bags, sizes, strict=True)
    ]


def names(question: str) -> frozenset[str]:
    """The words of a question that stand for one thing: in quotation marks, with digits, or written as names are."""
    told = [a or b or c for a, b, c in _QUOTED.findall(question)] + _NUMBERED.findall(question)
    return frozenset(word for one in [*told, *_NAME.findall(question)] for word in terms(one))


def named_times(question: str) -> tuple[float, ...]:
    """The seconds that a question names as clock times (`12:30`, `1:02:03`), in its order."""
    return tuple(
        int(hours or 0) * 3600.0 + int(minutes) * 60.0 + int(seconds)
        for hours, minutes, seconds in _CLOCK.findall(question)
    )


def _weight(count: int, seen_in: int, texts: int, length: float) -> float:
    rarity = math.log(1.0 + (texts - seen_in + 0.5) / (seen_in + 0.5))
    bound = _SATURATION * (1.0 - _BY_LENGTH + _BY_LENGTH * length)
    return rarity * count * (_SATURATION + 1.0) / (count + bound)


def _stem(word: str) -> str:
    """The word without what grammar adds to it; the same for `run`, `runs`, `running`, for `make` and `making`."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM and word.endswith("e") else word

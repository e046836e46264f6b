"""Turns a run of words with times into sentences, split where one ends or a speaker falls silent."""

import re
from collections.abc import Iterable, Iterator, Sequence

from kinoscribe.notes import Sentence, Word

_SILENCE = 1.0
_LONGEST = 45
_ENDS = re.compile(r"[.!?。！？…]+[\"'”’)\]]*$")
_NOT_AN_END = re.compile(
    r"^(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|No|Inc|Ltd|Co|Gen|Col|Sen|Rep|Gov|Mt|etc|e\.g|i\.e|approx)\.$"
)


def sentences(words: Iterable[Word], language: str | None) -> Iterator[Sentence]:
    """Sentences of the words, in order. Their text keeps the spacing that the words bring."""
    taken: list[Word] = []
    for word in words:
        if taken and (word.start - taken[-1].end > _SILENCE or len(taken) >= _LONGEST):
            yield _sentence(taken, language)
            taken = []
        taken.append(word)
        if _ENDS.search(word.text.strip()) and not _NOT_AN_END.match(word.text.strip()):
            yield _sentence(taken, language)
            taken = []
    if taken:
        yield _sentence(taken, language)


def _sentence(words: Sequence[Word], language: str | None) -> Sentence:
    text = "".join(word.text for word in words).strip()
    clean = tuple(Word(w.start, w.end, w.text.strip(), w.probability) for w in words)
    confidence = sum(w.probability for w in words) / len(words)
    return Sentence(words[0].start, words[-1].end, text, clean, language, round(confidence, 3))

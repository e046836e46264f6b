"""Turns text on the screen into the names that the speech recogniser is told to expect."""

import threading
from collections.abc import Iterable

from kinoscribe.evidence.screen_text import Line

MOST_WORDS = 40
_SHORTEST = 4
_LEAST_SCORE = 0.9


class Vocabulary:
    """Words picture by picture. What a listener gets depends on how many pictures it names, never on the moment."""

    def __init__(self) -> None:
        self._pictures: list[tuple[str, ...]] = []
        self._closed = False
        self._changed = threading.Condition()

    def note(self, lines: Iterable[Line]) -> None:
        """The lines of the next picture."""
        self.remember(tuple(dict.fromkeys(names(lines))))

    def remember(self, words: tuple[str, ...]) -> None:
        """The words of the next picture, known before."""
        with self._changed:
            self._pictures.append(words)
            self._changed.notify_all()

    @property
    def pictures(self) -> list[tuple[str, ...]]:
        """The words of each picture so far."""
        with self._changed:
            return list(self._pictures)

    def close(self) -> None:
        """No more pictures will come; nobody waits any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def after(self, pictures: int) -> str:
        """The words that came up last in the first `pictures` pictures, once they have been read.

        They end with a full stop: the recogniser goes on in the manner of what it is told.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._pictures) >= pictures)
            seen = dict.fromkeys(word for words in self._pictures[:pictures] for word in words)
        latest = list(seen)[-MOST_WORDS:]
        return ", ".join(latest) + "." if latest else ""


def names(lines: Iterable[Line]) -> Iterable[str]:
    """Words written with a capital, as names are; those all in capitals are written like names."""
    for line in lines:
        if line.score < _LEAST_SCORE:
            continue
        for word in line.text.split():
            bare = word.strip(".,:;!?()[]\"'“”‘’●•")
            if len(bare) >= _SHORTEST and bare.isalpha() and bare[0].isupper():
                yield bare.capitalize() if bare.isupper() else bare

"""Tells the languages of short texts apart, by their small words and by letters that few languages have."""

from collections.abc import Iterable

from kinoscribe.engines.embedded.lexicon import STOP
from kinoscribe.engines.embedded.words import tokens

# A letter is worth as much as a small word where it is at home, less where it is only at times met.
_LETTERS = {
    "es": {"ñ": 1.0, "¿": 1.0, "¡": 1.0, "á": 0.5, "í": 0.5, "ó": 0.5, "ú": 0.5, "é": 0.15},
    "fr": {"ç": 0.7, "è": 0.7, "ê": 1.0, "é": 0.7, "œ": 1.0, "à": 0.4, "ù": 0.5, "î": 1.0},
    "de": {"ß": 1.0, "ä": 0.8, "ö": 0.8, "ü": 0.8},
    "it": {"ò": 0.8, "ì": 0.8, "ù": 0.5, "à": 0.4, "è": 0.4},
    "pt": {"ã": 1.0, "õ": 1.0, "ç": 0.5, "á": 0.3, "ê": 0.4, "é": 0.2},
}
_CLEAR = 0.35  # by so much the best must be ahead of the second


def language_of(text: str, among: Iterable[str] = ()) -> str | None:
    """The language of a text, or None when two are as likely. Those `among` which it is expected are favoured."""
    expected = set(among)
    words = [t.low for t in tokens(text)]
    letters = text.lower()
    scores = {
        code: sum(word in stops for word in words)
        + sum(worth * min(2, letters.count(letter)) for letter, worth in _LETTERS.get(code, {}).items())
        + 0.1 * (code in expected)
        for code, stops in STOP.items()
    }
    ranked = sorted(scores, key=lambda code: -scores[code])
    first, second = ranked[0], ranked[1]
    return first if scores[first] >= 1.0 and scores[first] - scores[second] >= _CLEAR else None

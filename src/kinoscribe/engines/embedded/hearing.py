"""Spells names in speech as the screen spells them, where a name heard and a name read sound alike."""

import re
from collections.abc import Iterable
from functools import lru_cache

from kinoscribe.engines.embedded.lexicon import MONTHS, WEEKDAYS
from kinoscribe.engines.embedded.words import edits, is_stop, tokens
from kinoscribe.notes import ScreenText

_NAME = re.compile(r"\b[A-ZÀ-Þ][\w'’-]+(?:\s+(?:[A-ZÀ-Þ][\w'’-]+|von|van|de|der|da|di))*")
_SOUNDS = str.maketrans("cqzvj", "kksfg", "hw")
_VOWELS = frozenset("aeiouy")


def names_on_screen(texts: Iterable[ScreenText]) -> tuple[str, ...]:
    """Names as lines on the screen spell them: runs of one to four capitalised words."""
    found: dict[str, None] = {}
    for text in texts:
        if text.text.isupper() and len(text.text.split()) > 2:
            continue
        for match in _NAME.finditer(text.text):
            words = [t for t in tokens(match.group()) if not is_stop(t.low, "en")]
            if 1 <= len(words) <= 4 and sum(len(w.text) for w in words) >= 5:
                found.setdefault(match.group().title() if match.group().isupper() else match.group())
    return tuple(found)


def respelled(text: str, names: tuple[str, ...], known: frozenset[str]) -> str:
    """The sentence with the names of the screen. `known` are words that the screen spells as they were heard."""

    def spell(match: re.Match[str]) -> str:
        heard = match.group()
        low = heard.lower()
        if low in known or low in WEEKDAYS or low in MONTHS or is_stop(low, "en") or len(heard) < 4:
            return heard
        alike = [name for name in names if name.lower() != low and sounds_alike(heard, name)]
        return min(alike, key=lambda n: (edits(low, n.lower(), 9), n)) if alike else heard

    opening = _NAME.match(text)
    if opening and " " not in opening.group():
        return text[: opening.end()] + _NAME.sub(spell, text[opening.end() :])
    return _NAME.sub(spell, text)


@lru_cache(maxsize=16384)
def sounds_alike(a: str, b: str) -> bool:
    """The same consonants in the same order, and few letters apart."""
    x, y = a.lower().replace(" ", ""), b.lower().replace(" ", "")
    return sound(x) == sound(y) and len(sound(x)) > 1 and edits(x, y, 3) <= 1 + max(len(x), len(y)) // 4


def sound(word: str) -> str:
    """The consonants of a word, those that sound alike made equal, the first sound kept."""
    plain = word.lower().replace("ph", "f").replace("ck", "k").replace("sch", "s").replace("sh", "s")
    plain = plain.translate(_SOUNDS)
    kept = "".join(c for c in plain if c not in _VOWELS and c.isalpha())
    first = "a" if plain[:1] in _VOWELS else ""
    return first + re.sub(r"(.)\1+", r"\1", kept)

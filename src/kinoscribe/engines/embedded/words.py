"""Splits text of any language into words, sentences and stems, and says which words carry no meaning."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from kinoscribe.engines.embedded.lexicon import IRREGULAR, LANGUAGES, SPELLING, STOP

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*\d*|[$€£¥₹%°]")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"”’')\]]*\s+(?=[^\s])")
_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:mr|mrs|ms|dr|prof|st|no|vs|e\.g|i\.e|approx|inc|jr|sr|[a-z])\.$", re.I
)

_STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

_ALL_STOPS = frozenset().union(*STOP.values())


@dataclass(frozen=True, slots=True)
class Token:
    """A word as written, with its place in the text."""

    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.lower().replace("’", "'")


def tokens(text: str) -> list[Token]:
    """The words of a text in order. Scripts without spaces give one token a character."""
    found: list[Token] = []
    for match in _WORD.finditer(text):
        word = match.group()
        if _WIDE.search(word):
            found += [Token(c, match.start() + i, match.start() + i + 1) for i, c in enumerate(word)]
        else:
            found.append(Token(word, match.start(), match.end()))
    return found


def sentences(text: str) -> list[str]:
    """Splits at sentence ends, not after common abbreviations and initials."""
    parts: list[str] = []
    for part in _SENTENCE_END.split(text.strip()):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {part}"
        elif part:
            parts.append(part)
    return parts


def language_code(language: str | None) -> str:
    return (language or "en").lower().replace("_", "-").split("-")[0]


def is_stop(word: str, language: str | None = None) -> bool:
    """Whether a lower-case word only joins others. Without a language, in any of the languages known."""
    if language is None:
        return word in _ALL_STOPS
    return word in STOP.get(language_code(language), _ALL_STOPS)


@lru_cache(maxsize=65536)
def stem(word: str, language: str = "en") -> str:
    """The stem of a lower-case word, equal for British and American spelling."""
    word = word.replace("’", "'")
    if language == "en":
        word = word.removesuffix("'s").removesuffix("'")
        word = SPELLING.get(word, word)
        word = _positive(IRREGULAR.get(word, word))
    name = _STEMMERS.get(language)
    if name is None or not word.isalpha():
        return word
    return str(_stemmer(name).stemWord(word))


def _positive(word: str) -> str:
    """`heaviest` and `heavier` become `heavy`; what only looks like it changes alike everywhere."""
    if len(word) > 5 and word.endswith("iest"):
        return word[:-4] + "y"
    if len(word) > 5 and word.endswith("ier"):
        return word[:-3] + "y"
    return word[:-3] if len(word) > 6 and word.endswith("est") else word


@lru_cache(maxsize=32)
def _stemmer(name: str) -> snowballstemmer.basestemmer.BaseStemmer:
    return snowballstemmer.stemmer(name)


def fold(text: str) -> str:
    """Lower case without accents and punctuation, for comparing what is written."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    return " ".join(t.text for t in tokens(plain))


def content_words(text: str, language: str | None = None) -> list[str]:
    """Lower-case words that carry meaning, in order."""
    return [
        t.low for t in tokens(text) if not is_stop(t.low, language) and (len(t.text) > 1 or t.text.isdigit())
    ]


def edits(a: str, b: str, most: int) -> int:
    """The edit distance of two short strings, or `most` + 1 when it is larger."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        now = [i]
        for j, y in enumerate(b, 1):
            now.append(min(before[j] + 1, now[-1] + 1, before[j - 1] + (x != y)))
        if min(now) > most:
            return most + 1
        before = now
    return min(before[-1], most + 1)


def alike(a: str, b: str) -> bool:
    """Whether two words may be one, misheard or misread: few edits for their length."""
    if a == b:
        return True
    longest = max(len(a), len(b))
    most = 0 if longest < 5 else 1 if longest < 8 else 2
    return most > 0 and a[:1] == b[:1] and edits(a, b, most) <= most


LANGUAGE_CODES = {name.lower(): code for code, name in LANGUAGES.items()}


def language_name(code: str | None) -> str:
    return LANGUAGES.get(language_code(code), code or "unknown")


def guess_language(text: str) -> str | None:
    """The language whose small words a text is full of, or None when there are too few of them."""
    words = [t.low for t in tokens(text)]
    counts = {language: sum(w in stops for w in words) for language, stops in STOP.items()}
    best = max(counts, key=lambda language: counts[language])
    second = max(count for language, count in counts.items() if language != best)
    return best if counts[best] >= 2 and counts[best] > second else None

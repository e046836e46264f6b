"""Finds numbers in running text, written in digits or in English words, and says what they are worth."""

from dataclasses import dataclass

from kinoscribe.engines.embedded.lexicon import FOREIGN_NUMBERS, NUMBER_WORDS, ORDINAL_WORDS, TENS_WORDS
from kinoscribe.engines.embedded.words import Token

_SMALL = {word: value for value, word in enumerate(NUMBER_WORDS)}
_TENS = {word: 10 * value for value, word in enumerate(TENS_WORDS, 2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "dozen": 12}
_SCALE_SIGNS = {"k": 1_000, "m": 1_000_000, "bn": 1_000_000_000}
ORDINALS = {word: value for value, word in enumerate(ORDINAL_WORDS, 1)}


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two token places (`last` is included). `digits` tells how it was written."""

    first: int
    last: int
    value: float
    digits: bool
    year_like: bool = False
    clock: tuple[int, int] | None = None


def is_number_word(word: str) -> bool:
    return word in _SMALL or word in _TENS or word in _SCALES or word in FOREIGN_NUMBERS


def numbers(words: list[Token]) -> list[Number]:
    """Every number in order; `a`, `half` and ordinals are not taken for numbers."""
    found: list[Number] = []
    at = 0
    while at < len(words):
        number = _digits(words, at) or _spoken(words, at)
        if number is None:
            at += 1
        else:
            found.append(number)
            at = number.last + 1
    return found


def _digits(words: list[Token], at: int) -> Number | None:
    text = words[at].text
    if not text[0].isdigit() or not text.isascii():
        return None
    last, clock = at, None
    if ":" in text:
        parts = text.split(":")
        if len(parts) in (2, 3) and int(parts[0][:9]) < 25 and all(len(part) == 2 for part in parts[1:]):
            clock = (int(parts[0]), int(parts[1]))
        value = 0.0
    else:
        value = read_digits(text)
    follower = words[at + 1].low if at + 1 < len(words) else ""
    if follower in _SCALES and follower != "hundred":
        value, last = value * _SCALES[follower], at + 1
    elif follower in _SCALE_SIGNS and words[at + 1].start == words[at].end:
        value, last = value * _SCALE_SIGNS[follower], at + 1
    year = len(text) == 4 and text.isdigit() and 1000 <= value <= 2100 and last == at
    return Number(at, last, value, True, year, clock)


def read_digits(text: str) -> float:
    """The worth of digits with thousands separators or a decimal sign: `1,200` is 1200, `2,5` is 2.5."""
    text = text.replace(":", "")
    heads = text.replace(".", ",").split(",")
    grouped = (
        len(heads) > 1 and all(len(h) == 3 for h in heads[1:]) and len(heads[0]) <= 3 and heads[0] != "0"
    )
    if grouped and (text.count(",") == 0 or text.count(".") == 0):
        return float("".join(heads)[:300])
    if len(heads) == 2:
        return float(f"{heads[0][:300]}.{heads[1][:300]}")
    return float("".join(heads)[:300])


def _spoken(words: list[Token], at: int) -> Number | None:
    if words[at].low in FOREIGN_NUMBERS:
        return Number(at, at, float(FOREIGN_NUMBERS[words[at].low]), False)
    if not is_number_word(words[at].low) or words[at].low in (
        "hundred",
        "thousand",
        "million",
        "billion",
        "dozen",
    ):
        return None
    groups: list[int] = []  # what was said piece by piece: "eighteen", "ninety two"
    total, current, last = 0, 0, at
    scaled = False
    place = at
    previous = ""
    while place < len(words):
        word = words[place].low
        if place > last + 1 or (place > at and not _joined(words, last, place)):
            break
        if word in _SMALL or word in _TENS:
            value = _SMALL.get(word, _TENS.get(word, 0))
            if previous in _TENS and word in _SMALL and 0 < value < 10:
                current += value
                groups[-1] += value
            elif previous and not scaled:
                groups.append(value)
                current = current * (100 if value >= 10 or current >= 10 else 10) + value
            else:
                groups.append(value)
                current += value
            last, previous = place, word
        elif word in _SCALES and previous:
            scaled = True
            size = _SCALES[word]
            if size in (100, 12):
                current = max(current, 1) * size
            else:
                total, current = total + max(current, 1) * size, 0
            last, previous = place, word
        elif (
            word == "and"
            and scaled
            and place + 1 < len(words)
            and words[place + 1].low in {**_SMALL, **_TENS}
        ):
            last, place = place, place + 1
            continue
        elif word == "point" and place + 1 < len(words) and words[place + 1].low in _SMALL and not groups[1:]:
            return _with_point(words, at, place, float(total + current))
        else:
            break
        place += 1
    year = len(groups) == 2 and not scaled and 10 <= groups[0] <= 21 and 10 <= groups[1] <= 99
    year = year or (scaled and total + current in range(2001, 2100))
    clock = None
    if len(groups) == 2 and not scaled and 1 <= groups[0] <= 24 and groups[1] < 60 and groups[1] >= 5:
        clock = (groups[0], groups[1])
    return Number(at, last, float(total + current), False, year, clock)


def _joined(words: list[Token], last: int, place: int) -> bool:
    """Whether two tokens stand side by side: a space or a hyphen between them, no comma or full stop."""
    return 0 <= words[place].start - words[last].end <= 1


def _with_point(words: list[Token], at: int, point: int, whole: float) -> Number:
    last, digits = point, ""
    while last + 1 < len(words) and words[last + 1].low in _SMALL and _SMALL[words[last + 1].low] < 10:
        last += 1
        digits += str(_SMALL[words[last].low])
    return Number(at, last, float(f"{int(whole)}.{digits}"), False)


def say(value: float) -> str:
    """A small whole number in words, others in digits."""
    if value == int(value):
        whole = int(value)
        for word, worth in _SMALL.items():
            if worth == whole and whole <= 12:
                return word
        return f"{whole:,}"
    return f"{value:g}"

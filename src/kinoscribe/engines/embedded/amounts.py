"""Finds numbers with what they count: money, percent, time, length, weight, things."""

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded.numbers import Number, numbers
from kinoscribe.engines.embedded.span import Span, beside, low_word, phrase
from kinoscribe.engines.embedded.words import Token, is_stop

_APPROXIMATE = frozenset(
    ["about", "around", "almost", "nearly", "over", "under", "roughly", "approximately", "least", "most"]
)


def _with_about(words: list[Token], first: int) -> int:
    if low_word(words, first - 1) in _APPROXIMATE:
        return first - 2 if low_word(words, first - 2) in ("at", "more", "less") else first - 1
    if low_word(words, first - 1) == "than" and low_word(words, first - 2) in ("more", "less"):
        return first - 2
    if low_word(words, first - 1) == "to" and low_word(words, first - 2) == "up":
        return first - 2
    return first


def amounts(text: str, words: list[Token]) -> list[Span]:
    """Every number with what it counts: money, percent, duration, length, weight, a plain count or number."""
    found: list[Span] = []
    for n in numbers(words):
        found.append(_amount(text, words, n))
    for at, word in enumerate(words):
        if word.low == "free" and low_word(words, at - 1) in (
            "is",
            "are",
            "for",
            "completely",
            "totally",
            "absolutely",
        ):
            found.append(phrase(text, words, at, at, "money", 0.0))
        following = low_word(words, at + 1)
        if (
            word.low in ("a", "an", "half")
            and following in lex.DURATION_UNITS
            and following not in ("second",)
        ):
            if word.low == "half" or (
                low_word(words, at - 1) not in ("times", "per") and _lasts(low_word(words, at - 1))
            ):
                found.append(phrase(text, words, at, at + 1, "duration", 1.0))
        elif (
            word.low == "half" and following in ("a", "an") and low_word(words, at + 2) in lex.DURATION_UNITS
        ):
            found.append(phrase(text, words, at, at + 2, "duration", 0.5))
    return found


def _per_time(words: list[Token], at: int) -> bool:
    return low_word(words, at) in ("an", "a", "per") and low_word(words, at + 1) in lex.DURATION_UNITS


def _counted(low: str) -> bool:
    """Whether a word may be the plural noun of `three large eggs`."""
    return low.endswith("s") and low.isalpha() and not is_stop(low, "en") and low not in lex.FUNCTION_VERBS


def _lasts(before: str) -> bool:
    """Whether `a day` after this word is a length of time and not a rate (`three times a day`)."""
    return before in (
        "takes",
        "take",
        "took",
        "for",
        "in",
        "within",
        "about",
        "lasts",
        "last",
        "lasted",
        "after",
        "than",
        "only",
        "over",
        "nearly",
        "almost",
        "another",
        "and",
        "",
    )


def _amount(text: str, words: list[Token], n: Number) -> Span:
    first, last, kind = n.first, n.last, "number"
    after = low_word(words, last + 1) if beside(text, words, last) else ""
    if first > 0 and words[first - 1].text in lex.CURRENCY_SIGNS:
        first, kind = first - 1, "money"
    elif after in lex.CURRENCY_SIGNS or after in lex.CURRENCY_WORDS:
        last, kind = last + 1, "money"
        tail = numbers(words[last + 1 : last + 3])
        if tail and tail[0].first == 0 and tail[0].value < 100 and beside(text, words, last):
            last += 1 + tail[0].last
            if low_word(words, last + 1) in ("cents", "pence"):
                last += 1
    elif after in ("%", "percent", "pct") or (after == "per" and low_word(words, last + 2) == "cent"):
        last, kind = last + (2 if after == "per" else 1), "percent"
    elif after in ("point", "points"):
        last, kind = last + 1, "count"
    elif after in lex.DURATION_UNITS:
        last, kind = last + 1, "duration"
        if (
            low_word(words, last + 1) == "and"
            and low_word(words, last + 2) in ("a",)
            and low_word(words, last + 3) == "half"
        ):
            last += 3
    elif after in lex.MEASURE_UNITS or after == "°":
        last += 1
        kind = "length" if after in lex.LENGTH_UNITS else "weight" if after in lex.WEIGHT_UNITS else "measure"
        if after == "°" and low_word(words, last + 1) in ("c", "f"):
            last += 1
        if low_word(words, last + 1) in ("celsius", "fahrenheit"):
            last += 1
        elif after in lex.LENGTH_UNITS and _per_time(words, last + 1):
            last, kind = last + 2, "speed"
        if after in ("mph", "kmh", "knots"):
            kind = "speed"
    elif n.clock and n.digits:
        kind = "clock"
    elif n.year_like:
        kind = "year"
    elif after and after.isalpha() and not is_stop(after, "en") and after not in ("am", "pm", "o'clock"):
        kind, last = "count", last + 1
        if beside(text, words, last) and not after.endswith("s") and _counted(low_word(words, last + 1)):
            last += 1
    first = _with_about(words, first)
    return phrase(text, words, first, last, kind, n.value)

"""Finds phrases that say when: days, dates, clock times, years, seasons."""

import re

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded.numbers import Number, numbers
from kinoscribe.engines.embedded.span import Span, beside, low_word, phrase
from kinoscribe.engines.embedded.words import Token, is_stop, tokens

_HOURS = re.compile(
    r"\bfrom (\d{1,2}(?::\d{2})?|[a-z]{3,6}) (?:a\.?m\.? |p\.?m\.? )?(?:to|until"
    r"|till) (?:\d{1,2}(?::\d{2})?|one|two|three|four|five|six|seven|eight|nine|ten"
    r"|eleven|twelve|noon|midnight)\b",
    re.I,
)
_DATE = re.compile(
    r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[ T]+\d{1,2}:\d{2}(?::\d{2})?)?\b"
)


def moments(text: str, words: list[Token]) -> list[Span]:
    """Phrases that say when: days, dates, clock times, years, seasons; neighbours are one phrase."""
    marks = [False] * len(words)
    linkers = [False] * len(words)
    by_place = {n.first: n for n in numbers(words)}
    covered: set[int] = set()
    for at, word in enumerate(words):
        low = word.low
        if (
            low in lex.WEEKDAYS
            or low.rstrip("s") in lex.WEEKDAYS
            or low in lex.RELATIVE_DAYS
            or low in ("weekend", "weekends")
        ):
            marks[at] = True
        elif low in lex.DAY_PARTS or low in lex.SEASONS:
            marks[at] = _calendar(words, at)
        elif low in lex.MONTHS and (word.text[0].isupper() or low not in ("march", "may")):
            marks[at] = low not in ("march", "may") or _dated(words, at, by_place)
        elif (
            low == "century"
            and at
            and (
                low_word(words, at - 1) in lex.ORDINAL_WORDS or words[at - 1].low in ("th", "st", "rd", "nd")
            )
        ):
            marks[at] = marks[at - 1] = True
            if words[at - 1].low in ("th", "st", "rd", "nd") and at > 1:
                marks[at - 2] = True
        elif low in ("week", "month", "year", "weekend", "century", "decade") and low_word(words, at - 1) in (
            "next", "last", "this", "every", "each",
        ):  # fmt: skip
            marks[at] = marks[at - 1] = True
        elif low in ("o'clock", "am", "pm") or (low in ("a", "p") and low_word(words, at + 1) == "m"):
            for back in range(max(0, at - 2), at):
                marks[back] = marks[back] or back in by_place or back in covered
            marks[at] = True
            if low in ("a", "p"):
                marks[at + 1] = True
        number = by_place.get(at)
        if number is not None:
            covered.update(range(number.first, number.last + 1))
            if (
                (
                    number.year_like
                    or (
                        number.clock
                        and (
                            number.digits or low_word(words, at - 1) in ("at", "until", "by", "from", "till")
                        )
                    )
                )
                or _clock_like(words, number)
                or _dated_number(words, number)
            ):
                marks[number.first : number.last + 1] = [True] * (number.last - number.first + 1)
        if low in (
            "at",
            "on",
            "in",
            "the",
            "of",
            "this",
            "last",
            "next",
            "every",
            "since",
            "until",
            "by",
            "past",
            "to",
            "early",
            "late",
            "half",
            "quarter",
            "from",
            "before",
            "after",
            "and",
            "each",
        ):
            linkers[at] = True
    hours = [
        Span("when", m.start(), m.end(), m.group())
        for m in _HOURS.finditer(text)
        if numbers(tokens(m.group(1)))
    ]
    written = hours + [Span("when", m.start(), m.end(), m.group()) for m in _DATE.finditer(text)]
    spoken = _joined_marks(text, words, marks, linkers)
    return written + [s for s in spoken if not any(w.start < s.end and s.start < w.end for w in written)]


def _calendar(words: list[Token], at: int) -> bool:
    low = words[at].low
    before = low_word(words, at - 1)
    if low in ("fall", "spring"):
        return before in ("last", "next", "this", "in", "since", "every", "early", "late")
    if low in ("noon", "midnight", "midday"):
        return True
    if before == "good":
        return False
    return before in (
        "this",
        "the",
        "every",
        "in",
        "at",
        "last",
        "next",
        "tomorrow",
        "yesterday",
        "by",
        "since",
        "each",
        *lex.WEEKDAYS,
    )


def _dated(words: list[Token], at: int, by_place: dict[int, Number]) -> bool:
    return (
        at + 1 in by_place
        or at - 1 in by_place
        or low_word(words, at - 1) in ("in", "last", "next", "since", "of", "until", "by", "from")
    )


def _clock_like(words: list[Token], n: Number) -> bool:
    whole = n.value == int(n.value) and 0 < n.value <= 24
    before, after = low_word(words, n.first - 1), low_word(words, n.last + 1)
    run_together = (
        n.digits and 100 <= n.value <= 2359 and n.value % 100 < 60 and "." not in words[n.first].text
    )
    if (
        run_together
        and before in ("at", "until", "by", "from", "till")
        and not (after.isalpha() and after.endswith("s"))
    ):
        return True
    if before in ("past", "at", "until", "till") and whole:
        nounish = after and after.isalpha() and not is_stop(after, "en") and after not in lex.DAY_PARTS
        return not nounish or after in ("o'clock", "am", "pm", "sharp", "every")
    if after in ("o'clock", "am", "pm") or after in lex.RELATIVE_DAYS:
        return True
    return (
        after == "in"
        and low_word(words, n.last + 2) == "the"
        and low_word(words, n.last + 3) in lex.DAY_PARTS
    )


def _dated_number(words: list[Token], n: Number) -> bool:
    if not (1 <= n.value <= 31 and n.value == int(n.value)):
        return False
    around = {low_word(words, n.first - 1), low_word(words, n.last + 1), low_word(words, n.last + 2)}
    return bool(around & set(lex.MONTHS)) and not (around & {"o'clock"})


def _joined_marks(text: str, words: list[Token], marks: list[bool], linkers: list[bool]) -> list[Span]:
    found: list[Span] = []
    at = 0
    while at < len(words):
        if not marks[at]:
            at += 1
            continue
        last = at
        ahead = at + 1
        while ahead < len(words) and ahead - last <= 3:
            gap = text[words[ahead - 1].end : words[ahead].start].strip()
            if gap not in ("", "-", ",", ".") or (gap == "." and words[ahead].low not in ("m",)):
                break
            if marks[ahead]:
                last = ahead
            elif not linkers[ahead] and words[ahead].low not in ("st", "nd", "rd", "th"):
                break
            ahead += 1
        first = at
        while (
            first > 0
            and at - first < 3
            and linkers[first - 1]
            and beside(text, words, first - 1)
            and words[first - 1].low not in ("and", "of", "from", "to")
        ):
            first -= 1
        found.append(phrase(text, words, first, last, "when"))
        at = last + 1
    return found


def weekdays(text: str, words: list[Token]) -> list[Span]:
    found = []
    for at, word in enumerate(words):
        if word.low.rstrip("s") in lex.WEEKDAYS or word.low in lex.WEEKDAYS:
            last = at + 1 if low_word(words, at + 1) in lex.DAY_PARTS else at
            found.append(phrase(text, words, at, last, "weekday"))
        elif word.low in lex.RELATIVE_DAYS:
            found.append(phrase(text, words, at, at, "weekday"))
    return found


def years(text: str, words: list[Token]) -> list[Span]:
    return [phrase(text, words, n.first, n.last, "year", n.value) for n in numbers(words) if n.year_like]

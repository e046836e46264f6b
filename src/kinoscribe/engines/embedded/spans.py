"""Finds the phrases in a sentence that can answer a kind of question: amounts, times, names, places, reasons."""

import re
from dataclasses import dataclass

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded.numbers import ORDINALS, Number, numbers
from kinoscribe.engines.embedded.words import Token, is_stop, tokens

_URL = re.compile(
    r"\b(?:https?://\S+|www\.\S+|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|dev|edu|gov|tv|info|eu|de|fr|uk|app|shop|example|co|ai|me|us|ca|au|nl|es|it|ch|at|jp|cn|in|br)\b(?:/\S*)?)",
    re.I,
)
_FILE = re.compile(
    r"\b[\w-]+\.(?:pdf|docx?|xlsx?|pptx?|csv|txt|png|jpe?g|gif|svg|mp[34]|zip|py|js|html?|json|ya?ml|md)\b",
    re.I,
)
_VERSION = re.compile(r"\bv?\d+(?:\.\d+)+\b", re.I)
_DATE = re.compile(
    r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[ T]+\d{1,2}:\d{2}(?::\d{2})?)?\b"
)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()/-]{6,}\d(?![\w.])")
_SCORE = re.compile(r"(?<![\d.:])(\d{1,3})\s*[-–—:]\s*(\d{1,3})(?![\d.:])")
ORDINAL_WORDS = frozenset(
    [
        *ORDINALS,
        *"thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
    ]
)
_APPROXIMATE = frozenset(
    ["about", "around", "almost", "nearly", "over", "under", "roughly", "approximately", "least", "most"]
)
_REASON = re.compile(
    r"\b(?:because(?: of)?|due to|owing to|thanks to|caused by|as a result of|on account of|so that|in order to|"
    r"since (?=(?:it|they|he|she|we|the|there)\b))",
    re.I,
)
_CLAUSE_END = re.compile(r"[.!?;:]|,\s+(?:and|but|so|which|who)\b|\s+[-–—]\s+")


@dataclass(frozen=True, slots=True)
class Span:
    """A phrase of a text (`start` and `end` are places of characters) and what kind of answer it is."""

    kind: str
    start: int
    end: int
    text: str
    value: float | None = None


def find(text: str, kind: str) -> list[Span]:
    """The phrases of one kind, in order of place. Unknown kinds have none."""
    finder = _FINDERS.get(kind)
    return finder(text, tokens(text)) if finder else []


def _phrase(
    text: str, words: list[Token], first: int, last: int, kind: str, value: float | None = None
) -> Span:
    return Span(kind, words[first].start, words[last].end, text[words[first].start : words[last].end], value)


def _low(words: list[Token], at: int) -> str:
    return words[at].low if 0 <= at < len(words) else ""


def _beside(text: str, words: list[Token], at: int) -> bool:
    """Whether the next token belongs to the same phrase: only spaces or a hyphen between."""
    if at + 1 >= len(words):
        return False
    return text[words[at].end : words[at + 1].start].strip() in ("", "-")


def _with_about(words: list[Token], first: int) -> int:
    if _low(words, first - 1) in _APPROXIMATE:
        return first - 2 if _low(words, first - 2) in ("at", "more", "less") else first - 1
    if _low(words, first - 1) == "than" and _low(words, first - 2) in ("more", "less"):
        return first - 2
    if _low(words, first - 1) == "to" and _low(words, first - 2) == "up":
        return first - 2
    return first


def amounts(text: str, words: list[Token]) -> list[Span]:
    """Every number with what it counts: money, percent, duration, length, weight, a plain count or number."""
    found: list[Span] = []
    for n in numbers(words):
        found.append(_amount(text, words, n))
    for at, word in enumerate(words):
        following = _low(words, at + 1)
        if (
            word.low in ("a", "an", "half")
            and following in lex.DURATION_UNITS
            and following not in ("second",)
        ):
            if word.low == "half" or (
                _low(words, at - 1) not in ("times", "per") and not _is_rate(words, at)
            ):
                found.append(_phrase(text, words, at, at + 1, "duration", 1.0))
        elif word.low == "half" and following in ("a", "an") and _low(words, at + 2) in lex.DURATION_UNITS:
            found.append(_phrase(text, words, at, at + 2, "duration", 0.5))
    return found


def _is_rate(words: list[Token], at: int) -> bool:
    return at > 0 and _low(words, at - 1) in lex.MEASURE_UNITS | lex.DURATION_UNITS


def _amount(text: str, words: list[Token], n: Number) -> Span:
    first, last, kind = n.first, n.last, "number"
    after = _low(words, last + 1) if _beside(text, words, last) else ""
    if first > 0 and words[first - 1].text in lex.CURRENCY_SIGNS:
        first, kind = first - 1, "money"
    elif after in lex.CURRENCY_SIGNS or after in lex.CURRENCY_WORDS:
        last, kind = last + 1, "money"
        tail = numbers(words[last + 1 : last + 3])
        if tail and tail[0].first == 0 and tail[0].value < 100 and _beside(text, words, last):
            last += 1 + tail[0].last
            if _low(words, last + 1) in ("cents", "pence"):
                last += 1
    elif after in ("%", "percent", "pct") or (after == "per" and _low(words, last + 2) == "cent"):
        last, kind = last + (2 if after == "per" else 1), "percent"
    elif after == "point" or after == "points":
        last, kind = last + 1, "count"
    elif after in lex.DURATION_UNITS:
        last, kind = last + 1, "duration"
        if (
            _low(words, last + 1) == "and"
            and _low(words, last + 2) in ("a",)
            and _low(words, last + 3) == "half"
        ):
            last += 3
    elif after in lex.MEASURE_UNITS or after == "°":
        last += 1
        kind = "length" if after in lex.LENGTH_UNITS else "weight" if after in lex.WEIGHT_UNITS else "measure"
        if after == "°" and _low(words, last + 1) in ("c", "f"):
            last += 1
        if _low(words, last + 1) in ("celsius", "fahrenheit"):
            last += 1
        elif after in lex.LENGTH_UNITS and _low(words, last + 1) in ("an", "a", "per"):
            if _low(words, last + 2) in lex.DURATION_UNITS:
                last, kind = last + 2, "speed"
        if after in ("mph", "kmh", "knots"):
            kind = "speed"
    elif n.clock and n.digits:
        kind = "clock"
    elif n.year_like:
        kind = "year"
    elif after and after.isalpha() and not is_stop(after, "en") and after not in ("am", "pm", "o'clock"):
        kind, last = "count", last + 1
        more = _low(words, last + 1)
        if _beside(text, words, last) and more.endswith("s") and not is_stop(more, "en") and more.isalpha():
            if not after.endswith("s") and more not in lex.FUNCTION_VERBS:
                last += 1
    first = _with_about(words, first)
    return _phrase(text, words, first, last, kind, n.value)


def _of_kinds(*kinds: str):  # type: ignore[no-untyped-def]
    def pick(text: str, words: list[Token]) -> list[Span]:
        return [s for s in amounts(text, words) if s.kind in kinds]

    return pick


def moments(text: str, words: list[Token]) -> list[Span]:
    """Phrases that say when: days, dates, clock times, years, seasons; neighbours are one phrase."""
    marks = [False] * len(words)
    linkers = [False] * len(words)
    by_place = {n.first: n for n in numbers(words)}
    covered: set[int] = set()
    for at, word in enumerate(words):
        low = word.low
        if low in lex.WEEKDAYS or low.rstrip("s") in lex.WEEKDAYS or low in lex.RELATIVE_DAYS:
            marks[at] = True
        elif low in lex.DAY_PARTS or low in lex.SEASONS:
            marks[at] = _calendar(words, at)
        elif low in lex.MONTHS and (word.text[0].isupper() or low not in ("march", "may")):
            marks[at] = low not in ("march", "may") or _dated(words, at, by_place)
        elif (
            low == "century"
            and at
            and (_low(words, at - 1) in ORDINAL_WORDS or words[at - 1].low in ("th", "st", "rd", "nd"))
        ):
            marks[at] = marks[at - 1] = True
            if words[at - 1].low in ("th", "st", "rd", "nd") and at > 1:
                marks[at - 2] = True
        elif low in ("week", "month", "year", "weekend", "century", "decade") and _low(words, at - 1) in (
            "next", "last", "this", "every", "each",
        ):  # fmt: skip
            marks[at] = marks[at - 1] = True
        elif low in ("o'clock", "am", "pm") or (low in ("a", "p") and _low(words, at + 1) == "m"):
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
                        and (number.digits or _low(words, at - 1) in ("at", "until", "by", "from", "till"))
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
    written = [Span("when", m.start(), m.end(), m.group()) for m in _DATE.finditer(text)]
    spoken = _joined_marks(text, words, marks, linkers)
    return written + [s for s in spoken if not any(w.start < s.end and s.start < w.end for w in written)]


def _calendar(words: list[Token], at: int) -> bool:
    low = words[at].low
    before = _low(words, at - 1)
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
        or _low(words, at - 1) in ("in", "last", "next", "since", "of", "until", "by", "from")
    )


def _clock_like(words: list[Token], n: Number) -> bool:
    whole = n.value == int(n.value) and 0 < n.value <= 24
    before, after = _low(words, n.first - 1), _low(words, n.last + 1)
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
    return after == "in" and _low(words, n.last + 2) == "the" and _low(words, n.last + 3) in lex.DAY_PARTS


def _dated_number(words: list[Token], n: Number) -> bool:
    if not (1 <= n.value <= 31 and n.value == int(n.value)):
        return False
    around = {_low(words, n.first - 1), _low(words, n.last + 1), _low(words, n.last + 2)}
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
            and _beside(text, words, first - 1)
            and words[first - 1].low not in ("and", "of", "from", "to")
        ):
            first -= 1
        found.append(_phrase(text, words, first, last, "when"))
        at = last + 1
    return found


def weekdays(text: str, words: list[Token]) -> list[Span]:
    found = []
    for at, word in enumerate(words):
        if word.low.rstrip("s") in lex.WEEKDAYS or word.low in lex.WEEKDAYS:
            last = at + 1 if _low(words, at + 1) in lex.DAY_PARTS else at
            found.append(_phrase(text, words, at, last, "weekday"))
        elif word.low in lex.RELATIVE_DAYS:
            found.append(_phrase(text, words, at, at, "weekday"))
    return found


def years(text: str, words: list[Token]) -> list[Span]:
    return [_phrase(text, words, n.first, n.last, "year", n.value) for n in numbers(words) if n.year_like]


def colours(text: str, words: list[Token]) -> list[Span]:
    """Colour words; two with `and` between are one phrase, and so is what the colour stands before."""
    found = []
    at = 0
    while at < len(words):
        if words[at].low not in lex.COLOURS or (
            words[at].low == "orange" and _low(words, at - 1) in ("an", "of")
        ):
            at += 1
            continue
        first, last = at, at
        if _low(words, at - 1) in ("dark", "light", "bright", "pale", "deep"):
            first -= 1
        while True:
            if _low(words, last + 1) in lex.COLOURS:
                last += 1
            elif (
                _low(words, last + 1) in ("and", "or", "y", "et", "und")
                and _low(words, last + 2) in lex.COLOURS
            ):
                last += 2
            else:
                break
        found.append(_phrase(text, words, first, last, "colour"))
        at = last + 1
    return found


def places(text: str, words: list[Token]) -> list[Span]:
    """Phrases that say where: a preposition and what follows it up to the next verb, clause or preposition."""
    found = []
    for at, word in enumerate(words):
        if word.low not in lex.PLACE_PREPOSITIONS or not _beside(text, words, at):
            continue
        last, content = at, 0
        ahead = at + 1
        while ahead < len(words) and ahead - at <= 6 and _beside(text, words, ahead - 1):
            low = words[ahead].low
            if low in lex.PLACE_PREPOSITIONS and content and low not in ("of",):
                break
            if (low in lex.FUNCTION_VERBS and content) or low in (
                "and",
                "or",
                "but",
                "which",
                "who",
                "that",
                "when",
                "as",
                "for",
                "with",
                "because",
            ):
                break
            if (
                low in lex.NOT_PLACES
                or low in lex.WEEKDAYS
                or low in lex.MONTHS
                or low in lex.RELATIVE_DAYS
                or words[ahead].text[0].isdigit()
            ):
                content = 0
                break
            if not is_stop(low, "en"):
                content += 1
                last = ahead
            ahead += 1
        if content and not any(
            n.first <= last and n.last > at for n in numbers(words[: last + 1]) if n.year_like or n.clock
        ):
            found.append(_phrase(text, words, at, last, "where"))
    return _chained(text, found)


def _chained(text: str, found: list[Span]) -> list[Span]:
    """`at a little place near the harbour` is one phrase."""
    joined: list[Span] = []
    for span in found:
        if (
            joined
            and text[joined[-1].end : span.start].strip() == ""
            and span.text.split()[0].lower() not in ("to", "from", "into", "by", "toward", "towards")
        ):
            first = joined.pop().start
            joined.append(Span("where", first, span.end, text[first : span.end]))
        else:
            joined.append(span)
    return joined


def proper(text: str, words: list[Token], shouted: bool = False) -> list[Span]:
    """Runs of capitalised words that are names of something. A sentence's first word counts only in a run."""
    found = []
    at = 0
    all_upper = text.isupper()
    if all_upper and not shouted:
        return []
    while at < len(words):
        if not _capital(words[at]) or (is_stop(words[at].low, "en") and words[at].low not in ("will",)):
            at += 1
            continue
        last = at
        while last + 1 < len(words) and _beside(text, words, last):
            following = words[last + 1]
            if _capital(following) and not is_stop(following.low, "en"):
                last += 1
            elif (
                following.low in ("von", "van", "de", "da", "di", "del", "der", "la", "bin", "al", "of")
                and last + 2 < len(words)
                and _capital(words[last + 2])
                and following.low != "of"
            ):
                last += 2
            elif following.text.isdigit() and len(following.text) < 4:
                last += 1
            else:
                break
        opens = at == 0 or text[: words[at].start].rstrip()[-1:] in '.!?…:“"'
        single = last == at
        low = words[at].low
        known = low in lex.GIVEN_NAMES or (words[at].text.isupper() and len(words[at].text) > 1)
        if opens and single and not known:
            at = last + 1
            continue
        if (
            opens
            and not single
            and low not in lex.GIVEN_NAMES
            and low not in lex.TITLES
            and not _title_case(words, at, last)
        ):
            at += 1
            continue
        if single and (low in lex.WEEKDAYS or low in lex.MONTHS):
            at += 1
            continue
        if _low(words, at - 1) in lex.TITLES and words[at - 1].text[0].isupper():
            found.append(_phrase(text, words, at - 1, last, "proper"))
        else:
            found.append(_phrase(text, words, at, last, "proper"))
        at = last + 1
    return found


def _title_case(words: list[Token], first: int, last: int) -> bool:
    return all(_capital(words[i]) for i in range(first, last + 1))


def _capital(word: Token) -> bool:
    return word.text[0].isupper()


def reasons(text: str, words: list[Token]) -> list[Span]:
    found = []
    for match in _REASON.finditer(text):
        end = _CLAUSE_END.search(text, match.end())
        stop = end.start() if end else len(text)
        phrase = text[match.start() : stop].strip()
        if len(phrase.split()) > 1:
            found.append(Span("reason", match.start(), stop, phrase))
    blame = re.search(r"\bblames?d?\b\s+(.+?)(?:[.!?;]|$)", text)
    if blame and not found:
        found.append(Span("reason", blame.start(1), blame.end(1), blame.group(1)))
    return found


def _matches(pattern: re.Pattern[str], kind: str):  # type: ignore[no-untyped-def]
    def pick(text: str, words: list[Token]) -> list[Span]:
        return [Span(kind, m.start(), m.end(), m.group().rstrip(".,;:!?")) for m in pattern.finditer(text)]

    return pick


_FINDERS = {
    "money": _of_kinds("money"),
    "percent": _of_kinds("percent"),
    "duration": _of_kinds("duration"),
    "length": _of_kinds("length"),
    "weight": _of_kinds("weight"),
    "speed": _of_kinds("speed", "length"),
    "measure": _of_kinds("measure", "length", "weight", "speed", "percent"),
    "temperature": _of_kinds("measure"),
    "count": _of_kinds("count", "number"),
    "number": _of_kinds(
        "count",
        "number",
        "year",
        "clock",
        "percent",
        "money",
        "measure",
        "length",
        "weight",
        "duration",
        "speed",
    ),
    "quantity": _of_kinds("count", "number", "percent", "money", "measure", "length", "weight", "duration"),
    "when": moments,
    "weekday": weekdays,
    "year": years,
    "colour": colours,
    "where": places,
    "proper": proper,
    "reason": reasons,
    "url": _matches(_URL, "url"),
    "email": _matches(_EMAIL, "email"),
    "phone": _matches(_PHONE, "phone"),
    "file": _matches(_FILE, "file"),
    "version": _matches(_VERSION, "version"),
    "score": _matches(_SCORE, "score"),
}

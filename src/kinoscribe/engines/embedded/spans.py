"""Finds the phrases in a sentence that can answer a kind of question: amounts, times, names, places, reasons."""

import re
from collections.abc import Callable

from kinoscribe.engines.embedded import lexicon as lex
from kinoscribe.engines.embedded.amounts import amounts
from kinoscribe.engines.embedded.moments import moments, weekdays, years
from kinoscribe.engines.embedded.numbers import is_number_word
from kinoscribe.engines.embedded.span import Span, beside, low_word, phrase
from kinoscribe.engines.embedded.words import Token, is_stop, tokens

Finder = Callable[[str, list[Token]], list[Span]]
_URL = re.compile(
    r"\b(?:https?://\S+|www\.\S+|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|dev|edu|gov|tv|info|eu|de|fr|uk|app|shop|example|co|ai|me|us|ca|au|nl|es|it|ch|at|jp|cn|in|br)\b(?:/\S*)?)",
    re.I,
)
_FILE = re.compile(
    r"\b[\w-]+\.(?:pdf|docx?|xlsx?|pptx?|csv|txt|png|jpe?g|gif|svg|mp[34]|zip|py|js|html?|json|ya?ml|md)\b",
    re.I,
)
_VERSION = re.compile(r"\bv?\d+(?:\.\d+)+\b", re.I)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()/-]{6,}\d(?![\w.])")
_SCORE = re.compile(r"(?<![\d.:])(\d{1,3})\s*[-–—:]\s*(\d{1,3})(?![\d.:])")
_REASON = re.compile(
    r"\b(?:because(?: of)?|(?:the )?(?:main |real )?reason (?:for (?:this"
    r"|that) )?(?:is|was)(?: that)?|due to|owing to|thanks to|caused by"
    r"|as a result of|on account of|so that|in order to|"
    r"since (?=(?:it|they|he|she|we|the|there)\b))",
    re.I,
)
_CLAUSE_END = re.compile(r"[.!?;:]|,\s+(?:and|but|so|which|who)\b|\s+[-–—]\s+")


def find(text: str, kind: str) -> list[Span]:
    """The phrases of one kind, in order of place. Unknown kinds have none."""
    finder = _FINDERS.get(kind)
    return finder(text, tokens(text)) if finder else []


def _of_kinds(*kinds: str) -> Finder:
    def pick(text: str, words: list[Token]) -> list[Span]:
        return [s for s in amounts(text, words) if s.kind in kinds]

    return pick


def colours(text: str, words: list[Token]) -> list[Span]:
    """Colour words; two with `and` between are one phrase, and so is what the colour stands before."""
    found = []
    at = 0
    while at < len(words):
        if words[at].low not in lex.COLOURS or (
            words[at].low == "orange" and low_word(words, at - 1) in ("an", "of")
        ):
            at += 1
            continue
        first, last = at, at
        if low_word(words, at - 1) in ("dark", "light", "bright", "pale", "deep"):
            first -= 1
        while True:
            if low_word(words, last + 1) in lex.COLOURS:
                last += 1
            elif (
                low_word(words, last + 1) in ("and", "or", "y", "et", "und")
                and low_word(words, last + 2) in lex.COLOURS
            ):
                last += 2
            else:
                break
        found.append(phrase(text, words, first, last, "colour"))
        at = last + 1
    return found


def places(text: str, words: list[Token]) -> list[Span]:
    """Phrases that say where: a preposition and what follows it up to the next verb, clause or preposition."""
    found = []
    for at, word in enumerate(words):
        if word.low not in lex.PLACE_PREPOSITIONS or not beside(text, words, at):
            continue
        last, content = at, 0
        ahead = at + 1
        while ahead < len(words) and ahead - at <= 6 and beside(text, words, ahead - 1):
            if _ends_place(words[ahead], content):
                break
            if not is_stop(words[ahead].low, "en"):
                content += 1
                last = ahead
            ahead += 1
        if content:
            found.append(phrase(text, words, at, last, "where"))
    return _chained(text, found)


_CLAUSE_WORDS = lex.CLAUSE_WORDS


def _ends_place(word: Token, content: int) -> bool:
    """Whether a word cannot belong to the place: a time, a number, a verb, the next phrase."""
    low = word.low
    if (
        low in lex.NOT_PLACES
        or low.rstrip("s") in lex.WEEKDAYS
        or low in lex.MONTHS
        or low in lex.RELATIVE_DAYS
    ):
        return True
    if word.text[0].isdigit() or is_number_word(low) or low in _CLAUSE_WORDS:
        return True
    return bool(content) and (low in lex.PLACE_PREPOSITIONS or low in lex.FUNCTION_VERBS)


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
        while last + 1 < len(words) and beside(text, words, last):
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
        if low in lex.WEEKDAYS or (low in lex.MONTHS and (single or words[last].text[0].isdigit())):
            at += 1
            continue
        if low_word(words, at - 1) in lex.TITLES and words[at - 1].text[0].isupper():
            found.append(phrase(text, words, at - 1, last, "proper"))
        else:
            found.append(phrase(text, words, at, last, "proper"))
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


def _matches(pattern: re.Pattern[str], kind: str) -> Finder:
    def pick(text: str, words: list[Token]) -> list[Span]:
        return [Span(kind, m.start(), m.end(), m.group().rstrip(".,;:!?")) for m in pattern.finditer(text)]

    return pick


_TRAVEL = re.compile(
    r"\b(?:by (?:\w+ )?(?:bicycle|bike|car|train|bus|tram|plane|boat|ship|ferry|taxi"
    r"|subway|metro|motorbike|truck|air|sea|"
    r"helicopter|coach|van)|on foot|on horseback|on skis)\b",
    re.I,
)
_FINDERS: dict[str, Finder] = {
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
    "manner": _matches(_TRAVEL, "manner"),
    "file": _matches(_FILE, "file"),
    "version": _matches(_VERSION, "version"),
    "score": _matches(_SCORE, "score"),
}

"""Reads a question: what kind of answer it wants, about which words, in which part of the video."""

import re
from dataclasses import dataclass, replace

from kinoscribe.engines.embedded.lexicon import (
    AFTER_NOUNS,
    CLAUSE_CUTS,
    KEPT_WORDS,
    QUESTION_WORDS,
    SCOPE_WORDS,
)
from kinoscribe.engines.embedded.numbers import ORDINALS, numbers
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.words import content_words, guess_language, is_stop, stem, tokens

_KINDS = Rules("question")

_YES_NO = re.compile(
    r"^(?:so |and |but |then )?(?:is|are|was|were|do|does|did|has|have|had|can|could"
    r"|will|would|should|may|might|isn't|aren't|wasn't|doesn't|didn't)\b"
)
_NAME_LIST = re.compile(
    r"^(?:please )?(?:name|list|enumerate|mention|give(?: me)?|tell me|identify|state|write down|find|show(?: me)?)\b"
)
_TARGET = re.compile(
    r"\b(?:which|what|how many|how much)\s+((?:different |other |kinds? of "
    r"|types? of |sorts? of |make of |brand of "
    r"|pieces? of )?[^\W\d_]+(?:[ -][^\W\d_]+)?)"
)
_AGAIN = (
    r"(?:(?:until|since|by|from|to|in|at|on|for|with) )?(?:who|whom|whose|what|which|when|where|why|how)\b"
)
_PLURAL = re.compile(
    r"^(?:so |and )?(?:what|which|who) (?:are|were) (?:the |his |her |their |its "
    r"|all )*(?:\w+ )?([a-z]{3,}s|people)(?: of| in| on| that| for| to|\?|$)"
)
_VERBS = frozenset(stem(w) for w in AFTER_NOUNS)
_TYPE_WORDS = {
    "weekday": "day weekday week", "year": "year slide", "clock": "time hour clock", "when": "date month deadline",
    "colour": "colour color colours colors", "where": "town city village country place location street region",
    "person": "person man woman", "named": "name names called named title", "money": "much price cost costs",
    "score": "score result final", "age": "old age", "duration": "long", "url": "website link address",
    "email": "email", "phone": "phone number", "percent": "percentage percent much",
}  # fmt: skip
_POSITIONS = (
    (
        "last",
        re.compile(
            r"\bat the (?:very )?end\b|\blast\b|\bfinal(?:ly)?\b|\bin the end\b|\bfinish\w*\b|\bcloses?\b|\bclosing\b"
        ),
    ),
    (
        "first",
        re.compile(
            r"\bat the (?:very )?(?:start|beginning)\b|\bfirst\b|\bopening\b"
            r"|\binitial(?:ly)?\b|\bbegins? with\b|\bstarts? with\b"
        ),
    ),
)
_CLOCK = r"(\d{1,2}(?::\d{2}){1,2}(?:\.\d+)?)"
_BETWEEN = re.compile(
    rf"(?:between|from)\s+{_CLOCK}\s*(?:and|to|until|till|[-–])\s*{_CLOCK}|{_CLOCK}\s*[-–]\s*{_CLOCK}"
)
_AT = re.compile(rf"\b(?:at|around|about|@)\s+{_CLOCK}")
_AFTER = re.compile(rf"\bafter\s+{_CLOCK}")
_BEFORE = re.compile(rf"\b(?:before|until|till)\s+{_CLOCK}")
_FIRST_SECONDS = re.compile(r"\b(first|last)\s+(\d+|[a-z]+)\s+(second|minute)s?\b")
_LANGUAGE_PART = re.compile(
    r"\b(?:the\s+)?(english|spanish|french|german|italian|portuguese|dutch)\b(?:\s+(?:part|speaker|section|sentence|text|voice|words|language))?"
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question as understood. `scope` is a span of seconds after the window's start, or None for all of it."""

    text: str
    kind: str
    target: str
    terms: tuple[str, ...]
    wanted: int | None = None
    position: str = ""
    scope: tuple[float | None, float | None] | None = None
    language: str = ""
    yes_no: bool = False
    verb: str = ""


def read_question(text: str) -> Question:
    """Understands one question or order."""
    low = " ".join(text.lower().replace("’", "'").split())
    kind = _KINDS.first(low)
    yes_no = bool(_YES_NO.match(low)) and not re.search(r"\bor (?:is|are|was|were|do|does|did)\b", low)
    target = _target(low, kind)
    wanted = _wanted(low)
    plural = _PLURAL.match(low)
    if not kind and plural and not plural.group(1).endswith("ss"):
        kind, target = "list", plural.group(1)
    if not kind:
        kind = "list" if _NAME_LIST.match(low) and not yes_no else "which" if target else "what"
    if kind in ("person", "named") and wanted and wanted > 1:
        kind = "people" if _about_people(low) else "list"
    elif (
        _NAME_LIST.match(low)
        and kind in ("named", "person", "colour", "where", "when", "money")
        and re.search(r"\ball\b|\bevery\b|names\b|s\b\.?$", low)
    ):
        kind = "people" if kind == "person" or _about_people(low) else kind
    position = next((name for name, pattern in _POSITIONS if pattern.search(low)), "")
    language = _LANGUAGE_PART.search(low)
    return Question(
        text=text.strip(),
        kind=kind,
        target=target,
        terms=_without_number(_terms(text, kind, position), wanted),
        wanted=wanted,
        position=position,
        scope=_scope(low),
        language=language.group(1)
        if language and re.search(r"part|speaker|section|sentence|in |voice", low)
        else "",
        yes_no=yes_no,
        verb=_main_verb(low),
    )


def split_question(text: str) -> list[Question]:
    """The questions in one sentence: `Which vehicle came first, and what colour is it?` are two."""
    parts = re.split(
        r"(?<=\?)\s+|,?\s+(?:and|or|as well as)\s+(?=" + _AGAIN + r")|[,;]\s+(?=" + _AGAIN + r")",
        text.strip(),
        flags=re.I,
    )
    parts = [part for part in parts if part.strip(" ?.,;")]
    first = read_question(parts[0]) if parts else read_question(text)
    found = [first]
    for part in parts[1:6]:
        all_of = re.match(
            r"^(?:please )?(?:name|list|give|mention)\s+(both|them|all|all of them|the two|the three)\b[^?]{0,12}$",
            part.strip(),
            re.I,
        )
        if all_of:
            wanted = {"both": 2, "the two": 2, "the three": 3}.get(all_of.group(1).lower())
            kind = (
                "people"
                if first.kind == "person"
                else "list"
                if first.kind in ("what", "which")
                else first.kind
            )
            found[0] = replace(first, kind=kind, wanted=wanted)
            continue
        more = read_question(part)
        if _leans(part) and not (set(more.terms) - {more.target}):
            more = replace(more, terms=tuple(dict.fromkeys((*first.terms, *more.terms))))
        found.append(more)
    return found


def _leans(part: str) -> bool:
    words = {t.low for t in tokens(part)}
    return (
        bool(
            words
            & {
                "it",
                "its",
                "they",
                "them",
                "he",
                "she",
                "his",
                "her",
                "that",
                "this",
                "these",
                "those",
                "their",
            }
        )
        or len(words) < 4
    )


def _target(low: str, kind: str) -> str:
    found = _TARGET.search(low)
    if found is None:
        listed = re.match(
            r"(?:please )?(?:name|list|enumerate|identify|mention|count|find|tell me"
            r"|give(?: me)?|show(?: me)?)\s+(?:me\s+)?(?:(?:all|every|each|any|of|the"
            r"|different|both|\d+|two|three|four|five|six|seven|eight|nine"
            r"|ten)\s+)*([^\W\d_]+(?:[ -][^\W\d_]+)?)",
            low,
        )
        if listed is None:
            return ""
        return _noun(listed.group(1))
    phrase = re.sub(
        r"^(?:different|other|(?:kinds?|types?|sorts?|make|brand|pieces?) of)\s+", "", found.group(1)
    )
    return _noun(phrase)


def _noun(phrase: str) -> str:
    words = re.split(r"[ -]", phrase)
    if is_stop(words[0], "en") or (stem(words[0]) in _VERBS and not words[0].endswith("ing")):
        return ""
    if len(words) > 1 and (is_stop(words[1], "en") or words[1].endswith("ed") or stem(words[1]) in _VERBS):
        return words[0]
    return phrase


_AUXILIARY = re.compile(
    r"^(?:what|whom?|which \w+(?: \w+)?) (?:do|does|did|can|could|will|would|should|must|has|have|had) (.+?)\s*\??$"
)
_CUTS = CLAUSE_CUTS


def _main_verb(low: str) -> str:
    """`connect` of `What does the tram line connect?`: the last word before a preposition."""
    found = _AUXILIARY.match(low)
    if found is None:
        return ""
    if re.match(r"(?:they|you|we|he|she|i|people|one|the \w+) have\b", found.group(1)):
        return "have"
    content: list[str] = []
    for token in tokens(found.group(1)):
        if token.low in _CUTS and len(content) > 1:
            break
        if not is_stop(token.low, "en"):
            content.append(token.low)
    return content[-1] if len(content) > 1 else ""


def _without_number(terms: tuple[str, ...], wanted: int | None) -> tuple[str, ...]:
    """The terms without the number of things that are wanted."""
    if wanted is None:
        return terms
    return tuple(t for t in terms if not any(n.value == wanted for n in numbers(tokens(t)))) or terms


def _wanted(low: str) -> int | None:
    words = tokens(low)
    for number in numbers(words):
        if 1 < number.value <= 30 and number.value == int(number.value) and number.clock is None:
            before = words[number.first - 1].low if number.first else ""
            if before in (
                "the",
                "name",
                "list",
                "give",
                "me",
                "top",
                "exactly",
                "all",
                "which",
                "what",
                "are",
                "mention",
                "tell",
                "of",
                "about",
                "identify",
                "those",
                "best",
                "main",
            ):
                return int(number.value)
    return None


def _about_people(low: str) -> bool:
    return bool(
        re.search(
            r"\b(?:people|persons?|anchors?|hosts?|presenters?|speakers?|guests?|players?|actors?|reporters?|experts?|men|women|authors?|founders?|participants?|interviewe\w+|who)\b",
            low,
        )
    )


def _terms(text: str, kind: str, position: str) -> tuple[str, ...]:
    drop = set(_TYPE_WORDS.get(kind, "").split())
    foreign = guess_language(text) not in (None, "en")
    words = [w for w in content_words(text, "en") if not (foreign and is_stop(w))]
    kept = [
        w
        for w in words
        if w not in drop and (w not in QUESTION_WORDS) and not (position and w in SCOPE_WORDS)
    ]
    kept = [w for w in kept if w not in ORDINALS or not position]
    if not kept:
        kept = [w for w in words if (w in KEPT_WORDS and w not in drop) or (position and w in ORDINALS)]
    return tuple(dict.fromkeys(w for w in kept if ":" not in w))[:24]


def _scope(low: str) -> tuple[float | None, float | None] | None:
    found = _BETWEEN.search(low)
    if found:
        groups = [g for g in found.groups() if g]
        return _seconds(groups[0]), _seconds(groups[1])
    for pattern, before in ((_AFTER, False), (_BEFORE, True)):
        found = pattern.search(low)
        if found:
            time = _seconds(found.group(1))
            return (None, time) if before else (time, None)
    found = _AT.search(low)
    if found:
        time = _seconds(found.group(1))
        return time - 2.0, time + 3.0
    found = _FIRST_SECONDS.search(low)
    if found:
        count = numbers(tokens(found.group(2)))
        if count:
            length = count[0].value * (60 if found.group(3) == "minute" else 1)
            return (0.0, -length) if found.group(1) == "first" else (-length, None)
    return None


def _seconds(clock: str) -> float:
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total

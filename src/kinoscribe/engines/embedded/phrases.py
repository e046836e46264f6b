"""Cuts the answering phrase out of a sentence: what is new in it, or the noun phrase around a word."""

import re
from collections.abc import Callable

from kinoscribe.engines.embedded.lexicon import COLOURS, FUNCTION_VERBS, PLACE_PREPOSITIONS
from kinoscribe.engines.embedded.words import Token, is_stop, tokens

_AUXILIARY = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "will",
        "would",
        "can",
        "could",
        "may",
        "might",
        "must",
    ]
)
_DETERMINERS = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "some",
        "any",
        "my",
        "your",
        "our",
        "his",
        "her",
        "its",
        "their",
    ]
)
_CLAUSE = frozenset(".!?;:")


def new_part(text: str, known: Callable[[str], bool]) -> str:
    """The longest run of words that the question did not hold, after its words if there is one, else before.

    `known` says of a lower-case word whether the question (or a synonym of its words) holds it. Empty when
    the sentence says nothing new.
    """
    for clause in _clauses(text, known):
        found = _new_in(clause, known)
        if found:
            return found
    return ""


def _clauses(text: str, known: Callable[[str], bool]) -> list[str]:
    """The clauses of a sentence that each have a verb, that with most words of the question first; else the whole."""
    pieces = re.split(r"[,;:]\s+", text.strip())
    if len(pieces) < 2 or not all(any(t.low in FUNCTION_VERBS for t in tokens(p)) for p in pieces):
        return [text]
    held = [sum(known(t.low) and not is_stop(t.low, "en") for t in tokens(p)) for p in pieces]
    if max(held) < 2:
        return [text]
    return [pieces[held.index(max(held))], text]


def _new_in(text: str, known: Callable[[str], bool]) -> str:
    words = tokens(text)
    flags = [known(w.low) and not is_stop(w.low, "en") for w in words]
    if not any(flags):
        return text.strip().rstrip(".!?")
    runs: list[tuple[int, int]] = []
    at = 0
    while at < len(words):
        if flags[at]:
            at += 1
            continue
        last = at
        while last + 1 < len(words) and not flags[last + 1] and not _ends_clause(text, words, last):
            last += 1
        runs.append((at, last))
        at = last + 1
    final = max(i for i, flag in enumerate(flags) if flag)
    best, best_score = "", 0.0
    for first, last in runs:
        phrase = _one_clause(_trim(text, words, first, last))
        content = sum(not is_stop(t.low, "en") and t.low not in FUNCTION_VERBS for t in tokens(phrase))
        if not content:
            continue
        joined = words[first].low in ("and", "but") and first > 0
        score = (
            min(content, 3)
            - 2.0 * joined
            + 1.5 * (first > 0 and last < final)
            + (3.0 if first > final else 1.0 if first > 0 else 0.5)
        )
        if score > best_score:
            best, best_score = phrase, score
    return best


def _one_clause(phrase: str) -> str:
    """`Frost, cafe owners say ...` ends before the comma, where a verb follows it; `flour, eggs and salt` does not."""
    head, comma, tail = phrase.partition(", ")
    verbs = [t for t in tokens(tail) if t.low in FUNCTION_VERBS]
    return head if comma and head and verbs and len(tail.split()) > 3 else phrase


def _ends_clause(text: str, words: list[Token], at: int) -> bool:
    return at + 1 < len(words) and any(c in _CLAUSE for c in text[words[at].end : words[at + 1].start])


def _trim(text: str, words: list[Token], first: int, last: int) -> str:
    while first <= last and words[first].low in _AUXILIARY | {
        "and",
        "but",
        "so",
        "that",
        "then",
        "also",
        "to",
        "of",
        "which",
        "who",
    }:
        first += 1
    while last >= first and (
        words[last].low
        in _AUXILIARY
        | {"and", "but", "or", "the", "a", "an", "of", "to", "by", "was", "which", "who", "that"}
    ):
        last -= 1
    return text[words[first].start : words[last].end] if first <= last else ""


def noun_phrase(text: str, is_head: Callable[[str], bool], *, with_head: bool = True) -> str:
    """The noun phrase whose head passes the test, with the words that describe it: `a yellow bus`."""
    words = tokens(text)
    for at in range(len(words) - 1, -1, -1):
        if not is_head(words[at].low):
            continue
        first = at
        while first > 0 and _describes(text, words, first - 1, at):
            first -= 1
        last = at
        phrase = text[
            words[first].start : words[last].end if with_head or first == at else words[at].start
        ].strip()
        if (
            at + 2 < len(words)
            and words[at + 1].low == "of"
            and words[at + 2].text[0].isupper()
            and with_head
        ):
            phrase = text[words[first].start : words[at + 2].end]
        if first > 0 and words[first - 1].low in ("a", "an") and with_head:
            phrase = f"{words[first - 1].text} {phrase}"
        before = [w.low for w in words[max(0, first - 2) : first]]
        return f"not {phrase}" if "not" in before or "no" in before[-1:] else phrase
    return ""


def _describes(text: str, words: list[Token], at: int, head: int) -> bool:
    if head - at > 4 or text[words[at].end : words[at + 1].start].strip() not in ("", "-"):
        return False
    low = words[at].low
    return (
        (low in COLOURS or not is_stop(low, "en"))
        and low not in FUNCTION_VERBS
        and low not in PLACE_PREPOSITIONS
    )


def around(text: str, is_head: Callable[[str], bool]) -> str:
    """What describes a noun in its own sentence, when the noun phrase is more than the noun."""
    phrase = noun_phrase(text, is_head)
    content = [t for t in tokens(phrase) if not is_stop(t.low, "en")]
    return phrase if len(content) > 1 else ""


def clean(phrase: str) -> str:
    """A phrase without the marks and small words at its ends."""
    words = phrase.strip(" \t\n.,;:!?“”\"'()[]–—-").split()
    while words and words[0].lower() in _DETERMINERS and len(words) > 1 and words[0].lower() != "a":
        words.pop(0)
    return " ".join(words)


def enumeration(text: str) -> list[str]:
    """The members of `A, B and C` in a sentence; empty when it lists nothing."""
    body = text.strip().rstrip(".!?")
    tail = body
    for mark in (
        ": ",
        " are ",
        " is ",
        " include ",
        " includes ",
        " need ",
        " have ",
        " has ",
        " add ",
        " with ",
        " about ",
        " of ",
        " like ",
        " as ",
        " sells ",
        " sell ",
        " hay ",
        " sont ",
        " sind ",
    ):
        place = body.lower().find(mark)
        if place >= 0 and (
            " and " in body[place:]
            or "," in body[place:]
            or " y " in body[place:]
            or " et " in body[place:]
            or " und " in body[place:]
        ):
            tail = body[place + len(mark) :]
            break
    parts: list[str] = []
    for piece in (
        tail.replace(" or ", " and ")
        .replace(" y ", " and ")
        .replace(" et ", " and ")
        .replace(" und ", " and ")
        .split(",")
    ):
        parts += piece.split(" and ")
    parts = [clean(p) for p in parts]
    parts = [p for p in parts if p]
    if len(parts) < 2 or any(len(p.split()) > 6 for p in parts):
        return []
    return parts

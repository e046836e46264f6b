"""Answers yes-no questions with the reason: a yes needs evidence, a no needs its absence where it would show."""

import re

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.presence import absence, find_presence
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.words import stem, tokens

_EXISTS = re.compile(
    r"\b(?:is|are|was|were) there\b|\b(?:do|does|did|can) (?:you|we|i|one) (?:see|find|hear|spot)\b|\b(?:appears?|shown|seen|visible|mention(?:s|ed)?|show|shows|contain|contains|include|includes|feature|features|talk(?:s|ed)? about|speak about|said about|discuss(?:es|ed)?|refer(?:s|red)?)\b"
)
_NEGATIVE = frozenset(
    [
        "not",
        "no",
        "never",
        "none",
        "nothing",
        "nobody",
        "cannot",
        "can't",
        "isn't",
        "wasn't",
        "won't",
        "don't",
        "doesn't",
        "didn't",
        "without",
    ]
)


def answer_yes_no(question: Question, material: Material) -> Finding:
    """Yes, no or not known, each with the quotation or the reason it rests on."""
    low = question.text.lower()
    if _EXISTS.search(low):
        return _exists(question, material)
    matches = material.search(question)
    if matches and matches[0].score >= 0.4:
        reply = _reply(matches[0].unit, material)
        if reply is not None:
            return reply
    if not question.terms or not matches or matches[0].score < 0.5:
        by_sight = _seen(question, material)
        if by_sight is not None:
            return by_sight
        best = tuple(m.unit for m in matches[:1] if m.own > 0.3)
        return Finding("", best, sure=False, sentence="The evidence does not say.")
    best_match = matches[0]
    unit = best_match.unit
    denied = any(t.low in _NEGATIVE for t in tokens(unit.text)) != any(
        t.low in _NEGATIVE for t in tokens(low)
    )
    asked = [n.value for n in numbers(tokens(question.text))]
    told = [n.value for n in numbers(tokens(unit.text))]
    if asked and told and not set(asked) & set(told):
        return Finding(
            "no", (unit,), sure=False, polarity=False, sentence="No, the evidence gives another figure:"
        )
    held = {stem(t.low, unit.language) for t in tokens(unit.text)}
    missing = [t for t in question.terms if not (set(material.index.forms(t)) & held)]
    if best_match.score > 0.75 and best_match.own > 0.55:
        if denied:
            return Finding("no", (unit,), sure=False, polarity=False, sentence="No, as far as this tells:")
        return Finding("yes", (unit,), sure=not missing, polarity=True, sentence="Yes, as far as this tells:")
    return Finding(
        "", (unit,), sure=False, sentence="The evidence does not say so in so many words; the nearest is:"
    )


_YES = re.compile(
    r"^(?:yes|yeah|yep|sure|of course|absolutely|definitely|certainly|indeed|it (?:is|was|does|did)|exactly|right)\b",
    re.I,
)
_NO = re.compile(
    r"^(?:no|not|never|nope|hardly|unfortunately not|it (?:isn't|wasn't|is not|was not|doesn't|didn't))\b",
    re.I,
)


def _reply(unit: Unit, material: Material) -> Finding | None:
    """The answer somebody gives in the video when the same is asked there."""
    asked = unit if unit.asks else None
    before = material.index.speech[unit.place - 1] if unit.kind == "speech" and unit.place else None
    if asked is None and before is not None and before.asks:
        asked = before
    if asked is None or asked.place + 1 >= len(material.index.speech):
        return None
    said = material.index.speech[asked.place + 1]
    if _NO.match(said.text):
        return Finding("no", (said, asked), polarity=False, sentence="No, by the answer given in the video:")
    if _YES.match(said.text):
        return Finding("yes", (said, asked), polarity=True, sentence="Yes, by the answer given in the video:")
    return None


def _exists(question: Question, material: Material) -> Finding:
    words = [
        t
        for t in question.terms
        if t not in ("mention", "contain", "include", "feature", "discuss", "refer", "visible", "shown")
    ]
    found = find_presence(" ".join(words), material)
    if found.said or found.written or found.seen:
        times = [s.start for s in found.said + found.written] + [t.start for t in found.seen]
        return Finding(
            "yes",
            tuple(found.said[:1] + found.written[:1]),
            polarity=True,
            sentence="Yes."
            if found.said or found.written
            else f"Yes: recognised at {', '.join(span(t.start, t.end) for t in found.seen[:4])}.",
            start=min(times),
        )
    text, knowable = absence(" ".join(words) or question.text, material)
    return Finding(
        "no" if knowable else "",
        (),
        sure=knowable,
        polarity=False if knowable else None,
        sentence=f"No. {text}" if knowable else text,
    )


def _seen(question: Question, material: Material) -> Finding | None:
    for word in question.terms:
        found = objects.seen_of(material.notes, word)
        if found and len(question.terms) == 1:
            times = ", ".join(span(t.start, t.end) for t in found[0].tags[:4])
            return Finding(
                "yes",
                (),
                sure=False,
                polarity=True,
                sentence=f"Yes: a {found[0].label} was recognised at {times}.",
            )
    return None

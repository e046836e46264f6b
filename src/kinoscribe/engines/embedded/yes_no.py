"""Answers yes-no questions with the reason: a yes needs evidence, a no needs its absence where it would show."""

import re

from kinoscribe.engines.embedded import objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Match, Unit
from kinoscribe.engines.embedded.lexicon import COLOURS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.presence import absence, find_presence
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.words import stem, tokens

_EXISTS = re.compile(
    r"\b(?:is|are|was|were) there\b|\b(?:do|does|did|can) (?:you|we|i|one) (?:see"
    r"|find|hear|spot)\b|\b(?:appears?|shown|seen|visible|mention(?:s|ed)?|show"
    r"|shows|contain|contains|include|includes|feature|features|talk(?:s|ed)? about"
    r"|speak about|said about|discuss(?:es|ed)?|refer(?:s|red)?)\b"
    r"|\b(?:is|are|was|were) .{1,30}\b(?:used|needed|present|included|involved|required)\b"
    r"|^(?:do|does|did) (?:she|he|they|you|the \w+|we|one) (?:use|need|include)\b"
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
        unknown = [t for t in question.terms if not material.index.forms(t)]
        if _DOES.search(low):
            reason = "What people do is not in the evidence: it holds words, text and recognised objects, no actions."
        elif unknown:
            reason = (
                f"The evidence does not say: {_and(unknown)} "
                f"{'is' if len(unknown) == 1 else 'are'} neither said nor shown as text."
            )
        else:
            reason = "The evidence does not say."
        return Finding("", best, sure=False, sentence=reason)
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
    other = _other_colour(low, matches)
    if other is not None:
        return other
    if not missing and best_match.score > 0.75 and best_match.own > 0.55:
        if denied:
            return Finding("no", (unit,), sure=False, polarity=False, sentence="No, as far as this tells:")
        return Finding("yes", (unit,), sure=not missing, polarity=True, sentence="Yes, as far as this tells:")
    return Finding(
        "", (unit,), sure=False, sentence="The evidence does not say so in so many words; the nearest is:"
    )


def _other_colour(low: str, matches: list[Match]) -> Finding | None:
    """`Is the lighthouse green?` when it is said to be red and white."""
    asked = {t.low for t in tokens(low)} & COLOURS
    if not asked:
        return None
    for match in matches[:4]:
        told = spans.find(match.unit.text, "colour")
        if told and match.score > 0.4:
            named = {t.low for s in told for t in tokens(s.text)}
            if asked & named:
                return Finding(
                    "yes", (match.unit,), sure=False, polarity=True, sentence="Yes, as far as this tells:"
                )
            return Finding(
                "no", (match.unit,), sure=False, polarity=False, sentence="No, as far as this tells:"
            )
    return None


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


_OBJECT = re.compile(
    r"\b(?:mention(?:s|ed)?|contains?|includes?|features?|discuss(?:es|ed)?"
    r"|refers? to|referred to|talk(?:s|ed)? about|speaks? about"
    r"|shows?|see|find|hear|spot|uses?|needs?|(?:is|are|was|were) there(?: any| an?"
    r"| some)?|said about|speak of)\s+(.+)$",
    re.I,
)
_WHERE = re.compile(
    r"\s*\b(?:(?:in|during|on|at) (?:the|this|that) (?:whole )?(?:video|clip|film"
    r"|picture|scene|recording|footage|screen|interview|lecture|talk)"
    r"|(?:to be )?(?:shown|seen|visible|mentioned|used|needed|present|included"
    r"|involved|required|said|displayed)|on screen|anywhere|at all|ever)\s*$",
    re.I,
)
_SAID = re.compile(r"\b(?:mention\w*|talk\w*|speak\w*|said|discuss\w*|refer\w*|hear)\b")
_DOES = re.compile(r"\b(?:someone|somebody|anyone|anybody|people|person|man|woman|he|she|they)\b.*\b\w+ing\b")


def _thing(question: Question) -> str:
    """What a question for existence is about, without its verbs."""
    line = question.text.strip(" ?.!")
    found = _OBJECT.search(line)
    thing = (
        found.group(1)
        if found
        else re.sub(r"^(?:is|are|was|were|does|do|did|can)\s+(?:there\s+)?", "", line, flags=re.I)
    )
    before = ""
    while before != thing:
        before, thing = thing, _WHERE.sub("", thing)
        thing = re.sub(r"^(?:any|an?|the|some|of)\s+", "", thing.strip(), flags=re.I)
    return thing or " ".join(question.terms)


def _exists(question: Question, material: Material) -> Finding:
    thing = _thing(question)
    found = find_presence(thing, material)
    if not found.empty:
        times = [s.start for s in found.said + found.written] + [t.start for t in found.seen]
        seen = ", ".join(span(t.start, t.end) for t in found.seen[:4])
        return Finding(
            "yes",
            tuple(found.said[:1] + found.written[:1]),
            polarity=True,
            sentence=f"Yes: recognised at {seen}." if seen else "Yes.",
            start=min(times),
        )
    heard_only = bool(_SAID.search(question.text.lower()))
    text, knowable = absence(thing, material, spoken=heard_only)
    if heard_only and knowable:
        return Finding("no", (), polarity=False, sentence=f"No. {text}")
    if knowable:
        return Finding("no", (), sure=False, polarity=False, sentence=f"No. {text}")
    return Finding("no evidence of it", (), sure=False, polarity=False, sentence=text)


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


def _and(words: list[str]) -> str:
    quoted = [f"“{w}”" for w in words[:4]]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]

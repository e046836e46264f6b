"""Answers questions that want an amount, a time, a reason or another phrase of a known kind."""

import re
from dataclasses import dataclass

from kinoscribe.engines.embedded import spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Match, Unit
from kinoscribe.engines.embedded.lexicon import LIGHT_VERBS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import numbers
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.span import Span
from kinoscribe.engines.embedded.words import is_stop, stem, tokens

# Which phrases answer a kind of question, the best fitting first.
_PHRASES: dict[str, tuple[str, ...]] = {
    "money": ("money",),
    "percent": ("percent", "quantity"),
    "duration": ("duration", "with_long"),
    "length": ("with_long", "length", "measure"),
    "speed": ("speed", "measure", "duration"),
    "weight": ("weight",),
    "temperature": ("temperature", "bare_degrees"),
    "age": ("duration", "count"),
    "quantity": ("weight", "quantity"),
    "weekday": ("weekday", "when"),
    "year": ("year",),
    "when": ("when",),
    "clock": ("clock", "when"),
    "reason": ("reason",),
    "url": ("url",),
    "email": ("email",),
    "phone": ("phone",),
    "version": ("version",),
    "frequency": ("frequency",),
    "manner": ("manner",),
}
_STRICT = (
    "when",
    "weekday",
    "clock",
    "year",
    "duration",
    "percent",
    "length",
    "weight",
    "temperature",
    "frequency",
)
_ENOUGH = 0.34  # share of a question's words that evidence must hold before it is offered as an answer
_RECORDED = re.compile(r"\b(?:recorded|recording|filmed|film|taken|shot|date|time ?stamp|made|broadcast)\b")
_FREQUENCY = re.compile(
    r"\b(?:once|twice|\w+ times) (?:a|per|every) \w+"
    r"|\bevery (?:\w+ )?(?:second|minute|hour|day|week|month|year|morning|evening|night|other \w+|\w+day)s?"
    r"(?: at [\w ]{3,12})?"
    r"|\b(?:daily|weekly|monthly|yearly|annually|hourly)\b",
    re.I,
)
_WITH_LONG = re.compile(
    r"\b((?:at least |about |around |up to )?[\w.,-]+ [^\W\d_]+) (?:long|high|tall|wide|deep|far|thick|away)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    unit: Unit
    score: float


def typed(question: Question, material: Material) -> Finding | None:
    """The finding for a question of a known kind, or None for other questions and when there is no such phrase."""
    kinds = _PHRASES.get(question.kind)
    if kinds is None:
        return None
    extreme = _extreme(question, kinds[0], material)
    if extreme is not None:
        return extreme
    matches = material.search(question)
    best: _Candidate | None = None
    for place, kind in enumerate(kinds):
        found = _best_span(question, material, matches, kind)
        if found is not None and (best is None or found.score - 0.3 * place > best.score):
            best = found
    top = matches[0].score if matches else 0.0
    if question.kind == "weekday" and re.search(r"\bday of the (?!week)", question.text.lower()):
        best = None
    if best is not None and best.score >= max(_ENOUGH, 0.55 * top):
        text = _tidy(best.text, question.kind)
        if question.kind in ("when", "weekday", "clock"):
            text = _after_move(text, best.unit.text)
        return Finding(text, (best.unit,), sure=best.score > 0.6)
    return _without_words(question, matches, material)


def _after_move(text: str, sentence: str) -> str:
    """`moves from May to July`: what counts is the new date."""
    moved = re.search(r"\b(?:mov|postpon|shift|delay|chang|resched|push)\w*\b.{0,20}\bfrom\b", sentence, re.I)
    later = re.search(r"\bto (.+)$", text)
    return later.group(1) if moved and later else text


def _extreme(question: Question, kind: str, material: Material) -> Finding | None:
    """`the cheapest price`, `the longest time`: the smallest or largest of all."""
    low = question.text.lower()
    least = re.search(r"\b(?:cheapest|lowest|smallest|shortest|least|minimum|earliest)\b", low)
    most = re.search(r"\b(?:most expensive|highest|largest|biggest|longest|maximum|dearest|greatest)\b", low)
    if not (least or most):
        return None
    found = [
        (s.value, u, s)
        for u in material.units(question)
        for s in spans.find(u.text, kind)
        if s.value is not None
    ]
    if not found:
        return None
    key = [(value, unit.place, span.start) for value, unit, span in found]
    place = key.index(min(key) if least else max(key, key=lambda k: (k[0], -k[1])))
    return Finding(found[place][2].text, (found[place][1],), sure=False, number=found[place][0])


def _without_words(question: Question, matches: list[Match], material: Material) -> Finding | None:
    """What may answer although its words are not those of the question: the only price, the only address."""
    low = question.text.lower()
    units = material.units(question)
    match question.kind:
        case "money":
            return _bare_price(question, material)
        case "reason":
            return _reason(matches, material)
        case "url" | "email" | "phone" | "version":
            return next(
                (Finding(f[0].text, (u,)) for u in units if (f := spans.find(u.text, question.kind))), None
            )
        case "weekday" if re.search(r"\bday of the (?!week)", low):
            for unit in units:
                day = re.search(r"\bday (?:number )?(\w+)", unit.text, re.I)
                if day and numbers(tokens(day.group(1))):
                    return Finding(day.group(), (unit,), sure=False)
        case "when" | "clock" | "year" if _RECORDED.search(low):
            for unit in units:
                stamps = spans.find(unit.text, "when")
                if unit.kind == "text" and stamps and len(stamps[0].text) > 0.6 * len(unit.text):
                    return Finding(unit.text, (unit,), sure=False)
        case "when" if "next" in question.terms or re.search(r"\b(?:again|return)\b", low):
            for unit in units[::-1]:
                days = spans.find(unit.text, "when")
                if days and re.search(
                    r"\bsee you\b|\bnext\b|\bback\b|\bagain\b|\bjoin us\b", unit.text, re.I
                ):
                    return Finding(days[0].text, (unit,), sure=False)
        case "when" if re.search(r"\b(?:until|till|by) when\b", low):
            for unit in units:
                until = re.search(r"\b(?:until|till|by|through) [\w ]{3,30}", unit.text)
                if until and spans.find(until.group(), "when"):
                    return Finding(spans.find(until.group(), "when")[0].text, (unit,), sure=False)
        case "year" if re.search(
            r"\b(?:slide|screen|shown|written|stands?|text|beside|next to|sign|caption)\b", low
        ):
            shown = [(u, s) for u in units if u.kind == "text" for s in spans.find(u.text, "year")]
            if len({s.value for _, s in shown}) == 1:
                return Finding(shown[0][1].text, (shown[0][0],), sure=False)
        case "manner" | "temperature" | "percent" | "duration" | "speed" | "weight":
            found = [(u, s) for u in units for s in _spans(u.text, _PHRASES[question.kind][0])]
            if found and len({s.value for _, s in found}) == 1:
                return Finding(found[0][1].text, (found[0][0],), sure=False)
    if question.kind in _STRICT:
        return Finding("", tuple(m.unit for m in matches[:1] if m.score > 0.4), sure=False)
    return None


def _best_span(question: Question, material: Material, matches: list[Match], kind: str) -> _Candidate | None:
    stems = _weights(question, material)
    asked_numbers = {s.value for s in spans.find(question.text, "number")}
    until = bool(re.search(r"\b(?:until|till|by) when\b", question.text.lower()))
    found: list[_Candidate] = []
    only = not question.terms
    pool = matches if not only else [Match(u, 0.4, 0.4) for u in material.units(question)]
    for match in pool[:80]:
        for span in _spans(match.unit.text, kind):
            if (
                span.value is not None
                and span.value in asked_numbers
                and kind in ("duration", "length", "quantity", "count")
            ):
                continue
            score = match.score + 0.25 * match.own + _nearness(match.unit, span, stems)
            if until and span.text.lower().startswith(("until", "till", "by")):
                score += 0.4
            if match.unit.kind == "text":
                score += 0.05
            found.append(_Candidate(span.text, match.unit, score))
    if not found:
        return None
    found = [_Candidate(c.text, c.unit, c.score + _agreement(c, found)) for c in found]
    if question.position == "last":
        top = max(c.score for c in found)
        late = [c for c in found if c.score > top - 0.2]
        return max(late, key=lambda c: (c.unit.start, c.score))
    return max(found, key=lambda c: (c.score, -c.unit.place))


def _spans(text: str, kind: str) -> list[Span]:
    if kind == "frequency":
        return [Span("frequency", m.start(), m.end(), m.group()) for m in _FREQUENCY.finditer(text)]
    if kind == "with_long":
        return [
            Span("length", m.start(1), m.end(1), m.group(1))
            for m in _WITH_LONG.finditer(text)
            if numbers(tokens(m.group(1)))
        ]
    if kind == "bare_degrees":
        return [s for s in spans.find(text, "number") if s.value and 30 <= s.value <= 500]
    if kind == "clock":
        return [s for s in spans.find(text, "when") if _has_clock(s.text)]
    return spans.find(text, kind)


def _has_clock(text: str) -> bool:
    return bool(
        re.search(
            r"\bat\b|\d:\d\d|o'clock|\b[ap]\.?m\b|\d\.\d\d|noon|midnight|\bpast\b|\buntil\b|\bfrom\b",
            text,
            re.I,
        )
    )


def _weights(question: Question, material: Material) -> dict[str, float]:
    """The stems a question's words may stand for, each with its weight; light verbs count little."""
    found: dict[str, float] = {}
    for term in question.terms:
        light = 0.4 if term in LIGHT_VERBS else 1.0
        for form, weight in material.index.forms(term).items():
            found[form] = max(found.get(form, 0.0), weight * light)
    return found


def _nearness(unit: Unit, span: Span, stems: dict[str, float]) -> float:
    """Up to 0.25 for words of the question that stand close to a phrase in its own sentence."""
    best = 0.0
    for token in tokens(unit.text):
        weight = stems.get(stem(token.low, unit.language), 0.0)
        if weight and not span.start <= token.start < span.end:
            gap = span.start - token.end if token.end <= span.start else token.start - span.end
            best = max(best, 0.25 * weight * max(0.0, 1 - gap / 60))
    return best


def _agreement(candidate: _Candidate, others: list[_Candidate]) -> float:
    mine = {t.low for t in tokens(candidate.text) if not is_stop(t.low, "en")}
    for other in others:
        if other.unit.kind != candidate.unit.kind and mine & {t.low for t in tokens(other.text)}:
            return 0.12
    return 0.0


def _tidy(text: str, kind: str) -> str:
    text = text.strip(" ,;:")
    if kind == "reason":
        return re.sub(r"^(?:because(?! of)|since|so that)\s+", "", text, flags=re.I)
    if kind in ("weekday", "when", "clock"):
        return re.sub(r"^(?:and|of|from|to)\s+", "", text)
    return text


def _bare_price(question: Question, material: Material) -> Finding | None:
    """`Only 19.50` on the screen: a number with two decimals and no unit is a price when a price is asked for."""
    for unit in material.units(question):
        if unit.kind == "text":
            found = re.search(r"(?<![\d.:,])\d{1,6}[.,]\d{2}(?![\d.:])", unit.text)
            if found:
                return Finding(found.group(), (unit,), sure=False)
    for unit in material.units(question):
        money = spans.find(unit.text, "money")
        if money and len(question.terms) <= 1:
            return Finding(money[0].text, (unit,), sure=False)
    return None


def _reason(matches: list[Match], material: Material) -> Finding | None:
    """Without a `because`: the sentence after the matter is often its reason."""
    if not matches or matches[0].score < _ENOUGH:
        return None
    best = matches[0].unit
    if best.kind == "speech" and best.place + 1 < len(material.index.speech):
        following = material.index.speech[best.place + 1]
        if spans.find(following.text, "reason"):
            return Finding(_tidy(spans.find(following.text, "reason")[0].text, "reason"), (following, best))
    return Finding(
        best.text.rstrip("."),
        (best,),
        sure=False,
        sentence="No reason is given in so many words; the nearest is:",
    )

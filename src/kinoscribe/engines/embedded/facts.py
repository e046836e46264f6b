"""Answers one question with the shortest phrase of the evidence that has the kind it asks for."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from kinoscribe.engines.embedded import counts, lists, objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Match, Unit
from kinoscribe.engines.embedded.lexicon import KINDS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.names import brand, channel, person, place_name
from kinoscribe.engines.embedded.phrases import around, clean, new_part, noun_phrase
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.scoreboard import leader, points_made, scores
from kinoscribe.engines.embedded.slides import slides
from kinoscribe.engines.embedded.video_facts import about_video, answer_about, main_colours
from kinoscribe.engines.embedded.words import is_stop, stem, tokens
from kinoscribe.engines.embedded.yes_no import answer_yes_no

# Which phrases answer a kind of question, the best fitting first.
_PHRASES: dict[str, tuple[str, ...]] = {
    "money": ("money",),
    "percent": ("percent", "quantity"),
    "duration": ("duration",),
    "length": ("length", "measure"),
    "speed": ("speed", "measure"),
    "weight": ("weight",),
    "temperature": ("temperature",),
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
    "frequency": ("frequency",),
}
_ENOUGH = 0.34  # share of a question's words that evidence must hold before it is offered as an answer
_FREQUENCY = re.compile(
    r"\b(?:once|twice|(?:\w+) times) (?:a|per|every) \w+|\bevery (?:\w+ )?(?:second|minute|hour|day|week|month|year|morning|evening|night|other \w+|\w+day)s?(?: at [\w ]{3,12})?|\b(?:daily|weekly|monthly|yearly|annually|hourly)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    unit: Unit
    score: float


def answer(question: Question, material: Material) -> Finding:
    """The best finding for one question; its `short` is empty when the evidence holds none."""
    low = " ".join(question.text.lower().split())
    about = about_video(low)
    if about:
        return answer_about(about, low, material.index, material.facts)
    if question.yes_no:
        return answer_yes_no(question, material)
    for special in (_from_scoreboard, _special_name, counts.count, _colour, lists.members, _shown_words):
        found = special(question, material)
        if found is not None:
            return found
    typed = _typed(question, material)
    if typed is not None:
        return typed
    return _open(question, material)


def _from_scoreboard(question: Question, material: Material) -> Finding | None:
    if question.kind not in ("score", "winner", "count"):
        return None
    board = scores(material.index)
    if not board:
        return None
    last = board[0] if question.position == "first" else board[-1]
    if question.kind == "score":
        if re.search(r"half[ -]?time", question.text.lower()):
            return None
        names = f"{last.home_name} {last.home}-{last.away} {last.away_name}".strip()
        return Finding(names, (last.unit,), start=last.start, end=last.end)
    if question.kind == "winner":
        ahead = leader(last)
        if ahead is None:
            return Finding("nobody, it is a draw", (last.unit,), sentence=f"Nobody: it stands {last.text}.")
        return Finding(ahead or ("the home side" if last.home > last.away else "the away side"), (last.unit,))
    if re.search(r"\b(?:goals?|points?|baskets?|runs?|tries|touchdowns?)\b", question.text.lower()):
        for score in board:
            for name, value, first in (
                (score.home_name, last.home, board[0].home),
                (score.away_name, last.away, board[0].away),
            ):
                if name and name.lower() in question.text.lower():
                    return Finding(str(value - first), (last.unit,), number=value - first)
        made = points_made(board)
        return Finding(counts.say(made), tuple(s.unit for s in board[1:]) or (last.unit,), number=made)
    return None


def _special_name(question: Question, material: Material) -> Finding | None:
    match question.kind:
        case "person":
            return person(question, material)
        case "named":
            return _named(question, material)
        case "where":
            return place_name(question, material)
        case "which" | "what":
            low = question.text.lower()
            if re.search(
                r"\b(?:channel|station|broadcaster|network|news programme|news program|tv show)\b", low
            ):
                return channel(material)
            if re.search(
                r"\b(?:brand|company|make|manufacturer|product|advertise[ds]?|advertiser|sponsor)\b", low
            ):
                return brand(question, material)
    return None


def _named(question: Question, material: Material) -> Finding | None:
    low = question.text.lower()
    if re.search(r"\b(?:channel|station|broadcaster|network|programme|program|show|series)\b", low):
        return channel(material)
    if re.search(r"\b(?:brand|company|product|manufacturer|app|advertiser)\b", low):
        found = brand(question, material)
        if found is not None:
            return found
    heads = frozenset(stem(t) for t in question.terms)
    for match in material.search(question):
        unit = match.unit
        if match.score < 0.2:
            break
        named = re.search(
            r"\b(?:named|called|known as|name is|names?)\s+((?:(?:the|a)\s+)?[\w'’-]+(?:\s+(?:[A-Z][\w'’-]*|of|the))*)",
            unit.text,
        )
        if named and unit.kind == "speech":
            return Finding(clean(named.group(1)), (unit,))
        of_the = re.match(r"^\s*([\w'’-]+(?:\s[\w'’-]+)?)\s+(?:the|THE|,)\s+(\w+)\s*$", unit.text)
        if of_the and stem(of_the.group(2).lower()) in heads:
            return Finding(of_the.group(1).title() if of_the.group(1).isupper() else of_the.group(1), (unit,))
        names = [
            s for s in spans.find(unit.text, "proper") if not ({stem(t.low) for t in tokens(s.text)} & heads)
        ]
        if names:
            return Finding(names[0].text, (unit,))
    return person(question, material)


def _colour(question: Question, material: Material) -> Finding | None:
    if question.kind != "colour":
        return None
    heads = [t for t in question.terms if not is_stop(t, "en")]
    stems = {form for t in heads for form in material.index.forms(t)}
    best: _Candidate | None = None
    for match in material.search(question):
        for span in spans.find(match.unit.text, "colour"):
            words = tokens(match.unit.text)
            near = [abs(w.start - span.end) for w in words if stem(w.low, match.unit.language) in stems]
            score = match.score + (0.5 if near and min(near) < 30 else 0.0)
            if match.score >= 0.3 and (best is None or score > best.score):
                best = _Candidate(span.text, match.unit, score)
    if best is not None:
        return Finding(best.text, (best.unit,))
    for word in [question.target, *heads]:
        for sightings in objects.seen_of(material.notes, word) if word else []:
            if sightings.colours:
                tag = next(t for t in sightings.tags if t.colour)
                return Finding(
                    " and ".join(sightings.colours[:3]),
                    (),
                    sure=False,
                    sentence=f"{' and '.join(sightings.colours[:3]).capitalize()}: that is the main colour where a {sightings.label} was recognised.",
                    start=tag.start,
                    end=tag.end,
                )
    colours = main_colours(material.notes)
    if not colours:
        return Finding(
            "",
            (),
            sure=False,
            sentence=f"The colour of “{' '.join(heads) or 'that'}” is neither said nor shown as text, and the colours of the pictures were not collected.",
        )
    listed = ", ".join(colours[:-1]) + " and " + colours[-1] if len(colours) > 1 else colours[0]
    what = " ".join(heads)
    return Finding(
        f"not certain; the picture is mainly {listed}",
        (),
        sure=False,
        sentence=f"No evidence ties a colour to {'the ' + what if what else 'that'}; the main colours of the picture are {listed}.",
    )


def _shown_words(question: Question, material: Material) -> Finding | None:
    """`Which word is printed on the mug?`, `Which words appear, in order?`: the screen text itself."""
    low = question.text.lower()
    if not re.search(
        r"\b(?:words?|texts?|letters?|sign|caption|headline|title|writing|inscription|label)s?\b", low
    ):
        return None
    if not re.search(
        r"\b(?:shown?|appears?|written|printed|display\w*|read|reads|says?|seen|on (?:the )?screen|visible|on the|stands?)\b",
        low,
    ):
        return None
    from kinoscribe.engines.embedded.slides import distinct

    texts = [u for u in material.units(question) if u.kind == "text"]
    if not texts:
        return None
    if question.position == "first":
        texts = [u for u in texts if u.start <= texts[0].start + 0.5]
    elif question.position == "last":
        end = max(u.end for u in texts)
        texts = [u for u in texts if u.end >= end - 1.0]
    terms = [
        t
        for t in question.terms
        if t
        not in (
            "word",
            "words",
            "text",
            "order",
            "printed",
            "written",
            "appear",
            "displayed",
            "headline",
            "title",
        )
    ]
    if terms:
        matched = [m.unit for m in material.index.search(terms, texts) if m.score > 0.5]
        texts = matched or texts
    lines = distinct(texts)
    if re.search(r"\b(?:headline|title)\b", low):
        lines = [u for u in lines if u.role == "headline"] or lines
    items = tuple(u.text for u in lines[:12])
    return Finding(", ".join(items), tuple(lines[:6]), items=items)


def _typed(question: Question, material: Material) -> Finding | None:
    kinds = _PHRASES.get(question.kind)
    if kinds is None:
        return None
    matches = material.search(question)
    for kind in kinds:
        best = _best_span(question, material, matches, kind)
        if best is not None and best.score >= _ENOUGH:
            return Finding(_tidy(best.text, question.kind), (best.unit,), sure=best.score > 0.6)
    if question.kind == "money":
        return _bare_price(question, material)
    if question.kind == "reason":
        return _reason(question, matches, material)
    if question.kind in ("url", "email", "phone"):
        for unit in material.units(question):
            found = spans.find(unit.text, question.kind)
            if found:
                return Finding(found[0].text, (unit,))
    return None


def _best_span(question: Question, material: Material, matches: list[Match], kind: str) -> _Candidate | None:
    stems = {form for t in question.terms for form in material.index.forms(t)}
    asked_numbers = {s.value for s in spans.find(question.text, "number")}
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


def _spans(text: str, kind: str) -> list[spans.Span]:
    if kind == "frequency":
        return [spans.Span("frequency", m.start(), m.end(), m.group()) for m in _FREQUENCY.finditer(text)]
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


def _nearness(unit: Unit, span: spans.Span, stems: set[str]) -> float:
    """Up to 0.25 for words of the question that stand close to a phrase in its own sentence."""
    best = 0.0
    for token in tokens(unit.text):
        if stem(token.low, unit.language) in stems and not span.start <= token.start < span.end:
            gap = span.start - token.end if token.end <= span.start else token.start - span.end
            best = max(best, 0.25 * max(0.0, 1 - gap / 60))
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


def _reason(question: Question, matches: list[Match], material: Material) -> Finding | None:
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


def _open(question: Question, material: Material) -> Finding:
    """What, which and how: the phrase of the best sentence that the question does not hold itself."""
    matches = material.search(question)
    if not question.terms or not matches or matches[0].score < _ENOUGH:
        return _nothing(question, matches)
    if question.position:
        matches = _by_position(question, matches)
    forms = {form for t in question.terms for form in material.index.forms(t)}

    def known(word: str) -> bool:
        return any(stem(word, language) in forms for language in material.index.languages)

    best = matches[0]
    for match in matches[:4]:
        if match.score + 0.35 * match.own < 0.75 * (best.score + 0.35 * best.own):
            break
        phrase = _answer_in(question, match.unit, known)
        if phrase:
            return Finding(phrase, (match.unit,), sure=best.score > 0.55)
    follower = _next_speech(best.unit, material)
    if follower is not None and best.own > 0.6:
        return Finding(follower.text.rstrip("."), (follower, best.unit), sure=False)
    return Finding(best.unit.text.rstrip("."), (best.unit,), sure=False)


def _answer_in(question: Question, unit: Unit, known: Callable[[str], bool]) -> str:
    if question.kind == "which" and question.target:
        head = question.target.split()[-1]
        kinds = _members(head)

        def is_head(word: str) -> bool:
            return stem(word) == stem(head) or stem(word) in kinds

        phrase = around(unit.text, is_head)
        if phrase:
            return clean(phrase)
        if kinds:
            member = noun_phrase(unit.text, lambda word: stem(word) in kinds)
            if member:
                return clean(member)
    if unit.kind == "text" and len(unit.text.split()) <= 4:
        return unit.text
    return clean(new_part(unit.text, known))


def _members(head: str) -> frozenset[str]:
    kind = next((name for name in KINDS if stem(name) == stem(head)), None)
    return frozenset(stem(w.split("-")[-1]) for w in KINDS[kind].split()) if kind else frozenset()


def _by_position(question: Question, matches: list[Match]) -> list[Match]:
    top = matches[0].score
    near = [m for m in matches if m.score > 0.8 * top]
    near.sort(key=lambda m: m.unit.start, reverse=question.position == "last")
    return near + [m for m in matches if m.score <= 0.8 * top]


def _next_speech(unit: Unit, material: Material) -> Unit | None:
    place = unit.place + 1
    return (
        material.index.speech[place] if unit.kind == "speech" and place < len(material.index.speech) else None
    )


def _nothing(question: Question, matches: list[Match]) -> Finding:
    return Finding("", tuple(m.unit for m in matches[:1] if m.score > 0.2), sure=False)


__all__ = ["answer", "slides"]

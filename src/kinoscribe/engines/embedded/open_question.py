"""Answers what, which and how with the words of the best sentence that the question does not hold itself."""

import re
from collections.abc import Callable

from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import KIND_OF, Match, Unit
from kinoscribe.engines.embedded.lexicon import FUNCTION_VERBS, KINDS, PARTS_OF_VIDEO, PLACE_PREPOSITIONS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.phrases import around, clean, new_part, noun_phrase
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.words import content_words, guess_language, is_stop, stem, tokens

_ENOUGH = 0.34
_PARTS = PARTS_OF_VIDEO
_ORDER = re.compile(r"\b(after|before|following)\s+((?!that\b|this\b|all\b|\d)\w.{3,80}?)[?.!]*$", re.I)


def open_answer(question: Question, material: Material) -> Finding:
    """The phrase that answers, or an empty finding with the nearest unit."""
    matches = material.search(question)
    enough = _ENOUGH if guess_language(question.text) in (None, "en") else 0.6
    if not question.terms or not matches or matches[0].score < enough:
        scoped = _whole_scope(question, material)
        return scoped or Finding(
            "", tuple(m.unit for m in matches[:1] if m.score > max(0.2, enough - 0.2)), sure=False
        )
    if question.position:
        matches = _by_position(question, matches)
    known = _known(question, material)
    labelled = _beside_label(matches, material)
    if labelled is not None:
        return labelled
    best = matches[0]
    offers: list[tuple[float, str, Unit]] = []
    for match in matches[:6]:
        worth = match.score + 0.35 * match.own + 0.3 * _has_verb(question, match.unit, material)
        if worth < 0.7 * (best.score + 0.35 * best.own):
            continue
        phrase = _answer_in(question, match.unit, known)
        if phrase and not match.unit.asks:
            described = (
                question.kind == "which"
                and bool(question.target)
                and _members_phrase(question, match.unit) == phrase
            )
            offers.append((worth + _fitness(question, phrase) + 0.4 * described, phrase, match.unit))
    if offers:
        offer = max(offers, key=lambda o: (o[0], -o[2].place))
        return Finding(offer[1], (offer[2],), sure=best.score > 0.55)
    follower = _next_speech(best.unit, material)
    if follower is not None and best.own > 0.6:
        return Finding(follower.text.rstrip("."), (follower, best.unit), sure=False)
    return Finding(best.unit.text.rstrip("."), (best.unit,), sure=False)


def in_order(question: Question, material: Material) -> Finding | None:
    """`What is added after the butter is mixed?`: the sentence after, or before, the one that tells of it."""
    found = _ORDER.search(question.text)
    if found is None or question.kind not in ("what", "which", "person"):
        return None
    clause = [w for w in content_words(found.group(2), "en") if w not in _PARTS]
    if not clause:
        return None
    speech = material.index.speech
    anchors = material.index.search(clause, speech)
    if not anchors or anchors[0].own < 0.5:
        return None
    first = re.escape(clause[0])
    if any(re.search(rf"\b{found.group(1)}\b[\w ]{{0,12}}\b{first}", a.unit.text, re.I) for a in anchors[:4]):
        return None
    going_on = re.search(r"\band (?:then )?((?:\w+ )+\w+)\W*$", anchors[0].unit.text)
    held = {form for t in clause for form in material.index.forms(t)}
    if found.group(1).lower() != "before" and going_on:
        rest = {stem(t.low) for t in tokens(going_on.group(1))}
        if not rest & held and tokens(going_on.group(1))[0].low not in ("the", "a", "an"):
            return Finding(going_on.group(1), (anchors[0].unit,), sure=False)
    alike = [a.unit.place for a in anchors if a.own >= 0.9 * anchors[0].own]
    if found.group(1).lower() == "before":
        at = min(alike)
        near = speech[max(0, at - 2) : at][::-1]
    else:
        at = max(alike)
        near = speech[at + 1 : at + 3]
    asked = content_words(question.text[: found.start()], "en")
    ranked = {m.unit.place: m.own for m in material.index.search(asked, near)} if asked else {}
    if not near:
        return None
    best = max(near, key=lambda u: (ranked.get(u.place, 0.0), -abs(u.place - at)))
    return Finding(best.text.rstrip("."), (best,), sure=False)


def _known(question: Question, material: Material) -> Callable[[str], bool]:
    forms = {
        form for t in question.terms for form, weight in material.index.forms(t).items() if weight != KIND_OF
    }
    return lambda word: any(stem(word, language) in forms for language in material.index.languages)


def _beside_label(matches: list[Match], material: Material) -> Finding | None:
    """`Resolution:` on a screen is answered by what stands to the right of it."""
    for match in matches[:3]:
        label = match.unit
        if label.kind == "text" and label.text.rstrip().endswith(":") and match.own > 0.4:
            right = [
                u
                for u in material.index.texts
                if u is not label
                and u.left > label.left
                and abs(u.top - label.top) < 0.6 * max(u.height, label.height, 0.01)
                and u.start < label.end
                and u.end > label.start
            ]
            if right:
                value = min(right, key=lambda u: (u.left, -u.end))
                latest = max((u for u in right if abs(u.left - value.left) < 0.03), key=lambda u: u.end)
                return Finding(latest.text, (label, latest))
    return None


def _has_verb(question: Question, unit: Unit, material: Material) -> bool:
    """Whether a sentence has the verb of the question: what is asked for is its object."""
    if not question.verb:
        return False
    forms = material.index.forms(question.verb)
    return any(forms.get(word, 0.0) >= 0.6 for word in material.index.stems(unit))


def _fitness(question: Question, phrase: str) -> float:
    """A phrase for a thing is a noun phrase: one that opens with a pronoun or preposition fits less."""
    words = [t.low for t in tokens(phrase)]
    if (
        not words
        or question.kind not in ("what", "which")
        or question.text.lower().lstrip().startswith("how")
    ):
        return 0.0
    loss = 0.3 * (words[0] in ("it", "them", "this", "that", "they", "he", "she")) + 0.2 * (
        words[0] in PLACE_PREPOSITIONS or words[0] in ("for", "with", "until", "as", "of")
    )
    return -loss


def _whole_scope(question: Question, material: Material) -> Finding | None:
    """When a question names a short part (`the Spanish part`) and nothing in it matches, that part itself."""
    if not question.language and question.scope is None:
        return None
    units = material.units(question)
    spoken = [u for u in units if u.kind == "speech"] or units
    if not spoken or sum(len(u.text.split()) for u in spoken) > 30:
        return None
    return Finding(" ".join(u.text for u in spoken), tuple(spoken[:2]), sure=False)


def _members_phrase(question: Question, unit: Unit) -> str:
    head = stem(question.target.split()[-1])
    return clean(around(unit.text, lambda word: stem(word) == head))


def _answer_in(question: Question, unit: Unit, known: Callable[[str], bool]) -> str:
    if unit.kind == "text" and unit.text.rstrip().endswith(":"):
        return ""
    if question.kind == "which" and question.target:
        head = question.target.split()[-1]
        kinds = _members(head)

        def is_head(word: str) -> bool:
            return stem(word) == stem(head) or stem(word) in kinds

        subject = _doer(question, unit) if _COPULA.match(question.text.lower().strip()) else ""
        phrase = subject or around(unit.text, is_head)
        if phrase:
            return clean(phrase)
        if kinds:
            member = noun_phrase(unit.text, lambda word: stem(word) in kinds)
            if member:
                return clean(member)
    if unit.kind == "text" and len(unit.text.split()) <= 4:
        return unit.text
    return _object(question, unit, known) or _doer(question, unit) or clean(new_part(unit.text, known))


def _object(question: Question, unit: Unit, known: Callable[[str], bool]) -> str:
    """What stands after the verb of the question in its clause."""
    if not question.verb or unit.kind != "speech":
        return ""
    words = tokens(unit.text)
    wanted = stem(question.verb)
    at = next((i for i, w in enumerate(words) if stem(w.low, unit.language) == wanted), None)
    if at is None or at + 1 >= len(words):
        return ""
    rest = re.split(
        r"[.!?;]|,\s+(?:and|but|so|which|who|because)\b|\s+(?:because|when|while|before|after|until)\b",
        unit.text[words[at].end :],
    )[0]
    if re.match(r"\s*(?:and|or|but)\b", rest):
        return ""
    content = [t for t in tokens(rest) if not is_stop(t.low, "en") and not known(t.low)]
    return clean(re.sub(r"^\s*(?:that|to|on|of)\s+", "", rest)) if content else ""


_SUBJECT = re.compile(
    r"^what (?!is\b|are\b|was\b|were\b|do\b|does\b|did\b|can\b|will\b|has\b|have\b"
    r"|had\b|should\b|would\b|could\b|kind\b)([a-z]{3,})\b"
)


_COPULA = re.compile(r"^which .+? (?:is|was|are|were) (?:the )?(?:most |least )?([a-z-]+)\s*\??$")


def _doer(question: Question, unit: Unit) -> str:
    """`What arrived?`, `Which part is the heaviest?`: the words before that verb in its clause."""
    adjective = _COPULA.match(question.text.lower().strip())
    if adjective is not None and stem(adjective.group(1)) in {
        stem(t.low, unit.language) for t in tokens(unit.text)
    }:
        head = re.split(r"\b(?:is|was|are|were)\b", unit.text)
        if len(head) > 1 and any(not is_stop(t.low, "en") for t in tokens(head[0])):
            return clean(re.split(r"[,;]\s+", head[0].strip())[-1])
    asked = _SUBJECT.match(question.text.lower().strip())
    if asked is None or unit.kind != "speech":
        return ""
    words = tokens(unit.text)
    wanted = stem(asked.group(1))
    at = next((i for i, w in enumerate(words) if stem(w.low, unit.language) == wanted), None)
    if not at:
        return ""
    before = re.split(r"[,.!?;]\s+|\b(?:and|but|so)\s+", unit.text[: words[at].start])[-1]
    parts = [
        t
        for t in tokens(before)
        if not is_stop(t.low, "en") and t.low not in FUNCTION_VERBS and not t.low.endswith("ly")
    ]
    return (
        clean(
            re.sub(
                r"\s+(?:is|are|was|were|has|have|had|will|can|could|would|still|then|also|now)\s*$",
                "",
                before,
            )
        )
        if parts
        else ""
    )


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

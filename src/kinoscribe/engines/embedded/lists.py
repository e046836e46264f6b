"""Lists everything of a kind that the evidence holds: people, numbers, prices, places, objects, lines of a slide."""

import re
from collections.abc import Callable

from kinoscribe.engines.embedded import objects, spans
from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.lexicon import KINDS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.people import people
from kinoscribe.engines.embedded.phrases import clean, enumeration, new_part
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.slides import distinct, slides
from kinoscribe.engines.embedded.words import alike, fold, is_stop, stem, tokens

_KINDS = Rules("list")


def list_kind(low: str) -> str:
    """Which list a lower-case order asks for; empty when none that is known."""
    return _KINDS.first(low)


_NEEDED = re.compile(r"\b(?:tools|ingredients|things|items|materials|supplies|parts|products)$")


def members(question: Question, material: Material) -> Finding | None:
    """The members of the list a question asks for, or None when it asks for no list."""
    if question.kind == "people":
        return everyone(question, material)
    if question.kind != "list" and not (question.wanted and question.kind in ("what", "which")):
        if question.kind not in ("which", "what"):
            return None
        if question.target.endswith("s") and not question.target.endswith("ss"):
            under = _under_headline(question, material)
            if under is not None:
                return under
            if _NEEDED.search(question.target):
                spoken = _spoken_list(question, material)
                if spoken is not None and len(spoken.items) > 1:
                    return spoken
        return _objects_of_kind(question, material)
    low = question.text.lower()
    under = _under_headline(question, material)
    if under is not None:
        return under
    kind = list_kind(low)
    if kind:
        return listing(kind, question, material)
    found = _objects_of_kind(question, material)
    if found is not None:
        return found
    return _spoken_list(question, material)


def everyone(question: Question, material: Material) -> Finding | None:
    """The named people; with `wanted`, the likeliest that many."""
    found = people(material.index)
    if question.wanted:
        found = sorted(found, key=lambda p: (-(p.weight + p.introduces), p.units[0].start))[: question.wanted]
        found.sort(key=lambda p: min(u.start for u in p.units))
    if not found:
        return Finding(
            "", (), sure=False, sentence="Nobody is named: neither in speech nor in text on the screen."
        )
    names = tuple(p.name for p in found)
    return Finding(", ".join(names), tuple(p.units[0] for p in found), items=names)


def listing(kind: str, question: Question, material: Material) -> Finding | None:
    """Everything of one kind in the asked part, in order, without repetitions."""
    units = material.units(question)
    match kind:
        case "people":
            return everyone(question, material)
        case "objects":
            return visible(material)
        case "slides":
            found = slides(material.index)
            titles = tuple(s.title for s in found) or tuple(
                u.text for u in distinct([u for u in material.index.texts if u.role == "caption"])
            )
            return Finding(", ".join(titles), (), items=titles) if titles else None
        case "place":
            return _phrases(units, _place_names)
        case "questions":
            return _phrases(units, lambda u: [u.text] if u.text.rstrip().endswith("?") else [])
        case "proper":
            return _phrases(units, lambda u: [s.text for s in spans.find(u.text, "proper")])
        case _:
            return _phrases(units, lambda u: [s.text for s in spans.find(u.text, kind)])


def visible(material: Material) -> Finding:
    """The recognised objects with their greatest number at once."""
    found = objects.seen(material.notes)
    if not found:
        known = material.notes.worked("visual_tags")
        reason = (
            "No object of the closed list of classes was recognised."
            if known
            else "Objects were not looked for in this video."
        )
        return Finding("", (), sure=False, sentence=reason)
    items = tuple(
        s.label if s.most == 1 else f"{s.most} {objects.plural(s.label, s.most)}" for s in found[:20]
    )
    return Finding(", ".join(items), (), sure=False, items=items)


def _place_names(unit: Unit) -> list[str]:
    found = []
    for span in spans.find(unit.text, "where"):
        words = span.text.split()
        if len(words) > 1 and words[-1][0].isupper():
            found.append(clean(" ".join(words[1:])))
    if (
        unit.kind == "text"
        and len(unit.text.split()) <= 2
        and unit.text[0].isupper()
        and unit.role == "body"
        and unit.text.replace(" ", "").isalpha()
    ):
        found.append(unit.text)
    return found


def _phrases(units: list[Unit], read: Callable[[Unit], list[str]]) -> Finding | None:
    items: dict[str, tuple[str, Unit]] = {}
    for unit in units:
        for text in read(unit):
            key = fold(text)
            if key and key not in items:
                items[key] = (text, unit)
    if not items:
        return None
    texts = tuple(text for text, _ in items.values())
    return Finding(", ".join(texts), tuple(dict.fromkeys(unit for _, unit in items.values())), items=texts)


def _under_headline(question: Question, material: Material) -> Finding | None:
    """The lines of a slide whose headline names what is asked for."""
    heads = {stem(w) for w in re.split(r"[ -]", question.target) if w} | {
        stem(t) for t in question.terms[-1:]
    }
    for slide in slides(material.index):
        words = {stem(t.low) for t in tokens(slide.title)}
        if heads & words and len(slide.lines) > 1:
            lines = distinct(list(slide.lines))
            if question.wanted and len(lines) > question.wanted:
                lines = lines[: question.wanted]
            items = tuple(u.text for u in lines)
            return Finding(", ".join(items), tuple(lines), items=items)
    return None


def _objects_of_kind(question: Question, material: Material) -> Finding | None:
    """`Which animals are seen?`: recognised objects of that kind, when speech and text do not tell."""
    if not question.target:
        return None
    head = question.target.split()[-1]
    kind = next((name for name in KINDS if stem(name) == stem(head)), None)
    plain = stem(head) in (stem("object"), stem("thing"))
    if plain and re.search(r"\b(?:objects?|things?)\b", question.text.lower()):
        return visible(material)
    if kind is None:
        return None
    members_of = {stem(w.split("-")[-1]): w.replace("-", " ") for w in KINDS[kind].split()}
    spoken = [
        m
        for m in material.search(question)
        if m.score > 0.45 and any(stem(t.low) in members_of for t in tokens(m.unit.text))
    ]
    by_eye = re.search(r"\b(?:seen|shown|visible|see|in the picture|appears?)\b", question.text.lower())
    if spoken and not by_eye:
        return None
    found = objects.seen_of(material.notes, head)
    if not found:
        return None
    shots = () if by_eye else material.notes.shots
    if question.position == "first":
        found = [s for s in found if not shots or s.start < shots[0].end]
    elif question.position == "last":
        found = [s for s in found if not shots or s.tags[-1].end > shots[-1].start]
    if not found:
        return None
    if question.position:
        found.sort(key=lambda s: s.start if question.position == "first" else -s.tags[-1].end)
    if question.position or (question.kind == "which" and not re.search(r"s\b", head)):
        found = found[:1]
    items = tuple(s.label for s in found)
    tag = found[0].tags[0]
    return Finding(
        ", ".join(items),
        (),
        sure=False,
        items=items,
        sentence=f"{', '.join(items).capitalize()}, as recognised in the pictures.",
        start=tag.start,
        end=tag.end,
    )


def _spoken_list(question: Question, material: Material) -> Finding | None:
    """Members named in one sentence (`A, B and C`), else what each matching sentence adds."""
    matches = material.search(question)
    if not matches or matches[0].score < 0.3:
        return None
    for match in matches[:5]:
        parts = enumeration(match.unit.text)
        if len(parts) >= (question.wanted or 2) and match.score > 0.3:
            parts = parts[: question.wanted] if question.wanted else parts
            return Finding(", ".join(parts), (match.unit,), items=tuple(parts))
    forms = {form for t in question.terms for form in material.index.forms(t)}
    items: list[str] = []
    used: list[Unit] = []
    for match in matches[: (question.wanted or 6) * 2]:
        if match.score < 0.55 * matches[0].score:
            break
        phrase = clean(new_part(match.unit.text, _known(match.unit, forms))) or match.unit.text
        if phrase and not any(alike(fold(phrase), fold(i)) or fold(phrase) in fold(i) for i in items):
            items.append(phrase)
            used.append(match.unit)
        if question.wanted and len(items) == question.wanted:
            break
    content = [i for i in items if any(not is_stop(t.low, "en") for t in tokens(i))]
    return Finding(", ".join(content), tuple(used), items=tuple(content), sure=False) if content else None


def _known(unit: Unit, forms: set[str]) -> Callable[[str], bool]:
    return lambda word: stem(word, unit.language) in forms

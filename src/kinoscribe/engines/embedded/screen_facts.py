"""Answers questions about what stands on the screen: words, slides by number, windows."""

import re
from collections import Counter

from kinoscribe.engines.embedded.finding import Finding
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import ORDINALS, numbers
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.slides import distinct, slides
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.words import tokens


def shown_words(question: Question, material: Material) -> Finding | None:
    """`Which word is printed on the mug?`, `Which words appear, in order?`: the screen text itself."""
    low = question.text.lower()
    if not re.search(
        r"\b(?:words?|texts?|letters?|sign|caption|headline|title|writing|inscription|label|screen|slide|display)s?\b",
        low,
    ):
        return None
    if not re.search(
        r"\b(?:shown?|appears?|written|printed|display\w*|read|reads|says?|seen"
        r"|on (?:the )?screen|visible|on the|stands?)\b",
        low,
    ):
        return None
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
    items = tuple(u.text for u in lines[:200])
    return Finding(", ".join(items), tuple(lines[:6]), items=items)


def _by_number(low: str, material: Material) -> Finding | None:
    """`the third slide`, `the last headline`: one of the slides by its place."""
    steps = numbered(material)
    asked_step = re.search(r"\b(?:(\w+) step|step (\d+|\w+))\b", low)
    if steps and asked_step:
        word = asked_step.group(1) or asked_step.group(2)
        digits = numbers(tokens(word))
        place = (
            len(steps)
            if word in ("last", "final")
            else ORDINALS.get(word) or (int(digits[0].value) if digits else 0)
        )
        if 1 <= place <= len(steps):
            return Finding(steps[place - 1].text, (steps[place - 1],))
    shown = slides(material.index)
    words = re.findall(r"\b(\w+) (?:slide|headline|title|heading|screen|card)\b", low)
    word = next((w for w in words if w in ORDINALS or w in ("last", "final")), "")
    counted = re.search(r"\b(?:slide|card)(?: number| no\.?)? (\d{1,3}|\w+)\b", low)
    by_count = numbers(tokens(counted.group(1))) if counted else []
    if not shown or not (word or by_count):
        return None
    place = (
        int(by_count[0].value)
        if by_count and not word
        else len(shown)
        if word in ("last", "final")
        else ORDINALS[word]
    )
    if not 1 <= place <= len(shown):
        return None
    slide = shown[place - 1]
    with_lines = not re.search(r"\b(?:title|headline|heading|called)\b", low)
    text = "; ".join([slide.title, *(u.text for u in slide.lines)]) if with_lines else slide.title
    return Finding(
        text, (), sentence=f"“{text}” ({span(slide.start, slide.end)}).", start=slide.start, end=slide.end
    )


def titled(question: Question, material: Material) -> Finding | None:
    low = question.text.lower()
    if re.search(r"\bslide(?: number| no\.?)? \d", low) or (
        re.search(r"\bon the \w+ slide\b", low) and question.kind in ("what", "which")
    ):
        return _by_number(low, material)
    if re.search(r"\b\w+ step\b|\bstep \w+\b", low) and question.kind in ("what", "which"):
        return _by_number(low, material)
    if question.kind == "named" and re.search(r"\b(?:slide|headline|heading|card)s?\b", low):
        return _by_number(low, material)
    return None


def screen_part(question: Question, material: Material) -> Finding | None:
    """`Which window is opened?`, `Which menu ...?`: the largest or highest line of a screen."""
    if question.kind not in ("which", "what"):
        return None
    head = question.target.split()[-1] if question.target else ""
    if head not in ("window", "page", "dialog", "screen", "tab", "panel", "section", "view"):
        return None
    texts = [u for u in material.units(question) if u.kind == "text"]
    if not texts:
        return None
    length = max(1e-6, material.notes.end - material.notes.start)
    words = Counter(w for u in distinct(texts) for w in dict.fromkeys(material.index.stems(u)))

    def weight(unit: Unit) -> float:
        stems = material.index.stems(unit)
        often = sum(words[w] for w in stems) / len(stems) if stems else 0.0
        panel = unit.start <= material.notes.start and unit.end > material.notes.start + 0.8 * length
        return (
            often
            + 2 * (unit.end - unit.start) / length
            + 3 * (unit.role == "headline")
            - 3 * panel
            - 0.2 * len(stems)
        )

    best = max(texts, key=lambda u: (weight(u), -u.place))
    return Finding(best.text, (best,), sure=False)


def numbered(material: Material) -> list[Unit]:
    """The lines on the screen that carry a number in front: `2. Remove the handle`."""
    found: dict[int, Unit] = {}
    for unit in material.index.texts:
        match = re.match(r"^(?:step )?(\d{1,2})[.):]\s+[^\W\d]", unit.text, re.I)
        if match:
            found.setdefault(int(match.group(1)), unit)
    in_order = [found[n] for n in sorted(found)]
    return in_order if sorted(found) == list(range(1, len(found) + 1)) and len(found) > 1 else []

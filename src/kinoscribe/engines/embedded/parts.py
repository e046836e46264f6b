"""Makes a block of the answer for each part of a prompt."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from kinoscribe.engines.embedded import artefacts, breakdowns, wording
from kinoscribe.engines.embedded.describe import stretch
from kinoscribe.engines.embedded.facts import answer
from kinoscribe.engines.embedded.layout import Block, Layout, fit, with_own_lengths
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import Question, split_question
from kinoscribe.engines.embedded.request import Part
from kinoscribe.engines.embedded.stretches import describe_nth, nth_part
from kinoscribe.engines.embedded.summary import summary
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.transcript import screen_lines

Maker = Callable[[Part, Layout, Material, int], Block]


def blocks(found: list[Part], layout: Layout, material: Material, words: int) -> Iterator[Block]:
    """One block a part, in order, each made when it is asked for."""
    share = max(30, words // max(1, len(found)))
    for part in found:
        make = _MAKERS.get(part.intent, _question)
        form = with_own_lengths(layout, part.text) if len(found) > 1 else layout
        block = make(part, form, material, share)
        cut = len(found) > 1 and not block.listed and form != layout
        yield replace(block, lines=(fit(" ".join(block.lines), form),)) if cut else block


def _question(part: Part, layout: Layout, material: Material, words: int) -> Block:
    lines: list[str] = []
    asked = split_question(part.text)
    where = (
        nth_part(part.text, material)
        if re.search(r"\babout\b|\bshow|\bhappen|\bin (?:the )?(?:\w+ )?(?:shot|scene)", part.text.lower())
        else None
    )
    if where is not None:
        return Block(part.label, (describe_nth(where, material),))
    if len(asked) == 1 and asked[0].scope is not None and not asked[0].terms:
        return Block(part.label, _in_scope(asked[0], material))
    for question in asked:
        finding = answer(question, material)
        listed = layout.marker or question.kind in ("list", "people") or _LIST.match(part.text)
        if len(finding.items) > 1 and listed and not layout.short and len(asked) == 1:
            return Block(part.label, finding.items, listed=True)
        if not finding.short and not finding.sentence and wording.foreign(part.text):
            lines += wording.in_other_words(finding, material, part.text)
            continue
        lines += wording.in_prose(question, finding, material, short=layout.short or layout.bare)
    return Block(part.label, tuple(dict.fromkeys(lines)))


_LIST = re.compile(r"^(?:please )?(?:list|name|enumerate|give|write down|which|what are)\b", re.I)


def _in_scope(question: Question, material: Material) -> tuple[str, ...]:
    """What is said and shown in the seconds a question names."""
    start, end = material.scope(question)
    only_said = bool(re.search(r"\b(?:said|say|says|spoken|hear|heard)\b", question.text.lower()))
    units = [u for u in material.units(question) if u.kind == "speech"]
    if only_said:
        return tuple(wording.quote(u) for u in units) or (f"Nothing is said at {span(start, end)}.",)
    return (
        f"{span(start, end)}: "
        + (stretch(material, start, end) or "nothing is said, written or recognised there."),
    )


_WHAT = re.compile(
    r"\b(poem|quiz|song|rap|essay|screenplay|novel|joke|haiku"
    r"|multiple[ -]choice questions?|faq|flash ?cards?|questionnaire|code)\b",
    re.I,
)


def _unable(part: Part, layout: Layout, material: Material, words: int) -> Block:
    found = _WHAT.search(part.text)
    what = f"no {found.group(1).lower()}" if found else "nothing of that style"
    first = (
        f"The embedded engine writes {what}: it only answers from what is seen and "
        "heard. In short, the video holds this:"
    )
    return Block(part.label, (first, *summary(material, 4)))


def _about(part: Part, layout: Layout, material: Material, words: int) -> Block:
    thing = thing_asked(part.text, "about")
    if not thing:
        return _question(part, layout, material, words)
    return Block(part.label, tuple(wording.about(thing, find_presence(thing, material), material)))


def _when(part: Part, layout: Layout, material: Material, words: int) -> Block:
    thing = thing_asked(part.text, "when")
    if not thing:
        return _question(part, layout, material, words)
    found = find_presence(thing, material)
    return Block(part.label, tuple(wording.when(thing, found, material)))


def _translate(part: Part, layout: Layout, material: Material, words: int) -> Block:
    lines = ["The embedded engine does not translate. In the original it says:"]
    return Block(
        part.label,
        (*lines, *(f"“{u.text}”" for u in material.index.speech[:40] or screen_lines(material.index)[:40])),
    )


_MAKERS: dict[str, Maker] = {
    "title": artefacts.make_title,
    "summary": artefacts.make_summary,
    "describe": artefacts.make_describe,
    "keywords": artefacts.make_keywords,
    "hashtags": artefacts.make_hashtags,
    "chapters": breakdowns.make_chapters,
    "highlights": artefacts.make_highlights,
    "points": artefacts.make_points,
    "transcript": breakdowns.make_transcript,
    "screen_text": breakdowns.make_screen_text,
    "quotes": artefacts.make_quotes,
    "post": artefacts.make_post,
    "post_with_tags": artefacts.make_post,
    "genre": artefacts.make_genre,
    "objects": artefacts.make_objects,
    "steps": breakdowns.make_steps,
    "shots": breakdowns.make_shots,
    "mood": artefacts.make_mood,
    "headlines": breakdowns.make_headlines,
    "look": breakdowns.make_look,
    "notes": breakdowns.make_notes,
    "about": _about,
    "when": _when,
    "translate": _translate,
    "unable": _unable,
}

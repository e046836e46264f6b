"""Makes a block of the answer for each part of a prompt."""

import re
from collections.abc import Callable, Iterator

from kinoscribe.engines.embedded import lists, objects, wording
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.describe import description, stretch
from kinoscribe.engines.embedded.facts import answer
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.keywords import hashtag, keywords
from kinoscribe.engines.embedded.layout import Block, Layout, fit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import Question, read_question, split_question
from kinoscribe.engines.embedded.request import Part
from kinoscribe.engines.embedded.summary import (
    central,
    genre_scores,
    kind_of_video,
    lead_line,
    nothing_found,
    summary,
    title,
)
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.times import clock, hms, span
from kinoscribe.engines.embedded.transcript import screen_lines, timed_lines
from kinoscribe.engines.embedded.words import sentences


def blocks(found: list[Part], layout: Layout, material: Material, words: int) -> Iterator[Block]:
    """One block a part, in order, each made when it is asked for."""
    share = max(30, words // max(1, len(found)))
    for part in found:
        make = _MAKERS.get(part.intent, _question)
        yield make(part, layout, material, share)


def no_speech(material: Material) -> list[str]:
    """Why there are no words."""
    notes = material.notes
    if not notes.has_sound:
        return ["Nothing is said: the video has no sound."]
    if notes.worked("speech"):
        return ["Nothing is said: no speech was heard in the sound."]
    return ["The speech of this video was not collected, so its words are not known."]


def no_text(material: Material) -> str:
    if material.notes.worked("screen_text"):
        return "No text was read on the screen."
    return "The text on the screen was not collected, so it is not known."


def _question(part: Part, layout: Layout, material: Material, words: int) -> Block:
    lines: list[str] = []
    asked = split_question(part.text)
    if len(asked) == 1 and asked[0].scope is not None and not asked[0].terms:
        return Block(part.label, _in_scope(asked[0], material))
    for question in asked:
        finding = answer(question, material)
        listed = layout.marker or question.kind in ("list", "people") or _LIST.match(part.text)
        if len(finding.items) > 1 and listed and not layout.short and len(asked) == 1:
            return Block(part.label, finding.items, listed=True)
        if not finding.short and not finding.sentence and wording.foreign(part.text):
            lines += wording.in_other_words(question, finding, part.text)
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


def _unable(part: Part, layout: Layout, material: Material, words: int) -> Block:
    first = "The embedded engine does not write that: it only answers from what is seen and heard. In short, the video holds this:"
    return Block(part.label, (first, *summary(material, 4)))


def _title(part: Part, layout: Layout, material: Material, words: int) -> Block:
    text = title(material) or "Untitled: the evidence holds nothing to name it by"
    wanted = (
        part.count if part.count and re.search(r"\btitles|headlines|options|ideas", part.text.lower()) else 1
    )
    options = [text]
    if wanted > 1:
        options += [c.title for c in chapters(material)]
        options += [k.text[:1].upper() + k.text[1:] for k in keywords(material.index, most=wanted)]
        options = list(dict.fromkeys(options))[:wanted]
    return Block(part.label, tuple(options), listed=wanted > 1)


def _summary(part: Part, layout: Layout, material: Material, words: int) -> Block:
    about = thing_asked(part.text, "summary")
    if about:
        found = find_presence(about, material)
        if not found.empty:
            return Block(part.label, tuple(wording.about(about, found, material)))
    wanted = layout.sentences or (part.count if part.count and "sentence" in part.text.lower() else None)
    most = wanted or (max(2, layout.words // 14) if layout.words else 6)
    lines = summary(material, most)
    if wanted == 1 or (layout.words or 99) < 25:
        lines = [_one_sentence(material)]
    return Block(part.label, tuple(fit_lines(lines, layout, wanted)))


def fit_lines(lines: list[str], layout: Layout, wanted: int | None) -> list[str]:
    if wanted is None:
        return lines
    flat = [s for line in lines for s in sentences(line)]
    return flat[:wanted]


def _one_sentence(material: Material) -> str:
    """A whole video in a sentence: the facts, and what it is about."""
    lead = lead_line(material).rstrip(".")
    words = [k.text for k in keywords(material.index, most=4)]
    if words:
        return f"{lead}, about {', '.join(words[:-1]) + ' and ' + words[-1] if len(words) > 1 else words[0]}."
    seen = objects.seen(material.notes)
    if seen:
        return f"{lead}; recognised in the pictures: {', '.join(objects.plural(s.label, s.most) for s in seen[:4])}."
    return f"{lead}. {nothing_found(material)}"


def _describe(part: Part, layout: Layout, material: Material, words: int) -> Block:
    if layout.sentences is not None or layout.words is not None or layout.characters is not None:
        return _summary(part, layout, material, words)
    return Block(
        part.label, tuple(line.strip() if layout.marker else line for line in description(material, words))
    )


def _keywords(part: Part, layout: Layout, material: Material, words: int) -> Block:
    most = part.count or 8
    found = [k.text for k in keywords(material.index, most=most)]
    if not found:
        return Block(part.label, (nothing_found(material),))
    lower = [w if any(c.isupper() for c in w) else w.lower() for w in found]
    return Block(part.label, tuple(lower), listed=True)


def _hashtags(part: Part, layout: Layout, material: Material, words: int) -> Block:
    found = [hashtag(k.text) for k in keywords(material.index, most=part.count or 6)]
    if not found:
        return Block(part.label, (nothing_found(material),))
    if layout.marker or layout.joined:
        return Block(part.label, tuple(dict.fromkeys(found)), listed=True)
    return Block(part.label, (" ".join(dict.fromkeys(found)),))


def _chapters(part: Part, layout: Layout, material: Material, words: int) -> Block:
    found = chapters(material, part.count)
    with_end = bool(
        re.search(r"\bend\b|\bfrom\b.*\bto\b|\brange|\bduration|\bstart and end", part.text.lower())
    )
    described = bool(
        re.search(r"\bdescri|\bsummar|\bgist|\bexplain|\babout\b|\bwhat happens", part.text.lower())
    )
    lines = []
    for c in found:
        time = span(c.start, c.end) if with_end else clock(c.start)
        if layout.long_clock:
            time = f"{hms(c.start)}–{hms(c.end)}" if with_end else hms(c.start)
        head = c.title if layout.times is False else f"{time} {c.title}"
        lines.append(f"{head}: {c.gist}" if described and c.gist and c.gist != c.title else head)
    rows = tuple((clock(c.start), clock(c.end), c.title, c.gist) for c in found)
    return Block(part.label, tuple(lines), listed=True, rows=rows, header=("Start", "End", "Title", "What"))


def _highlights(part: Part, layout: Layout, material: Material, words: int) -> Block:
    most = part.count or 5
    index = material.index
    pool = [u for u in index.speech] or list(screen_lines(index))
    chosen = central(index, pool, most)
    if not chosen:
        found = objects.seen(material.notes)
        lines = tuple(f"{clock(s.start)} {s.label} recognised" for s in found[:most])
        return Block(part.label, lines or (nothing_found(material),), listed=bool(lines))
    lines = tuple(u.text if layout.times is False else f"{clock(u.start)} {u.text}" for u in chosen)
    rows = tuple((clock(u.start), u.text) for u in chosen)
    return Block(part.label, lines, listed=True, rows=rows, header=("Time", "What"))


def _points(part: Part, layout: Layout, material: Material, words: int) -> Block:
    index = material.index
    pool: list[Unit] = list(index.speech) or list(screen_lines(index))
    chosen = central(index, pool, part.count or layout.sentences or 5)
    if not chosen:
        return Block(part.label, (nothing_found(material),))
    return Block(
        part.label,
        tuple(f"{u.text} ({clock(u.start)})" if layout.times else u.text for u in chosen),
        listed=True,
    )


def _transcript(part: Part, layout: Layout, material: Material, words: int) -> Block:
    if not material.index.speech:
        return Block(part.label, tuple(no_speech(material)))
    if layout.times or layout.marker or layout.table:
        lines = (
            tuple(timed_lines(material.index))
            if layout.times is not False
            else tuple(u.text for u in material.index.speech)
        )
        rows = tuple((clock(u.start), u.text) for u in material.index.speech)
        return Block(
            part.label,
            lines,
            listed=bool(layout.marker) or bool(layout.times),
            rows=rows,
            header=("Time", "Words"),
        )
    return Block(part.label, tuple(u.text for u in material.index.speech))


def _screen_text(part: Part, layout: Layout, material: Material, words: int) -> Block:
    found = screen_lines(material.index)
    if not found:
        return Block(part.label, (no_text(material),))
    lines = tuple(f"{span(u.start, u.end)} {u.text}" if layout.times else u.text for u in found)
    rows = tuple((span(u.start, u.end), u.text) for u in found)
    return Block(part.label, lines, listed=True, rows=rows, header=("Time", "Text"))


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


def _quotes(part: Part, layout: Layout, material: Material, words: int) -> Block:
    chosen = central(material.index, list(material.index.speech), part.count or 3)
    if not chosen:
        return Block(part.label, tuple(no_speech(material)))
    return Block(
        part.label,
        tuple(f"“{u.text}”" if layout.times is False else wording.quote(u) for u in chosen),
        listed=True,
    )


def _post(part: Part, layout: Layout, material: Material, words: int) -> Block:
    low = part.text.lower()
    if "alt" in low:
        return Block(part.label, (_one_sentence(material),))
    chosen = central(material.index, list(material.index.speech), 2)
    body = [u.text for u in chosen] or [_one_sentence(material)]
    name = title(material)
    tags = " ".join(dict.fromkeys(hashtag(k.text) for k in keywords(material.index, most=3)))
    text = fit(" ".join([f"{name}." if name and name not in body else "", *body]).strip(), layout)
    if "tweet" in low and len(text) + len(tags) > 275:
        text = text[: 270 - len(tags)].rsplit(" ", 1)[0] + "…"
    return Block(part.label, (text, tags) if "descri" not in low else (text,))


def _genre(part: Part, layout: Layout, material: Material, words: int) -> Block:
    kind = kind_of_video(material)
    if not kind:
        ranked = genre_scores(material)
        best = max(ranked, key=lambda n: (ranked[n], n))
        if ranked[best] < 1:
            return Block(part.label, ("The evidence does not tell what kind of video this is.",))
        return Block(part.label, (f"Perhaps {best}; the evidence for it is weak.",))
    return Block(
        part.label, (kind if layout.short or layout.bare else f"By its words and pictures: {kind}.",)
    )


def _objects(part: Part, layout: Layout, material: Material, words: int) -> Block:
    finding = lists.visible(material)
    if not finding.items:
        return Block(part.label, (finding.sentence,))
    if layout.bare:
        return Block(part.label, finding.items, listed=True)
    lines = []
    for name, sightings in zip(finding.items, objects.seen(material.notes), strict=False):
        times = ", ".join(span(t.start, t.end) for t in sightings.tags[:4])
        colours = (
            f", {'/'.join(sightings.colours[:2])}"
            if sightings.colours and sightings.label != "person"
            else ""
        )
        lines.append(
            f"{name}{colours} ({times}{' …' if len(sightings.tags) > 4 else ''})"
            if layout.times is not False
            else name
        )
    return Block(part.label, tuple(lines), listed=True)


def _steps(part: Part, layout: Layout, material: Material, words: int) -> Block:
    under = lists.members(read_question(part.text), material)
    speech = [u for u in material.index.speech if len(u.text.split()) > 2]
    if not speech and under is not None and under.items:
        return Block(part.label, under.items, listed=True)
    orders = [u for u in speech if _ORDER.match(u.text.lower())] or central(
        material.index, speech, part.count or 8
    )
    if not orders:
        return Block(part.label, (nothing_found(material),))
    return Block(
        part.label,
        tuple(u.text if layout.times is False else f"{clock(u.start)} {u.text}" for u in orders[:30]),
        listed=True,
    )


_ORDER = re.compile(
    r"^(?:first|second|third|then|next|now|finally|after that|step|and then|lastly|when|once)\b|^(?:add|mix|stir|bake|pour|heat|cut|chop|put|place|take|press|click|select|open|turn|type|enter|choose|remove|let|leave|serve|cook|boil|fry|wash|attach|insert|connect|push|pull|hold|drag|save|close|install|preheat|whisk|fold|roll|spread|sprinkle|slice|peel|use|make|start|set|go to|wait|fill|screw|fix|drill|check)\b"
)


def _shots(part: Part, layout: Layout, material: Material, words: int) -> Block:
    notes = material.notes
    if not notes.shots:
        return Block(part.label, ("The shots of this video were not collected.",))
    lines = []
    for place, shot in enumerate(notes.shots):
        inside = [u for u in material.index.texts if shot.start <= u.middle < shot.end][:2]
        text = f": {', '.join('“' + u.text + '”' for u in inside)}" if inside else ""
        lines.append(
            f"{span(shot.start, shot.end)} shot {place + 1}{' (dissolve)' if shot.begins_with == 'dissolve' else ''}{text}"
        )
    return Block(part.label, tuple(lines), listed=True)


def _mood(part: Part, layout: Layout, material: Material, words: int) -> Block:
    chosen = central(material.index, list(material.index.speech), 1)
    lines = [
        "Moods and feelings are not in the evidence: it holds words, text, cuts and objects, not how people feel."
    ]
    if chosen:
        lines.append(f"What is said most tellingly: {wording.quote(chosen[0])}.")
    return Block(part.label, tuple(lines))


def _translate(part: Part, layout: Layout, material: Material, words: int) -> Block:
    lines = ["The embedded engine does not translate. In the original it says:"]
    return Block(
        part.label,
        (*lines, *(f"“{u.text}”" for u in material.index.speech[:40] or screen_lines(material.index)[:40])),
    )


def _title_summary(part: Part, layout: Layout, material: Material, words: int) -> Block:
    body = _summary(part, layout, material, words)
    return Block("", (f"Title: {title(material)}", "\nSummary: " + " ".join(body.lines)))


_MAKERS: dict[str, Callable[[Part, Layout, Material, int], Block]] = {
    "title": _title, "summary": _summary, "describe": _describe, "keywords": _keywords, "hashtags": _hashtags,
    "chapters": _chapters, "highlights": _highlights, "points": _points, "transcript": _transcript,
    "screen_text": _screen_text, "about": _about, "when": _when, "quotes": _quotes, "post": _post, "genre": _genre,
    "objects": _objects, "steps": _steps, "shots": _shots, "mood": _mood, "translate": _translate,
    "title_summary": _title_summary, "unable": _unable,
}  # fmt: skip

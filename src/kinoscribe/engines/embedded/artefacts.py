"""Makes the parts of an answer that are a form of the whole: title, summary, keywords, chapters, highlights, steps."""

import re

from kinoscribe.engines.embedded import lists, objects, wording
from kinoscribe.engines.embedded.breakdowns import no_speech
from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.describe import description
from kinoscribe.engines.embedded.genre import genre_scores, kind_of_video
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.keywords import hashtag, keywords
from kinoscribe.engines.embedded.layout import Block, Layout, fit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.request import Part
from kinoscribe.engines.embedded.stretches import describe_nth, nth_part
from kinoscribe.engines.embedded.summary import lead_line, nothing_found, summary, title
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.times import clock, hms, span
from kinoscribe.engines.embedded.transcript import screen_lines
from kinoscribe.engines.embedded.words import sentences


def make_title(part: Part, layout: Layout, material: Material, words: int) -> Block:
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


def make_summary(part: Part, layout: Layout, material: Material, words: int) -> Block:
    about = thing_asked(part.text, "summary")
    if about:
        found = find_presence(about, material)
        if not found.empty:
            return Block(part.label, tuple(wording.about(about, found, material)))
    wanted = layout.sentences or (part.count if part.count and "sentence" in part.text.lower() else None)
    most = wanted or (max(2, layout.words // 14) if layout.words else 8)
    lines = summary(material, most)
    if wanted == 1 or (layout.words or 99) < 46:
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


def make_describe(part: Part, layout: Layout, material: Material, words: int) -> Block:
    where = nth_part(part.text, material)
    if where is not None:
        return Block(part.label, (describe_nth(where, material),))
    if layout.sentences is not None or layout.words is not None or layout.characters is not None:
        return make_summary(part, layout, material, words)
    return Block(
        part.label, tuple(line.strip() if layout.marker else line for line in description(material, words))
    )


def make_keywords(part: Part, layout: Layout, material: Material, words: int) -> Block:
    most = part.count or 8
    found = [k.text for k in keywords(material.index, most=most)]
    if not found:
        return Block(part.label, (nothing_found(material),))
    lower = [w if any(c.isupper() for c in w) else w.lower() for w in found]
    return Block(part.label, tuple(lower), listed=True)


def make_hashtags(part: Part, layout: Layout, material: Material, words: int) -> Block:
    found = [hashtag(k.text) for k in keywords(material.index, most=part.count or 6)]
    if not found:
        return Block(part.label, (nothing_found(material),))
    if layout.marker or layout.joined:
        return Block(part.label, tuple(dict.fromkeys(found)), listed=True)
    return Block(part.label, (" ".join(dict.fromkeys(found)),))


def make_highlights(part: Part, layout: Layout, material: Material, words: int) -> Block:
    most = part.count or 5
    index = material.index
    pool = list(index.speech) or list(screen_lines(index))
    chosen = central(index, pool, most)
    if not chosen:
        found = objects.seen(material.notes)
        lines = tuple(f"{clock(s.start)} {s.label} recognised" for s in found[:most])
        return Block(part.label, lines or (nothing_found(material),), listed=bool(lines))
    lines = tuple(
        u.text
        if layout.times is False
        else f"{hms(u.start) if layout.long_clock else clock(u.start)} {u.text}"
        for u in chosen
    )
    rows = tuple((clock(u.start), u.text) for u in chosen)
    return Block(part.label, lines, listed=True, rows=rows, header=("Time", "What"))


def make_points(part: Part, layout: Layout, material: Material, words: int) -> Block:
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


def make_quotes(part: Part, layout: Layout, material: Material, words: int) -> Block:
    chosen = central(material.index, list(material.index.speech), part.count or 3)
    if not chosen:
        return Block(part.label, tuple(no_speech(material)))
    return Block(
        part.label,
        tuple(f"“{u.text}”" if layout.times is False else wording.quote(u) for u in chosen),
        listed=True,
    )


def make_post(part: Part, layout: Layout, material: Material, words: int) -> Block:
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
    return Block(part.label, (text, tags) if "descri" not in low or "hash" in low else (text,))


def make_genre(part: Part, layout: Layout, material: Material, words: int) -> Block:
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


def make_objects(part: Part, layout: Layout, material: Material, words: int) -> Block:
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


def make_mood(part: Part, layout: Layout, material: Material, words: int) -> Block:
    chosen = central(material.index, list(material.index.speech), 1)
    lines = [
        "Moods and feelings are not in the evidence: it holds words, text, cuts and objects, not how people feel."
    ]
    if chosen:
        lines.append(f"What is said most tellingly: {wording.quote(chosen[0])}.")
    return Block(part.label, tuple(lines))

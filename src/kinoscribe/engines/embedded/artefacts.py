"""Makes the parts of an answer that are a form of the whole: title, summary, keywords, chapters, highlights, steps."""

import re

from kinoscribe.engines.embedded import lists, objects, wording
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.describe import description, looks_of, stretch
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.keywords import hashtag, keywords
from kinoscribe.engines.embedded.layout import Block, Layout, fit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import ORDINALS, numbers
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.question import read_question
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
from kinoscribe.engines.embedded.times import clock, hms, say_length, span
from kinoscribe.engines.embedded.transcript import screen_lines, timed_lines
from kinoscribe.engines.embedded.video_facts import main_colours
from kinoscribe.engines.embedded.words import sentences, tokens


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


def make_chapters(part: Part, layout: Layout, material: Material, words: int) -> Block:
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


def make_transcript(part: Part, layout: Layout, material: Material, words: int) -> Block:
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


def make_screen_text(part: Part, layout: Layout, material: Material, words: int) -> Block:
    found = screen_lines(material.index)
    if not found:
        return Block(part.label, (no_text(material),))
    lines = tuple(f"{span(u.start, u.end)} {u.text}" if layout.times else u.text for u in found)
    rows = tuple((span(u.start, u.end), u.text) for u in found)
    return Block(part.label, lines, listed=True, rows=rows, header=("Time", "Text"))


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
    return Block(part.label, (text, tags) if "descri" not in low else (text,))


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


def make_steps(part: Part, layout: Layout, material: Material, words: int) -> Block:
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
    r"^(?:first|second|third|then|next|now|finally|after that|step|and then|lastly"
    r"|when|once)\b|^(?:add|mix|stir|bake|pour|heat|cut|chop|put|place|take|press"
    r"|click|select|open|turn|type|enter|choose|remove|let|leave|serve|cook|boil|fry"
    r"|wash|attach|insert|connect|push|pull|hold|drag|save|close|install|preheat"
    r"|whisk|fold|roll|spread|sprinkle|slice|peel|use|make|start|set|go to|wait|fill"
    r"|screw|fix|drill|check)\b"
)


def make_shots(part: Part, layout: Layout, material: Material, words: int) -> Block:
    notes = material.notes
    if not notes.shots:
        return Block(part.label, ("The shots of this video were not collected.",))
    lines = []
    for place, shot in enumerate(notes.shots):
        inside = [u for u in material.index.texts if shot.start <= u.middle < shot.end][:2]
        text = f": {', '.join('“' + u.text + '”' for u in inside)}" if inside else ""
        lines.append(
            f"{span(shot.start, shot.end)} shot "
            f"{place + 1}{' (dissolve)' if shot.begins_with == 'dissolve' else ''}{text}"
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


def make_headlines(part: Part, layout: Layout, material: Material, words: int) -> Block:
    """Headlines and captions as they were shown, without names and page numbers."""
    shown = [
        u
        for u in screen_lines(material.index)
        if u.role in ("headline", "caption") and any(c.isalpha() for c in u.text)
    ]
    if not shown:
        return Block(part.label, (no_text(material),))
    lines = tuple(f"{span(u.start, u.end)} {u.text}" if layout.times else u.text for u in shown)
    rows = tuple((clock(u.start), u.text) for u in shown)
    return Block(part.label, lines, listed=True, rows=rows, header=("Time", "Headline"))


def make_look(part: Part, layout: Layout, material: Material, words: int) -> Block:
    """How the picture looks and how it is cut."""
    notes = material.notes
    lines = []
    colours = main_colours(notes)
    if colours:
        lines.append(f"The main colours of the picture are {', '.join(colours)}.")
    if notes.shots:
        mean = (notes.end - notes.start) / len(notes.shots)
        dissolves = sum(shot.begins_with == "dissolve" for shot in notes.shots)
        soft = f", {dissolves} of them begun by a dissolve" if dissolves else ""
        lines.append(f"It has {len(notes.shots)} shots{soft}; a shot lasts {say_length(mean)} on average.")
    if notes.looks:
        calm = sum(look.motion * (look.end - look.start) for look in notes.looks) / max(
            1e-6, notes.end - notes.start
        )
        lines.append(
            "Hardly anything moves."
            if calm < 0.02
            else "There is some movement."
            if calm < 0.1
            else "There is much movement."
        )
    lines.append("Style, camera work and composition beyond that are not in the evidence.")
    return Block(part.label, tuple(lines))


def make_notes(part: Part, layout: Layout, material: Material, words: int) -> Block:
    """Notes to learn from: each chapter with its lines and its most telling sentences."""
    lines: list[str] = []
    for chapter in chapters(material, part.count):
        mark = "## " if layout.headings else ""
        lines.append(f"{chr(10) if lines else ''}{mark}{chapter.title} ({clock(chapter.start)})")
        shown = [
            u.text
            for u in chapter.units
            if u.kind == "text" and u.text != chapter.title and any(c.isalpha() for c in u.text)
        ]
        said = [u.text for u in central(material.index, [u for u in chapter.units if u.kind == "speech"], 3)]
        lines += [f"\n- {text}" for text in dict.fromkeys([*shown, *said])]
    return Block(part.label, tuple(lines))


_NTH = re.compile(
    r"\b(?:(\w+) (shot|scene|chapter|part|section|segment|story|topic)|(shot|scene"
    r"|chapter|part|section|segment)(?: number| no\.?)? (\d{1,3}|one|two|three|four"
    r"|five|six))\b"
)


def nth_part(text: str, material: Material) -> tuple[float, float] | None:
    """The seconds of `the second shot`, `the last chapter`, `scene 4`."""
    found = _NTH.search(text.lower())
    if found is None:
        return None
    word, what = found.group(1) or found.group(4), found.group(2) or found.group(3)
    digits = numbers(tokens(word))
    place = ORDINALS.get(word) or (int(digits[0].value) if digits and found.group(4) else 0)
    if what in ("shot", "scene"):
        spans = [(s.start, s.end) for s in material.notes.shots]
    else:
        spans = [(c.start, c.end) for c in chapters(material)]
    if word in ("last", "final"):
        place = len(spans)
    return spans[place - 1] if 1 <= place <= len(spans) else None


def describe_nth(where: tuple[float, float], material: Material) -> str:
    """What is in one stretch, with how it looks."""
    look = next((x for x in material.notes.looks if x.start <= where[0] + 0.01 < x.end), None)
    told = stretch(material, *where)
    seen = f" The picture is {looks_of(look)}." if look and "The picture is" not in told else ""
    return f"{span(*where)}: {told or 'nothing is said, written or recognised there.'}{seen}"

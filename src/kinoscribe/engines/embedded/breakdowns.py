"""Makes the parts of an answer that take a video apart: transcript, screen text, chapters, shots, steps, notes."""

import re

from kinoscribe.engines.embedded import lists
from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.layout import Block, Layout
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.question import read_question
from kinoscribe.engines.embedded.request import Part
from kinoscribe.engines.embedded.summary import nothing_found
from kinoscribe.engines.embedded.times import clock, hms, say_length, span
from kinoscribe.engines.embedded.transcript import screen_lines, timed_lines
from kinoscribe.engines.embedded.video_facts import main_colours


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

"""Tells a video in order: for each stretch what is shown, written and said, as full or as short as there is room."""

import re
from collections.abc import Iterator

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.scoreboard import changes, points_made, scores
from kinoscribe.engines.embedded.slides import distinct, slides
from kinoscribe.engines.embedded.summary import lead_line, nothing_found
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.video_facts import colourless, main_colours
from kinoscribe.engines.embedded.words import fold
from kinoscribe.notes import Look, Tag

_CLOCK = re.compile(r"^\W*\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\W*$")
_LONG = 15.0  # seconds from which a stretch tells the times of what is seen in it


def description(material: Material, words: int) -> Iterator[str]:
    """The description as sentences and paragraphs, of about `words` words at most."""
    notes, index = material.notes, material.index
    yield lead_line(material)
    if not index.units and not objects.seen(notes):
        yield nothing_found(material)
        yield from _looks(material)
        return
    yield from _looks(material)
    parts = _parts(material)
    allowed = _fitting(material, words)
    said_lines: set[str] = set()
    for start, end in parts:
        line = _part(material, start, end, allowed, said_lines)
        if line:
            yield f"\n{span(start, end)}: {line}"
    yield from _closing(material)


def _looks(material: Material) -> Iterator[str]:
    colours = main_colours(material.notes)
    looks = material.notes.looks
    if looks and all(colourless(look) and look.brightness < 0.85 for look in looks):
        if all(look.brightness < 0.06 for look in looks):
            yield "The picture is black."
        else:
            yield "The picture is black and white."
    elif colours:
        yield f"Main colours: {', '.join(colours)}."


def _parts(material: Material) -> list[tuple[float, float]]:
    """The shots, long ones cut every half a minute at sentence starts, and very many joined."""
    notes = material.notes
    edges = sorted({notes.start, *(s.start for s in notes.shots if notes.start <= s.start < notes.end)})
    starts = sorted(u.start for u in material.index.speech)
    full: list[float] = []
    for place, edge in enumerate(edges):
        end = edges[place + 1] if place + 1 < len(edges) else notes.end
        full.append(edge)
        last = edge
        for start in starts:
            if edge < start < end - 5 and start - last >= 30:
                full.append(start)
                last = start
    step = max(1, -(-len(full) // 60))
    full = full[::step]
    return [(a, b) for a, b in zip(full, [*full[1:], notes.end], strict=True) if b > a]


def _fitting(material: Material, words: int) -> set[int] | None:
    """The places of the spoken sentences there is room for, or None when all fit."""
    index = material.index
    total = sum(len(u.text.split()) for u in index.speech)
    shown = sum(len(u.text.split()) for u in distinct(list(index.texts)))
    room = max(40, int(words * 0.85) - min(shown, words // 3) - 6 * min(60, len(material.notes.shots)))
    if total <= room:
        return None
    mean = total / max(1, len(index.speech))
    return {u.place for u in central(index, list(index.speech), max(1, int(room / mean)))}


def stretch(material: Material, start: float, end: float) -> str:
    """What is written, seen and said between two times, in sentences."""
    return _part(material, start, end, None, set())


def _part(material: Material, start: float, end: float, allowed: set[int] | None, told: set[str]) -> str:
    index = material.index
    pieces: list[str] = []
    lines = [
        u
        for u in distinct(
            [u for u in index.texts if start <= u.begins < end or (u.start < start and u.end > end)]
        )
        if fold(u.text) not in told
    ]
    told |= {fold(u.text) for u in lines}
    lines = [u for u in lines if not _running_clock(u)]
    if lines:
        quoted = ", ".join(f"“{u.text}”" for u in lines[:16])
        pieces.append(f"On the screen: {quoted}{' and more' if len(lines) > 16 else ''}.")
    seen = _seen(material, start, end)
    if seen:
        pieces.append(f"Recognised: {seen}.")
    if (not seen or not lines) and len(material.notes.shots) > 1:
        look = _main_look(material, start, end)
        if look is not None:
            pieces.append(f"The picture is {looks_of(look)}.")
    spoken = [
        u
        for u in index.speech
        if start <= _within(u, material) < end and (allowed is None or u.place in allowed)
    ]
    if spoken:
        pieces.append("Said: " + " ".join(f"“{u.text.strip()}”" for u in spoken))
    return " ".join(pieces)


def _running_clock(unit: Unit) -> bool:
    return bool(_CLOCK.match(unit.text)) and unit.end - unit.start < 5


def _within(unit: Unit, material: Material) -> float:
    return min(max(unit.start, material.notes.start), material.notes.end - 1e-6)


def _seen(material: Material, start: float, end: float) -> str:
    """The objects recognised in a stretch; in a long one with their times."""
    sure = {t for s in objects.seen(material.notes) for t in s.tags}
    inside = [
        t
        for t in material.notes.tags
        if t in sure and min(t.end, end) - max(t.start, start) > min(0.5, 0.3 * (end - start))
    ]
    timed = end - start > _LONG
    groups: dict[tuple[str, int, str | None], list[Tag]] = {}
    for tag in inside:
        most = tag.count if timed else max(t.count for t in inside if t.label == tag.label)
        shades = [t.colour for t in inside if t.label == tag.label and t.colour and t.count == most]
        colour = tag.colour if timed else next(iter(shades), None)
        groups.setdefault((tag.label, most, colour if tag.label != "person" else None), []).append(tag)
    names = []
    for key in sorted(
        groups,
        key=lambda k: (
            min(t.start for t in groups[k]) if timed else 0.0,
            -max(t.score for t in groups[k]),
            k[0],
        ),
    )[:10]:
        name = _counted(*key)
        whole = all(t.start <= start + 1 and t.end >= end - 1 for t in groups[key])
        times = ", ".join(span(max(t.start, start), min(t.end, end)) for t in groups[key][:9])
        names.append(f"{name} ({times})" if timed and not whole else name)
    return ", ".join(names)


def _counted(label: str, count: int, colour: str | None) -> str:
    name = f"{colour + ' ' if colour else ''}{objects.plural(label, count)}"
    if count > 1:
        return f"{count} {name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _closing(material: Material) -> Iterator[str]:
    board = scores(material.index)
    if board and changes(board):
        steps = ", ".join(f"{s.text} at {span(s.start, s.start)}" for s in changes(board))
        last = board[-1]
        yield (
            f"\nThe score changes {len(board) - 1} "
            f"{'time' if len(board) == 2 else 'times'}: {steps}; it ends at "
            f"{last.home_name} {last.text} {last.away_name}".rstrip()
            + "."
        )
        made = points_made(board)
        if made and made != len(board) - 1:
            yield f"{made} points are made in all."
    found = slides(material.index)
    if len(found) > 1 and any(s.lines for s in found):
        yield f"\nThere are {len(found)} slides or headlines: {', '.join('“' + s.title + '”' for s in found[:20])}."


def _main_look(material: Material, start: float, end: float) -> Look | None:
    inside = [look for look in material.notes.looks if look.start < end and look.end > start]
    return max(inside, key=lambda look: min(look.end, end) - max(look.start, start), default=None)


def looks_of(look: Look) -> str:
    """`mainly blue and white, dark`: how one shot looks."""
    colours = [c.name for c in look.colours[:2]]
    tone = ", dark" if look.brightness < 0.25 else ", bright" if look.brightness > 0.7 else ""
    grey = colourless(look) and 0.12 < look.brightness < 0.85
    base = "black and white" if grey else " and ".join(colours)
    return ("" if grey else "mainly ") + f"{base}{tone}" if base else "without clear colours"

"""Finds when a thing is there: seen, written, said or spoken about."""

import re

from kinoscribe.engines.embedded import objects, spans
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.lexicon import COLOURS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.pictured import sightings_of
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.segment_talk import Span, joined
from kinoscribe.engines.embedded.segment_topics import topics
from kinoscribe.engines.embedded.segment_wishes import Wanted
from kinoscribe.engines.embedded.words import stem

_SEEN_GAP, _WRITTEN_GAP, _SAID_GAP = 2.5, 1.0, 3.0  # shorter absences are gaps in looking, not absences
_BARE_PRICE = re.compile(r"(?<![\d.:,])\d{1,6}[.,]\d{2}(?![\d.:])")
_COLOURED = 0.3  # share of the picture from which on a shot is of a colour
_KINDS = {stem("price"): "money", stem("money"): "money", stem("date"): "when", stem("number"): "number"}


def there(wanted: Wanted, material: Material, shortest: float) -> list[Span]:
    """The stretches in which the things that are wanted are there, one of them or all together."""
    if wanted.sort == "pictured":
        each = [[(s.start, s.end) for s in sightings_of(name, material.notes)] for name in wanted.things]
    else:
        each = [_of_thing(thing, wanted, material, shortest) for thing in wanted.things]
    if not each:
        return []
    if wanted.together:
        found = each[0]
        for other in each[1:]:
            found = [(max(a, c), min(b, d)) for a, b in found for c, d in other if min(b, d) > max(a, c)]
    else:
        found = joined(sorted(span for some in each for span in some), 0.0)
    if wanted.whole_shots and wanted.how != "said":
        found = joined((_shot_around(material, span) for span in found), 0.1)
    return found


def _shot_around(material: Material, span: Span) -> Span:
    inside = [s for s in material.notes.shots if min(s.end, span[1]) - max(s.start, span[0]) > 0.2]
    return (inside[0].start, inside[-1].end) if inside else span


def _of_thing(thing: str, wanted: Wanted, material: Material, shortest: float) -> list[Span]:
    kind = _KINDS.get(stem(thing))
    if kind is not None:
        only = {"seen": "text", "written": "text", "said": "speech"}.get(wanted.how)
        held = [u for u in material.index.units if only in (None, u.kind) and _holds(u, kind)]
        return joined(((u.start, u.end) for u in held), _SAID_GAP)
    found = find_presence(thing, material)
    if wanted.how in ("said", "about"):
        said = [(u.start, u.end) for u in (*found.said, *(found.near if wanted.how == "about" else ()))]
        if wanted.how == "about":
            return _about(said, [(u.start, u.end) for u in found.written], material, shortest)
        return joined(said, _SAID_GAP)
    seen = [(t.start, t.end) for t in found.seen if t.count >= wanted.count and _believed(t.label, material)]
    written = joined(((u.start, u.end) for u in found.written), _WRITTEN_GAP)
    coloured = _coloured(thing, material)
    if wanted.how == "written":
        return written
    if seen or coloured:
        return joined([*seen, *coloured], _SEEN_GAP)
    if objects.classes_of(thing) and material.notes.worked("visual_tags") and wanted.how == "seen":
        return []
    if wanted.how == "seen":
        return written
    return joined([*written, *((u.start, u.end) for u in found.said)], _SAID_GAP)


def _holds(unit: Unit, kind: str) -> bool:
    """Whether a phrase of a kind is in it; on the screen a number with two decimals is a price too."""
    bare = kind == "money" and unit.kind == "text" and _BARE_PRICE.search(unit.text)
    return bool(bare or spans.find(unit.text, kind))


def _believed(label: str, material: Material) -> bool:
    return bool(objects.seen(material.notes, label))


def _coloured(thing: str, material: Material) -> list[Span]:
    """Shots in a colour, where nothing but the colour is named: `red`, `a blue background`, `dark`."""
    words = [
        w
        for w in re.findall(r"[a-z]+", thing)
        if w not in ("background", "picture", "screen", "image", "light")
    ]
    if len(words) != 1:
        return []
    word = words[0].replace("gray", "grey")
    looks = material.notes.looks
    if word in ("dark", "bright"):
        return [
            (k.start, k.end) for k in looks if (k.brightness < 0.2 if word == "dark" else k.brightness > 0.7)
        ]
    if words[0] not in COLOURS:
        return []
    return [
        (k.start, k.end) for k in looks if any(c.name == word and c.share >= _COLOURED for c in k.colours)
    ]


def _about(said: list[Span], written: list[Span], material: Material, shortest: float) -> list[Span]:
    """The parts that speak of something: those in which it is named more than in passing, else its sentences."""
    if not said and not written:
        return []
    parts = []
    for start, end in topics(material, shortest):
        talk = sum(u.end - u.start for u in material.index.speech if start <= u.middle < end)
        named = sum(b - a for a, b in said if start <= (a + b) / 2 < end)
        shown = any(start - 0.3 <= a < end for a, _ in written)
        if (named and named >= 0.25 * talk) or (shown and not said):
            parts.append((start, end))
    return joined(parts, 0.1) if parts else joined(said, _SAID_GAP)

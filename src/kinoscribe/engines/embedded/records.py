"""Turns evidence into rows of one sort: chapters, shots, people, quotations, screen texts, score changes, objects."""

import re
from dataclasses import dataclass

from kinoscribe.engines.embedded import objects, spans
from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.keywords import keywords
from kinoscribe.engines.embedded.lexicon import KINDS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.people import people
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.scoreboard import changes, scores
from kinoscribe.engines.embedded.slides import slides
from kinoscribe.engines.embedded.summary import title
from kinoscribe.engines.embedded.things import thing_asked
from kinoscribe.engines.embedded.transcript import screen_lines

_SORTS = Rules("records")


@dataclass(frozen=True, slots=True)
class Record:
    """One row: when, its name, what more there is to say, and what sort of thing it is."""

    start: float
    end: float
    name: str
    detail: str = ""
    kind: str = ""
    count: int = 1
    colour: str = ""
    score: float = 0.5
    units: tuple[Unit, ...] = ()
    value: float | None = None


def sort_of(words: str) -> str:
    """Which rows a description in words asks for; `moments` when it does not tell."""
    low = words.lower().replace("_", " ")
    return _SORTS.first(low)


def records(sort: str, words: str, material: Material) -> list[Record]:
    """The rows of one sort in order of time."""
    notes, index = material.notes, material.index
    match sort:
        case "scores":
            board = scores(index)
            return [
                Record(
                    s.start,
                    s.end,
                    s.text,
                    f"{s.home_name} {s.text} {s.away_name}".strip(),
                    "score",
                    units=(s.unit,),
                )
                for s in (
                    changes(board) if not re.search(r"\beach score\b|\bevery score\b", words) else board
                )
            ]
        case "shots":
            return [
                Record(
                    s.start,
                    s.end,
                    title(material, [u for u in index.units if s.start <= u.middle < s.end])
                    or f"Shot {i + 1}",
                    _telling(material, s.start, s.end),
                    "shot",
                )
                for i, s in enumerate(notes.shots)
            ]
        case "slides":
            return [
                Record(s.start, s.end, s.title, "; ".join(u.text for u in s.lines), "text", units=s.lines)
                for s in slides(index)
            ]
        case "people":
            named = [
                Record(
                    min(u.start for u in p.units),
                    max(u.end for u in p.units),
                    p.name,
                    p.units[0].text,
                    "person",
                    score=min(1.0, p.weight / 3),
                    units=p.units,
                )
                for p in people(index)
            ]
            return named or _seen(material, "person")
        case "texts":
            return [Record(u.start, u.end, u.text, u.role, "text", units=(u,)) for u in screen_lines(index)]
        case "speech":
            return [Record(u.start, u.end, u.text, u.text, "speech", units=(u,)) for u in index.speech]
        case "money" | "numbers" | "dates":
            kind = {"money": "money", "numbers": "number", "dates": "when"}[sort]
            return [
                Record(u.start, u.end, s.text, u.text, kind, units=(u,), value=s.value)
                for u in index.units
                for s in spans.find(u.text, kind)
            ]
        case "steps":
            return [
                Record(u.start, u.end, u.text, u.text, "step", units=(u,))
                for u in index.speech
                if len(u.text.split()) > 2
            ]
        case "topics":
            return [
                Record(
                    k.unit.start if k.unit else notes.start,
                    k.unit.end if k.unit else notes.end,
                    k.text,
                    k.unit.text if k.unit else "",
                    "topic",
                )
                for k in keywords(index, most=8)
            ]
        case "things" | "ingredients":
            return _things(material)
        case "moments":
            pool = list(index.speech) or list(screen_lines(index))
            chosen = [
                Record(u.start, u.end, u.text, u.text, "event", units=(u,)) for u in central(index, pool, 8)
            ]
            return chosen or _seen(material)
        case _:
            return [
                Record(c.start, c.end, c.title, c.gist or c.title, "scene", units=c.units)
                for c in chapters(material)
            ]


def spans_of(words: str, material: Material) -> list[Record]:
    """When the thing that a prompt names is there: seen, written or said."""
    thing = thing_asked(words, "when") or thing_asked(words, "about")
    if not thing:
        return []
    found = find_presence(thing, material)
    rows = [
        Record(t.start, t.end, t.label, f"{t.label} recognised", "object", t.count, t.colour or "", t.score)
        for t in found.seen
    ]
    rows += [Record(u.start, u.end, u.text, u.text, "text", units=(u,)) for u in found.written]
    rows += [Record(u.start, u.end, u.text, u.text, "speech", units=(u,)) for u in found.said]
    return sorted(rows, key=lambda r: (r.start, r.end, r.name))


def _telling(material: Material, start: float, end: float) -> str:
    inside = [u for u in material.index.units if start <= u.middle < end]
    said = central(material.index, [u for u in inside if u.kind == "speech"], 1)
    if said:
        return said[0].text
    written = ", ".join(dict.fromkeys(u.text for u in inside[:4]))
    seen = [t.label for t in material.notes.tags if t.start < end and t.end > start]
    return written or ", ".join(dict.fromkeys(seen[:4]))


def _things(material: Material) -> list[Record]:
    seen = sorted(_seen(material), key=lambda r: (r.start, r.name))
    if seen:
        return seen
    worded = [r for r in records("texts", "", material) if any(c.isalpha() for c in r.name)]
    return records("people", "", material) + worded[:8]


def _seen(material: Material, label: str | None = None) -> list[Record]:
    rows = []
    for sightings in objects.seen(material.notes, label):
        kind = (
            "person"
            if sightings.label == "person"
            else "animal"
            if sightings.label in KINDS["animal"].split()
            else "object"
        )
        tag = sightings.tags[0]
        colour = sightings.colours[0] if sightings.colours else ""
        rows.append(
            Record(
                tag.start,
                sightings.tags[-1].end,
                sightings.label,
                f"{sightings.label} recognised",
                kind,
                sightings.most,
                colour,
                tag.score,
            )
        )
    return rows

"""Answers what is asked about reference pictures (`<@name>`) from where they were recognised in the video."""

import re
from collections.abc import Iterator
from typing import Any

from kinoscribe.contract.times import clock_time
from kinoscribe.engines.embedded.describe import stretch
from kinoscribe.engines.embedded.layout import Block
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.records import Record
from kinoscribe.engines.embedded.request import Part
from kinoscribe.engines.embedded.times import say_length, span
from kinoscribe.engines.embedded.wording import quote
from kinoscribe.notes import Notes, Sighting

_MENTION = re.compile(r"<@([A-Za-z0-9_-]{1,64})>")
_MARK = re.compile(r"\bpicturemark(\d{1,3})\b")
_IT = re.compile(r"\b(?:it|its|they|them|this|that|these|those)\b", re.I)
_OF_IT = re.compile(
    r"\b(?:appears?|appearances?|visible|visibility|seen|shown?|shows|present|presence|found|detected|recogni[sz]ed"
    r"|match(?:es|ed)?|occurs?|occurrences?|spans?|intervals?|ranges?|sightings?|times?|timestamps?|when|start|begin"
    r"|end|from|to|until|first|last|count|how many|how often|how long|duration|seconds|total)\b",
    re.I,
)
_LATE = re.compile(r"\b(?:end|ends|to|until|stop|last|disappears?|leaves?)\b", re.I)
_COUNT = re.compile(r"\b(?:count|number|how many|how often|times|occurrences|appearances)\b", re.I)
_LENGTH = re.compile(r"\b(?:duration|long|length|total|seconds)\b", re.I)
_SAID = re.compile(r"\b(?:said|say|says|spoken|hear|heard|talk(?:s|ed|ing)?)\b", re.I)
_BESIDE = re.compile(r"\b(?:what|who|which|describe|happens?)\b", re.I)
_MOST_TOLD = 12

NOT_PICTURED = object()
"""What `value` returns for a field that asks about something else."""


def mentions(text: str) -> tuple[str, ...]:
    """The names of the pictures that a text points at, each once, in order."""
    return tuple(dict.fromkeys(_MENTION.findall(text)))


def sightings_of(name: str, notes: Notes) -> tuple[Sighting, ...]:
    """Where a picture was recognised."""
    return tuple(one for one in notes.sightings if one.name == name)


def marked(prompt: str) -> tuple[str, tuple[str, ...]]:
    """The prompt with a plain word for each picture it points at, so that it reads like any other, and their names."""
    names = mentions(prompt)
    return _MENTION.sub(lambda found: f"picturemark{names.index(found[1])}", prompt), names


def about_pictures(found: list[Part], names: tuple[str, ...], material: Material) -> dict[int, Block]:
    """The blocks of those parts of a marked prompt that ask about pictures, by the place of the part."""
    blocks: dict[int, Block] = {}
    last: tuple[str, ...] = ()
    for place, part in enumerate(found):
        own = tuple(dict.fromkeys(names[int(number)] for number in _MARK.findall(part.text)))
        if not own and last and _IT.search(part.text) and _OF_IT.search(part.text):
            own = last
        if own:
            last = own
            label = _MARK.sub(lambda mark: names[int(mark[1])], part.label)
            blocks[place] = Block(label, tuple(_lines(part.text, own, material)))
    return blocks


def _lines(text: str, names: tuple[str, ...], material: Material) -> Iterator[str]:
    for name in names:
        seen = sightings_of(name, material.notes)
        if not seen:
            yield _absent(name, material.notes)
            continue
        times = _times(seen)
        if _COUNT.search(text) and re.search(r"\bhow (?:many|often)\b|\bnumber\b|\bcount\b", text, re.I):
            yield f"“{name}” is seen {len(seen)} time{'' if len(seen) == 1 else 's'}: {times}."
        elif re.search(r"\bhow long\b|\bduration\b|\btotal\b", text, re.I):
            total = sum(one.end - one.start for one in seen)
            yield f"“{name}” is seen for {say_length(total)} in all: {times}."
        elif re.search(r"^\s*(?:is|are|was|were|do|does|did|can|has|have)\b", text, re.I):
            yield f"Yes: “{name}” is seen at {times}."
        else:
            yield f"“{name}” is seen at {times}."
        yield from _meanwhile(text, seen, material)


def _meanwhile(text: str, seen: tuple[Sighting, ...], material: Material) -> Iterator[str]:
    """What is said, or what else is there, while a picture is seen, where that is asked."""
    if not _BESIDE.search(text) or re.search(r"\bwhat times?\b|\bat which\b|\bwhich times?\b", text, re.I):
        return
    for one in seen[:_MOST_TOLD]:
        if _SAID.search(text):
            said = [u for u in material.index.speech if u.end > one.start and u.start < one.end]
            yield from (quote(unit) for unit in said[:_MOST_TOLD])
        else:
            told = stretch(material, one.start, one.end)
            if told:
                yield f"{span(one.start, one.end)}: {told}"


def _times(seen: tuple[Sighting, ...]) -> str:
    told = [span(one.start, one.end) for one in seen[:_MOST_TOLD]]
    more = f" and {len(seen) - len(told)} more" if len(seen) > len(told) else ""
    joined = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return joined + more


def _absent(name: str, notes: Notes) -> str:
    sought = next((one for one in notes.sought if one.name == name), None)
    if sought is None:
        return f"“{name}” was not looked for."
    line = f"No: “{name}” was not recognised in any of the {sought.looks} pictures that were looked at."
    if sought.looks == 0:
        return f"“{name}” was not recognised: the video has no picture to look at."
    alike = [tag for tag in notes.tags if tag.label == sought.kind]
    if alike:
        times = ", ".join(span(tag.start, tag.end) for tag in alike[:4])
        line += f" A {sought.kind} is seen at {times}, but nothing shows that it is this one."
    return line


def value(schema: dict[str, Any], name: str, text: str, prompt: str, notes: Notes) -> Any:
    """What a field of a JSON answer holds about the picture it asks about; `NOT_PICTURED` when it asks about none.

    `name` is the field's name in words, `text` what the schema says about it.
    """
    asked = _asked(name, text, prompt)
    if not asked:
        return NOT_PICTURED
    seen = tuple(one for one in notes.sightings if one.name in asked)
    words = f"{name} {text}"
    late = _LATE.search(name) is not None
    match schema.get("type"):
        case "boolean":
            return bool(seen)
        case "integer" | "number" if _COUNT.search(words) and not _LENGTH.search(name):
            return len(seen)
        case "integer" | "number" if _LENGTH.search(words):
            return round(sum(one.end - one.start for one in seen), 3)
        case "integer" | "number" | "timestamp" if seen:
            seconds = seen[-1].end if late else seen[0].start
            return _written(seconds, schema)
        case "string" if _OF_IT.search(words) and "enum" not in schema:
            return _times(seen) if seen else "not seen"
    return NOT_PICTURED


def rows(name: str, text: str, prompt: str, notes: Notes) -> list[Record] | None:
    """The rows of an array that asks when pictures are seen; None when it asks about something else."""
    asked = _asked(name, text, prompt)
    if not asked:
        return None
    return [
        Record(one.start, one.end, one.name, f"“{one.name}” is seen", "picture", score=one.score)
        for one in notes.sightings
        if one.name in asked
    ]


def _asked(name: str, text: str, prompt: str) -> tuple[str, ...]:
    """The pictures a field asks about: those it names, else those of the prompt when it asks about seeing."""
    own = mentions(text)
    if own:
        return own
    named = mentions(prompt)
    if not named:
        return ()
    of_name = tuple(one for one in named if _folded(one) and _folded(one) in _folded(name))
    if of_name:
        return of_name
    return named if _OF_IT.search(name) else ()


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _written(seconds: float, schema: dict[str, Any]) -> Any:
    style = schema.get("format")
    return round(seconds, 3) if style in (None, "seconds") else clock_time(seconds, style)

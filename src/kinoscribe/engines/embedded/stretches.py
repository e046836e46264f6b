"""Describes one shot, scene or chapter that a prompt names by its number."""

import re

from kinoscribe.engines.embedded.central import central, greets
from kinoscribe.engines.embedded.chapters import chapters
from kinoscribe.engines.embedded.describe import looks_of, stretch
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.numbers import ORDINALS, numbers
from kinoscribe.engines.embedded.times import span
from kinoscribe.engines.embedded.words import tokens

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
        told = chapters(material)
        if what in ("story", "topic"):
            told = [
                c
                for c in told
                if central(
                    material.index, [u for u in c.units if u.kind == "speech" and not greets(u.text)], 1
                )
            ]
        spans = [(c.start, c.end) for c in told]
    if word in ("last", "final"):
        place = len(spans)
    return spans[place - 1] if 1 <= place <= len(spans) else None


def describe_nth(where: tuple[float, float], material: Material) -> str:
    """What is in one stretch, with how it looks."""
    look = next((x for x in material.notes.looks if x.start <= where[0] + 0.01 < x.end), None)
    told = stretch(material, *where)
    seen = f" The picture is {looks_of(look)}." if look and "The picture is" not in told else ""
    return f"{span(*where)}: {told or 'nothing is said, written or recognised there.'}{seen}"

"""Cuts a video into chapters where slides change, captions change or the talk turns to something else."""

from dataclasses import dataclass

from kinoscribe.engines.embedded.central import central
from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.slides import slides
from kinoscribe.engines.embedded.summary import title
from kinoscribe.engines.embedded.words import fold


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the video with a title and the sentence that tells most of it."""

    start: float
    end: float
    title: str
    gist: str
    units: tuple[Unit, ...]


def chapters(material: Material, wanted: int | None = None) -> list[Chapter]:
    """The chapters in order; they touch and cover the window."""
    notes = material.notes
    index = material.index
    blocks = _blocks(material)
    most = wanted or max(1, min(12, round((notes.end - notes.start) / 20) + 1, len(blocks)))
    if not wanted:
        titled = sum(1 for b in blocks if b[2])
        most = max(most, min(12, titled))
    blocks = _merged(index, blocks, most)
    found: list[Chapter] = []
    for start, end, _, units in blocks:
        name = title(material, list(units)) if units else ""
        telling = central(index, [u for u in units if u.kind == "speech"], 1)
        gist = telling[0].text if telling else ", ".join(dict.fromkeys(u.text for u in units[:4]))
        found.append(Chapter(start, end, name or _untitled(len(found)), gist, tuple(units)))
    return found


def _untitled(number: int) -> str:
    return f"Part {number + 1}"


_Block = tuple[float, float, str, list[Unit]]


def _blocks(material: Material) -> list[_Block]:
    """The smallest parts: shots that hold something, each with the headline or caption that begins in it."""
    notes, index = material.notes, material.index
    edges = [shot.start for shot in notes.shots] or [notes.start]
    if len(edges) < 3:
        edges = sorted({notes.start, *edges, *(s.start for s in slides(index)), *_silences(index)})
    edges = [e for e in edges if notes.start <= e < notes.end] or [notes.start]
    if edges[0] > notes.start:
        edges.insert(0, notes.start)
    blocks: list[_Block] = []
    for place, start in enumerate(edges):
        end = edges[place + 1] if place + 1 < len(edges) else notes.end
        units = [u for u in index.units if start <= (u.middle if u.kind == "speech" else u.begins) < end]
        heads = [u for u in units if u.role in ("headline", "caption") and u.start >= start - 0.6]
        blocks.append((start, end, fold(heads[0].text) if heads else "", units))
    return _without_slivers(blocks)


def _silences(index: Index) -> list[float]:
    return [b.start for a, b in zip(index.speech, index.speech[1:], strict=False) if b.start - a.end > 1.5]


def _without_slivers(blocks: list[_Block]) -> list[_Block]:
    kept: list[_Block] = []
    for block in blocks:
        if kept and ((block[1] - block[0] < 2.0 and not block[2]) or not block[3]):
            kept[-1] = (kept[-1][0], block[1], kept[-1][2], kept[-1][3] + block[3])
        elif kept and not kept[-1][3]:
            kept[-1] = (kept[-1][0], block[1], block[2], block[3])
        else:
            kept.append(block)
    return kept


def _merged(index: Index, blocks: list[_Block], most: int) -> list[_Block]:
    """Joins neighbours that have most in common, or the least reason to be apart, until `most` are left."""
    words = [frozenset(s for u in block[3] for s in index.stems(u)) for block in blocks]
    costs = [_cost(blocks[i], blocks[i + 1], words[i], words[i + 1]) for i in range(len(blocks) - 1)]
    while len(blocks) > most:
        at = min(range(len(costs)), key=lambda i: (costs[i], i))
        left, right = blocks[at], blocks[at + 1]
        blocks[at : at + 2] = [(left[0], right[1], left[2] or right[2], left[3] + right[3])]
        words[at : at + 2] = [words[at] | words[at + 1]]
        del costs[at]
        for i in (at - 1, at):
            if 0 <= i < len(costs):
                costs[i] = _cost(blocks[i], blocks[i + 1], words[i], words[i + 1])
    return blocks


def _cost(left: _Block, right: _Block, mine: frozenset[str], theirs: frozenset[str]) -> float:
    """What is lost when two neighbours become one."""
    alike = len(mine & theirs) / (min(len(mine), len(theirs)) or 1)
    length = min(left[1] - left[0], right[1] - right[0])
    return length / 10 - 1.5 * alike + (1.5 if right[2] and right[2] != left[2] else 0.0)

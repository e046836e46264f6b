"""Groups the lines on the screen into slides: a headline and the lines that stand with it."""

import re
from dataclasses import dataclass

from kinoscribe.engines.embedded.index import Index, Unit
from kinoscribe.engines.embedded.words import alike, fold

NUMBER = re.compile(r"^\W*\d{1,3}\s*(?:(?:/|of|von|de)\s*\d{1,3})?\W*$")  # the number of a page


@dataclass(frozen=True, slots=True)
class Slide:
    """A headline with its lines. The same headline shown again later is the same slide."""

    title: str
    lines: tuple[Unit, ...]
    start: float
    end: float


def slides(index: Index) -> list[Slide]:
    """The slides in order of first appearance."""
    if "slides" not in index.memo:
        index.memo["slides"] = _find_slides(index)
    found: list[Slide] = index.memo["slides"]
    return list(found)


def _find_slides(index: Index) -> list[Slide]:
    found: list[Slide] = []
    for head in index.texts:
        if head.role != "headline":
            continue
        same = next((i for i, s in enumerate(found) if _same(s.title, head.text)), None)
        lines = tuple(
            u
            for u in index.texts
            if u.role != "headline"
            and not NUMBER.match(u.text)
            and u.start < head.end
            and u.end > head.start
            and head.start - 0.5 <= u.middle <= head.end + 0.5
        )
        if same is None:
            before = found[-1] if found else None
            if before is not None and abs(before.start - head.start) < 0.6:  # a headline of two lines
                joined = f"{before.title} {head.text}"
                more = tuple(dict.fromkeys((*before.lines, *lines)))
                found[-1] = Slide(joined, more, before.start, max(before.end, head.end))
            else:
                found.append(Slide(head.text, lines, head.start, head.end))
        else:
            old = found[same]
            merged = tuple(dict.fromkeys((*old.lines, *lines)))
            found[same] = Slide(old.title, merged, old.start, max(old.end, head.end))
    return found


def _same(a: str, b: str) -> bool:
    x, y = fold(a), fold(b)
    return x == y or (len(x) > 8 and alike(x.replace(" ", ""), y.replace(" ", "")))


def distinct(units: tuple[Unit, ...] | list[Unit]) -> list[Unit]:
    """The lines without repetitions, in order of first appearance."""
    seen: set[str] = set()
    kept = []
    for unit in units:
        key = fold(unit.text) or unit.text
        if key not in seen:
            seen.add(key)
            kept.append(unit)
    return kept

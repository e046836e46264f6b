"""Turns the lines read in single pictures into lines of text that stood on the screen from when to when."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from kinoscribe.evidence.moments import Moments
from kinoscribe.evidence.trail import Trail
from kinoscribe.notes import Box, ScreenText

VERSION = "1"

_LEAST_SCORE = 0.65
_SHORT_SCORE = 0.9
_ALIKE = 0.75
_LOWER = 0.68
_TALL_LINE = 0.075
_MISSES = 2
_GAP = 8.0
_CUT_NEAR = 0.15


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text in one picture."""

    text: str
    score: float
    box: Box


@dataclass(slots=True)
class _Standing:
    """A line that is, or was, on the screen: which pictures showed it and how it was read in each."""

    first: int
    last: int
    readings: list[Line]
    largest: float
    came: float | None = None
    went: float | None = None


@dataclass(eq=False, slots=True)
class ScreenReader:
    """Takes the lines of each picture in the order of time."""

    moments: Moments = field(default_factory=Moments)
    _open: list[_Standing] = field(default_factory=list)
    _closed: list[_Standing] = field(default_factory=list)

    def feed(self, time: float, since: float, lines: Sequence[Line], trail: Trail | None = None) -> None:
        """`trail` is that from the picture before to this one."""
        index = self.moments.add(time, since)
        fresh = believed(lines)
        largest = max((line.box.height for line in fresh), default=0.0)
        pairs = sorted(
            (
                (-_likeness(standing.readings[-1], line), at, place)
                for at, standing in enumerate(self._open)
                for place, line in enumerate(fresh)
                if _same(standing.readings[-1], line, still=trail is not None and trail.still(line.box))
            ),
        )
        matched: set[int] = set()
        taken: set[int] = set()
        for _, at, place in pairs:
            if at in matched or place in taken:
                continue
            matched.add(at)
            taken.add(place)
            self._open[at].last = index
            self._open[at].went = None
            self._open[at].readings.append(fresh[place])
        for place, line in enumerate(fresh):
            if place not in taken:
                came = trail.came(line.box) if trail and index else None
                self._open.append(_Standing(index, index, [line], largest, came))
        if trail:
            for standing in self._open:
                if standing.last == index - 1:
                    standing.went = trail.went(standing.readings[-1].box)
        self._close(index, time)

    def _close(self, index: int, time: float) -> None:
        still: list[_Standing] = []
        for standing in self._open:
            gone = index - standing.last >= _MISSES or time - self.moments.times[standing.last] > _GAP
            (self._closed if gone and standing.last != index else still).append(standing)
        self._open = still

    def finish(self, cuts: Sequence[float], start: float, end: float) -> tuple[ScreenText, ...]:
        """The texts, sorted by start, then from top to bottom."""
        texts = [self._text(s, cuts, start, end) for s in (*self._closed, *self._open)]
        return tuple(sorted(texts, key=lambda t: (t.start, round(t.box.top, 2), t.box.left)))

    def _text(self, standing: _Standing, cuts: Sequence[float], start: float, end: float) -> ScreenText:
        best = best_reading(standing.readings)
        came = _at(standing.came, cuts) or self.moments.came_up(standing.first, cuts, start)
        went = _at(standing.went, cuts) or self.moments.went(standing.last, cuts, end)
        went = max(went, came)
        role = role_of(best.box, standing.largest)
        return ScreenText(round(came, 3), round(went, 3), best.text, role, best.box, round(best.score, 3))


def _at(time: float | None, cuts: Sequence[float]) -> float | None:
    """A time told by the trail; a cut that close is what it saw."""
    return next((cut for cut in cuts if time is not None and abs(cut - time) <= _CUT_NEAR), time)


def believed(lines: Sequence[Line]) -> list[Line]:
    """Lines that are text and not the shape of something that looks like a letter."""
    return [line for line in lines if _is_text(line)]


def _is_text(line: Line) -> bool:
    signs = [c for c in line.text if c.isalnum()]
    if line.score < _LEAST_SCORE or not signs:
        return False
    wide = any(unicodedata.east_asian_width(c) in "WF" for c in signs)
    if len(signs) == 1:
        return signs[0].isdigit() and line.score >= _SHORT_SCORE and line.box.height < 0.25
    if len(signs) <= 2 or wide:
        if line.score < _SHORT_SCORE or (len(signs) <= 3 and wide and line.score < 0.97):
            return False
        if line.box.height > 0.3:
            return False
    return wide or line.box.height <= 2.2 * line.box.width


def best_reading(readings: Sequence[Line]) -> Line:
    """The reading most often made; among equals the surest."""
    votes = Counter(line.text for line in readings)
    return max(readings, key=lambda line: (votes[line.text] * line.score, line.score))


def role_of(box: Box, largest: float) -> Literal["headline", "body", "caption"]:
    """What a line is by its place and its size, beside the largest line of the same picture."""
    if box.top >= _LOWER:
        return "caption"
    if box.height >= _TALL_LINE or (box.height >= 0.9 * largest and box.height >= 0.04 and box.top < 0.5):
        return "headline"
    return "body"


def _same(old: Line, new: Line, *, still: bool) -> bool:
    """Whether a line of the next picture is the same line still.

    Other digits are another text, unless nothing moved in its place: then it was only read otherwise.
    """
    if still and _covers(old.box, new.box) and likeness(old.text, new.text) >= _ALIKE / 2:
        return True
    close = abs(old.box.top - new.box.top) < 0.06 and _overlap(old.box, new.box)
    near = abs(old.box.top - new.box.top) < 0.2 and abs(old.box.left - new.box.left) < 0.25
    if not near:
        return False
    if digits(old.text) != digits(new.text) and min(old.score, new.score) >= 0.8:
        return False
    return _likeness(old, new) >= (_ALIKE if close else 0.9)


def _covers(a: Box, b: Box) -> bool:
    """Whether two boxes are all but the same place."""
    wide = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    tall = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    return wide > 0.8 * max(a.width, b.width) and tall > 0.6 * max(a.height, b.height)


def _overlap(a: Box, b: Box) -> bool:
    return a.left < b.left + b.width and b.left < a.left + a.width


def _likeness(old: Line, new: Line) -> float:
    return likeness(plain_text(old.text), plain_text(new.text))


def plain_text(text: str) -> str:
    """Text without case, accents, spaces and marks, to compare readings by."""
    flat = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in flat if c.isalnum())


def digits(text: str) -> str:
    """The digits of a text with the gaps between them."""
    return re.sub(r"\D+", " ", text).strip()


def likeness(a: str, b: str) -> float:
    """1 for equal texts, 0 for texts with nothing in common: one less the edits for each letter."""
    if a == b:
        return 1.0
    if not a or not b:
        return 0.0
    row = list(range(len(b) + 1))
    for x in a:
        above = row
        row = [above[0] + 1]
        for j, y in enumerate(b):
            row.append(min(above[j + 1] + 1, row[j] + 1, above[j] + (x != y)))
    return 1.0 - row[-1] / max(len(a), len(b))

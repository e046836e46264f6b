"""Turns the segments found in each window into one list that keeps every promise about its boundaries.

All that counts is counted in whole steps of the time style that goes out (a thousandth of a second, or a
second), so that what is true of the numbers here is true of the text the client reads.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kinoscribe.analysis.segment_values import Values, alike, join_values
from kinoscribe.analysis.windows import Edges

_TOUCH = 0.3  # seconds between two segments that still count as neighbours
_REPEATED = 0.8  # share of both that is the same time: one segment said twice
_SHARED = 0.5  # share of a segment that must be left of it to be worth keeping after another lies inside it
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it was found: absolute seconds and values."""

    start: float
    end: float
    values: Values


@dataclass(frozen=True, slots=True)
class Part:
    """What was found in one window, from `start` to `end`."""

    start: float
    end: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What must hold: lengths in seconds, the `step` of the time style, how far a boundary may `reach` to an edge."""

    shortest: float | None = None
    longest: float | None = None
    step: float = 0.001
    reach: float = 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment of the list that goes out, in whole steps."""

    start: int
    end: int
    values: Values

    @property
    def length(self) -> int:
        return self.end - self.start


def merged(
    parts: Sequence[Part], ranges: Iterable[tuple[float, float]], moments: Edges, limits: Limits
) -> tuple[Piece, ...]:
    """The segments of one definition: sorted, apart, inside one range each, as long as they may be.

    Only the last one before the end of a range may be shorter than the shortest.
    """
    joined = _joined(sorted(parts, key=lambda p: (p.start, p.end)), moments)
    pieces: list[Piece] = []
    for start, end in sorted(ranges):
        grid = _Grid(start, end, limits, moments)
        if grid.high > grid.low:
            pieces += grid.settled(joined)
    return tuple(pieces)


def _joined(parts: Sequence[Part], moments: Edges) -> list[Segment]:
    """All segments inside their windows; what was cut in two at the border of two windows is one again."""
    found: list[Segment] = []
    border: float | None = None
    for part in parts:
        inside = [_clipped(s, part.start, part.end) for s in part.segments[:_MOST] if _sound(s)]
        new = sorted((s for s in inside if s.start < s.end), key=lambda s: (s.start, s.end))
        if new and found and border is not None and abs(part.start - border) < 1e-6:
            last = max(range(len(found)), key=lambda i: found[i].end)
            if _one(found[last], new[0], border, moments):
                whole = join_values(found[last].values, new[0].values)
                found[last] = Segment(found[last].start, max(found[last].end, new[0].end), whole)
                new = new[1:]
        found += new
        border = part.end
    return found


def _one(before: Segment, after: Segment, border: float, moments: Edges) -> bool:
    """Whether two segments that end and begin at a border are one. Where nothing changes, nothing ended."""
    if border - before.end > _TOUCH or after.start - border > _TOUCH:
        return False
    return moments.weight(border, 0.05) == 0.0 or alike(before.values, after.values)


def _sound(segment: Segment) -> bool:
    return math.isfinite(segment.start) and math.isfinite(segment.end)


def _clipped(segment: Segment, start: float, end: float) -> Segment:
    low, high = sorted((segment.start, segment.end))
    return replace(segment, start=max(low, start), end=min(high, end))


class _Grid:
    """One range, counted in steps."""

    def __init__(self, start: float, end: float, limits: Limits, moments: Edges) -> None:
        self._start, self._end = start, end
        self._step, self._reach, self._moments = limits.step, limits.reach, moments
        self.low, self.high = self._up(start), self._down(end)
        self._shortest = max(1, self._up(limits.shortest or 0.0))
        longest = self.high - self.low if limits.longest is None else self._down(limits.longest)
        self._longest = max(longest, self._shortest)
        self._touch = max(0, self._down(_TOUCH))

    def settled(self, found: Sequence[Segment]) -> list[Piece]:
        inside = [_clipped(s, self._start, self._end) for s in found]
        snapped = [self._snapped(s) for s in inside if s.start < s.end]
        pieces = self._apart([self._counted(s) for s in snapped])
        short = [part for piece in pieces for part in self._split(piece)]
        return self._long_enough(short)

    def _up(self, seconds: float) -> int:
        return math.ceil(seconds / self._step - 1e-6)

    def _down(self, seconds: float) -> int:
        return math.floor(seconds / self._step + 1e-6)

    def _nearest(self, seconds: float) -> int:
        return min(max(self.low, math.floor(seconds / self._step + 0.5)), self.high)

    def _snapped(self, segment: Segment) -> Segment:
        """Boundaries moved to edges near them, as long as most of the segment stays what it is."""
        reach = min(self._reach, 0.25 * (segment.end - segment.start))
        if reach <= 0.0:
            return segment
        start = self._moments.best(segment.start - reach, segment.start + reach, segment.start)
        end = self._moments.best(segment.end - reach, segment.end + reach, segment.end)
        low = segment.start if start is None else max(self._start, start)
        high = segment.end if end is None else min(self._end, end)
        return replace(segment, start=low, end=high) if low < high else segment

    def _counted(self, segment: Segment) -> Piece:
        start, end = self._nearest(segment.start), self._nearest(segment.end)
        if start == end:
            start, end = (start, end + 1) if end < self.high else (start - 1, end)
        return Piece(start, end, segment.values)

    def _apart(self, pieces: Iterable[Piece]) -> list[Piece]:
        """The pieces in order; where two claim the same time, it is shared out."""
        waiting: list[tuple[int, int, int, Piece]] = [
            (p.start, p.end, number, p) for number, p in enumerate(pieces)
        ]
        heapq.heapify(waiting)
        number = len(waiting)
        kept: list[Piece] = []
        while waiting:
            piece = heapq.heappop(waiting)[3]
            before = kept[-1] if kept else None
            if before is None or piece.start >= before.end:
                kept.append(piece)
                continue
            shared = min(before.end, piece.end) - piece.start
            if shared >= _REPEATED * max(before.length, piece.length):
                whole = join_values(before.values, piece.values)
                kept[-1] = Piece(before.start, max(before.end, piece.end), whole)
                continue
            rest: Piece | None = None
            if piece.end <= before.end and piece.start > before.start:
                left = before.end - piece.end
                if left >= max(self._shortest, _SHARED * before.length):
                    rest = Piece(piece.end, before.end, before.values)
                kept[-1] = replace(before, end=piece.start)
                kept.append(piece)
            elif piece.start == before.start:
                rest = replace(piece, start=before.end) if piece.end > before.end else None
            else:
                middle = self._border(piece.start, before.end)
                kept[-1] = replace(before, end=middle)
                rest = replace(piece, start=middle)
            if rest is not None:
                heapq.heappush(waiting, (rest.start, rest.end, number, rest))
                number += 1
        return kept

    def _border(self, start: int, end: int) -> int:
        """Where two overlapping segments part: at an edge inside of what both claim, else in its middle."""
        found = self._moments.best(start * self._step, end * self._step, (start + end) / 2 * self._step)
        middle = (start + end) // 2 if found is None else self._nearest(found)
        return min(max(start, middle), end)

    def _split(self, piece: Piece) -> list[Piece]:
        """Pieces that are not too long. What cannot be shared out in lengths that are allowed is left over."""
        left, start = math.ceil(piece.length / self._longest), piece.start
        if left <= 1:
            return [piece]
        end = piece.end
        if left * self._shortest > piece.length:
            left = piece.length // self._shortest
            end = start + left * self._longest
        found: list[Piece] = []
        while left > 1:
            least = max(self._shortest, end - start - (left - 1) * self._longest)
            most = min(self._longest, end - start - (left - 1) * self._shortest)
            found.append(replace(piece, start=start, end=start + self._length(start, left, end, least, most)))
            start, left = found[-1].end, left - 1
        found.append(replace(piece, start=start, end=end))
        if end < piece.end == self.high:
            found.append(replace(piece, start=end, end=piece.end))
        return found

    def _length(self, start: int, left: int, end: int, least: int, most: int) -> int:
        """The length of the next piece: up to the best edge within reach, else an even share."""
        even = min(max(least, round((end - start) / left)), most)
        step = self._step
        found = self._moments.best((start + least) * step, (start + most) * step, (start + even) * step)
        return even if found is None else min(max(least, round(found / step) - start), most)

    def _long_enough(self, pieces: list[Piece]) -> list[Piece]:
        """Pieces that are not too short: joined to a neighbour, given free time, or dropped."""
        kept: list[Piece] = []
        waiting = pieces[::-1]
        while waiting:
            piece = waiting.pop()
            after = waiting[-1] if waiting else None
            if piece.length >= self._shortest:
                kept.append(piece)
            elif self._joins(kept[-1] if kept else None, piece, after):
                self._join(kept, piece, waiting)
            else:
                grown = self._grown(kept, piece, after)
                if grown is not None:
                    kept.append(grown)
        return kept

    def _joins(self, before: Piece | None, piece: Piece, after: Piece | None) -> bool:
        return self._fits(before, piece) or self._fits(piece, after)

    def _fits(self, first: Piece | None, second: Piece | None) -> bool:
        return (
            first is not None
            and second is not None
            and second.start - first.end <= self._touch
            and second.end - first.start <= self._longest
        )

    def _join(self, kept: list[Piece], piece: Piece, waiting: list[Piece]) -> None:
        """Joins a piece to the neighbour from which less parts it, or to the shorter one."""
        before = kept[-1] if kept and self._fits(kept[-1], piece) else None
        after = waiting[-1] if waiting and self._fits(piece, waiting[-1]) else None
        parted = [
            (self._moments.weight(at * self._step, 0.1), other.length)
            for other, at in ((before, piece.start), (after, piece.end))
            if other is not None
        ]
        if before is not None and (after is None or parted[0] <= parted[1]):
            kept.pop()
            waiting.append(_whole(before, piece))
        elif after is not None:
            waiting.pop()
            waiting.append(_whole(piece, after))

    def _grown(self, kept: list[Piece], piece: Piece, after: Piece | None) -> Piece | None:
        """The piece with free time on both sides, or None when there is too little of it."""
        low = kept[-1].end if kept else self.low
        high = after.start if after is not None else self.high
        if high - low < self._shortest:
            last = piece.end == self.high and after is None
            return piece if last else None
        lacks = self._shortest - piece.length
        start = max(low, min(piece.start - lacks // 2, high - self._shortest))
        return Piece(start, start + self._shortest, piece.values)


def _whole(first: Piece, second: Piece) -> Piece:
    long, short = (first, second) if first.length >= second.length else (second, first)
    values: dict[str, Any] = join_values(long.values, short.values)
    return Piece(first.start, second.end, values)

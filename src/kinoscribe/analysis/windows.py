"""Cuts the time that is asked about into windows an engine can take in, which end at cuts and silences."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kinoscribe.notes import Notes

_CUT, _DISSOLVE, _SILENCE = 0.8, 0.6, 0.3
_QUIET = 0.2  # what it adds that nobody speaks across a cut
_PAUSE = 0.4  # seconds without words that a listener notices
_LONG_PAUSE = 2.0  # from here on the end of the talk and the begin of the next are two moments
_SAME = 0.6  # a cut and a silence so close are one moment: that of the cut
# A picture a second is the settled sampling, and about 100 tokens a picture the settled size.
_PICTURE_TOKENS = 100.0
# Half of the context is for pictures and evidence; the rest for the words asked with and for the answer.
_LOOKING = 0.5
_LEAST = 20.0
_LEEWAY = 0.3  # share of a window within which a better end is looked for


@dataclass(frozen=True, slots=True)
class Edge:
    """A moment at which something may well begin or end. `weight` (0..1) says how much speaks for it."""

    time: float
    weight: float


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch that is looked at in one go, in absolute seconds."""

    start: float
    end: float


class Edges:
    """The edges of a video in order of time, to be looked up by time."""

    def __init__(self, found: Iterable[Edge] = ()) -> None:
        self._edges = sorted(found, key=lambda e: e.time)
        self._times = [e.time for e in self._edges]

    def between(self, start: float, end: float) -> Sequence[Edge]:
        """Those from `start` to `end`, both included."""
        return self._edges[bisect_left(self._times, start) : bisect_right(self._times, end)]

    def best(self, start: float, end: float, wanted: float) -> float | None:
        """The moment from `start` to `end` that weighs most; the further from `wanted`, the less it weighs."""
        reach = max(wanted - start, end - wanted, 1e-9)
        found = self.between(start, end)
        if not found:
            return None
        return max(found, key=lambda e: (e.weight - 0.5 * abs(e.time - wanted) / reach, -e.time)).time

    def weight(self, time: float, reach: float) -> float:
        """The weight of the heaviest edge within `reach` seconds, 0 without any."""
        return max((e.weight for e in self.between(time - reach, time + reach)), default=0.0)


def edges(notes: Notes) -> Edges:
    """Cuts, and the moments where talk ends or begins after a silence."""
    cuts = [
        Edge(shot.start, (_DISSOLVE if shot.begins_with == "dissolve" else _CUT) + _QUIET * (not spoken))
        for shot, spoken in zip(notes.shots[1:], _spoken_over(notes), strict=True)
    ]
    at = [edge.time for edge in cuts]
    silences = [edge for edge in _silences(notes) if not _near(at, edge.time)]
    return Edges(cuts + silences)


def _spoken_over(notes: Notes) -> list[bool]:
    """For every cut, whether a word is being said across it."""
    words = [(w.start, w.end) for s in notes.speech for w in (s.words or (s,))]
    starts = [start for start, _ in words]
    found = []
    for shot in notes.shots[1:]:
        place = bisect_right(starts, shot.start - 0.05)
        found.append(any(end > shot.start + 0.05 for _, end in words[max(0, place - 3) : place]))
    return found


def _silences(notes: Notes) -> list[Edge]:
    found = []
    for before, after in zip(notes.speech, notes.speech[1:], strict=False):
        gap = after.start - before.end
        if gap >= _PAUSE:
            weight = min(2 * _SILENCE, _SILENCE + 0.1 * gap)
            found.append(Edge(after.start, weight))
            if gap >= _LONG_PAUSE:
                found.append(Edge(before.end, weight))
    return found


def _near(times: Sequence[float], time: float) -> bool:
    place = bisect_left(times, time)
    return any(abs(other - time) <= _SAME for other in times[max(0, place - 1) : place + 1])


def longest_window(context_tokens: int, evidence_tokens: int) -> float:
    """The seconds that an engine takes in at once, by its context, beside so much evidence in words."""
    return max(_LEAST, (_LOOKING * context_tokens - evidence_tokens) / _PICTURE_TOKENS)


def windows(ranges: Iterable[tuple[float, float]], moments: Edges, longest: float) -> tuple[Window, ...]:
    """Windows of at most `longest` seconds that cover the ranges and nothing else, about equal in each range."""
    found: list[Window] = []
    for first, end in union(ranges):
        start = first
        while end - start > longest:
            even = start + (end - start) / math.ceil((end - start) / longest)
            slack = _LEEWAY * longest
            low, high = max(start + 1e-3, even - slack), min(start + longest, even + slack)
            stop = moments.best(low, high, even)
            found.append(Window(start, even if stop is None else stop))
            start = found[-1].end
        found.append(Window(start, end))
    return tuple(found)


def union(ranges: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time as ranges that neither touch nor overlap, in order."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(r for r in ranges if r[0] < r[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined

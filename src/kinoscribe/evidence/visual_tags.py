"""Turns the objects seen in single pictures into tags: what was there, from when to when, and how many."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from kinoscribe.evidence.moments import Moments
from kinoscribe.notes import Box, Tag

VERSION = "1"

_ONCE_SURE = 0.8
_SURE = 0.5
_TWICE_SURE = 0.6
_WHOLE_PICTURE, _BEYOND_DOUBT = 0.8, 0.9
_MISSES = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One object in one picture, and the colour that stands out in the middle of its box."""

    label: str
    score: float
    box: Box
    colour: str | None = None


@dataclass(slots=True)
class _Span:
    first: int
    last: int
    best: float = 0.0
    total: float = 0.0
    sightings: int = 0
    count: int = 0
    colours: dict[str, int] = field(default_factory=dict)
    boxes: int = 0


@dataclass(eq=False, slots=True)
class TagKeeper:
    """Takes the objects of each picture in the order of time."""

    moments: Moments = field(default_factory=Moments)
    _open: dict[str, _Span] = field(default_factory=dict)
    _closed: list[tuple[str, _Span]] = field(default_factory=list)

    def feed(self, time: float, since: float, seen: Sequence[Seen]) -> None:
        index = self.moments.add(time, since)
        by_label: dict[str, list[Seen]] = defaultdict(list)
        for one in filter(_credible, seen):
            by_label[one.label].append(one)
        for label, ones in by_label.items():
            self._note(label, index, ones)
        for label in [name for name, span in self._open.items() if index - span.last >= _MISSES]:
            self._closed.append((label, self._open.pop(label)))

    def _note(self, label: str, index: int, ones: Sequence[Seen]) -> None:
        span = self._open.setdefault(label, _Span(index, index))
        best = max(one.score for one in ones)
        span.last = index
        span.best = max(span.best, best)
        span.total += best
        span.sightings += 1
        span.count = max(span.count, sum(one.score >= _SURE for one in ones), 1)
        span.boxes += len(ones)
        for one in ones:
            if one.colour:
                span.colours[one.colour] = span.colours.get(one.colour, 0) + 1

    def finish(self, cuts: Sequence[float], start: float, end: float) -> tuple[Tag, ...]:
        """Tags seen at least twice, or once for sure; sorted by start, the surest first."""
        spans = [(label, s) for label, s in (*self._closed, *self._open.items()) if _counts(s)]
        tags = [self._tag(label, span, cuts, start, end) for label, span in spans]
        return tuple(sorted(tags, key=lambda t: (t.start, -t.score, t.label)))

    def _tag(self, label: str, span: _Span, cuts: Sequence[float], start: float, end: float) -> Tag:
        came = self.moments.came_up(span.first, cuts, start)
        went = max(self.moments.went(span.last, cuts, end), came)
        colour, votes = next(iter(Counter(span.colours).most_common(1)), (None, 0))
        return Tag(
            start=round(came, 3),
            end=round(went, 3),
            label=label,
            score=round(span.total / span.sightings, 3),
            count=span.count,
            sightings=span.sightings,
            colour=colour if votes > span.boxes / 2 else None,
        )


def _counts(span: _Span) -> bool:
    return span.best >= (_TWICE_SURE if span.sightings >= 2 else _ONCE_SURE)


def _credible(one: Seen) -> bool:
    """A thing that fills the whole picture is more often the picture's background."""
    return one.box.width * one.box.height < _WHOLE_PICTURE or one.score >= _BEYOND_DOUBT

"""Turns the evidence of a window and a budget of tokens into which pictures of it to show, and how large (pure).

Few pictures where it stands still, more where it changes, and rather fewer than so small that nothing is seen.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Sight
from kinoscribe.media.pieces import Bars
from kinoscribe.notes import Notes

VERSION = "1"

LONGEST_GAP = 10.0
"""Seconds from picture to picture where nothing changes, as far as the budget allows."""

NO_BARS = Bars()

_USUAL = 1.0
"""Pictures a second where something moves; lively scenes get up to the most an operator allows."""
_STILL, _CALM, _LIVELY = 0.002, 0.02, 0.1
"""The motion of a look below which a shot stands still; up to which it is calm; from which it is as lively as any."""
_LEAN = 100
"""Tokens of a picture below which more of them are not worth their smallness: 120 of about 100 did best (anchors)."""
_SMALLEST, _STEP = 112, 0.9
"""The shortest longer side of a picture in pixels, and from one size to the next smaller one."""
_SETTLES, _SETTLED_WITHIN = 0.2, 1.5
"""Seconds after a cut until its picture is whole; and in which a picture that was read already shows it."""
_EVEN_SHARE = 0.5
"""The part of too small a budget that is spread evenly over the window."""
_CLOSEST = 0.5
"""The part of the shortest gap, by rate, below which two pictures are one too many."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """The instants to show, in absolute seconds, and the box in pixels that each picture is to fit."""

    instants: tuple[float, ...] = ()
    width: int = 0
    height: int = 0


def plan_frames(
    notes: Notes,
    facts: VideoFacts,
    start: float,
    end: float,
    sight: Sight,
    budget_tokens: int,
    *,
    bars: Bars = NO_BARS,
    most_a_second: float = 2.0,
) -> FramePlan:
    """What to show of the window from `start` to `end`; nothing where no single picture fits the budget.

    The pictures take no more than `budget_tokens` and are no more than `sight.most`.
    """
    if end <= start or sight.most < 1:
        return FramePlan()
    pace = _Pace.of(notes, start, end, most_a_second)
    wished = min(math.ceil(pace.measure(1.0) - 1e-6), sight.most)
    sizes = tuple(_sizes(facts, bars, sight.max_side))
    size, affordable = _size(sizes, sight, budget_tokens, wished, (end - start) / LONGEST_GAP)
    if affordable < 1:
        return FramePlan()
    return FramePlan(pace.instants(min(wished, affordable)), size.width, size.height)


@dataclass(frozen=True, slots=True)
class _Size:
    width: int
    height: int


def _sizes(facts: VideoFacts, bars: Bars, max_side: int) -> Iterator[_Size]:
    """The sizes a picture may have, the largest first; never larger than it is."""
    width = max(1.0, facts.width * (1 - bars.left - bars.right))
    height = max(1.0, facts.height * (1 - bars.top - bars.bottom))
    side = min(float(max_side), max(width, height))
    before = None
    while True:
        share = side / max(width, height)
        size = _Size(max(1, math.floor(width * share + 1e-6)), max(1, math.floor(height * share + 1e-6)))
        if size != before:
            yield size
        before = size
        if side <= _SMALLEST:
            return
        side = max(side * _STEP, float(_SMALLEST))


def _size(
    sizes: tuple[_Size, ...], sight: Sight, budget: int, wished: int, sparsest: float
) -> tuple[_Size, int]:
    """The size, and how many pictures of it the budget pays for.

    As large as all that are wished for may be; where even lean ones are too many, fewer of them; smaller ones only
    where those would come farther apart than they may.
    """
    costs = [max(1, sight.tokens(size.width, size.height)) for size in sizes]
    lean = next(place for place, cost in enumerate(costs) if cost <= max(_LEAN, min(costs)))
    for place in range(lean + 1):
        if costs[place] * wished <= budget:
            return sizes[place], wished
    for place in range(lean, len(sizes)):
        if budget // costs[place] >= min(sparsest, wished):
            return sizes[place], budget // costs[place]
    for place in range(lean, len(sizes)):
        if costs[place] <= budget:
            return sizes[place], budget // costs[place]
    return sizes[-1], 0


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of the window and the pictures a second it is worth; where it stands still, each change is worth one."""

    start: float
    end: float
    rate: float
    changes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pace:
    """How much of the window's pictures each part of it deserves."""

    start: float
    end: float
    stretches: tuple[_Stretch, ...]
    changes: tuple[float, ...]
    closest: float

    @classmethod
    def of(cls, notes: Notes, start: float, end: float, most_a_second: float) -> _Pace:
        changes = _changes(notes, start, end)
        stretches = tuple(_stretches(notes, start, end, most_a_second, changes))
        return cls(start, end, stretches, changes, _CLOSEST / most_a_second)

    def measure(self, share: float, floor: float = 1 / LONGEST_GAP) -> float:
        """How many pictures the window deserves when the budget gives `share` of what changes are worth."""
        even = sum((part.end - part.start) * max(floor, share * part.rate) for part in self.stretches)
        return even + share * sum(len(part.changes) for part in self.stretches)

    def instants(self, count: int) -> tuple[float, ...]:
        """At most `count` instants, the first at the start of the window."""
        floor = min(1 / LONGEST_GAP, _EVEN_SHARE * count / (self.end - self.start))
        share = self._share(count, floor)
        times, worth = self._curve(share, floor)
        number = min(count, max(1, math.ceil(worth[-1] - 1e-6)))
        wanted = np.arange(number) * (worth[-1] / number)
        chosen = [min(float(time), self.end) for time in np.interp(wanted, worth, times)]
        return tuple(round(time, 3) for time in self._spread(self._snapped(chosen)))

    def _share(self, count: int, floor: float) -> float:
        if self.measure(1.0, floor) <= count:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.measure(middle, floor) <= count else (low, middle)
        return low

    def _curve(self, share: float, floor: float) -> tuple[list[float], list[float]]:
        """Times, and what the window up to each is worth. A change of a still picture is worth one of its own."""
        times, worth = [self.start], [0.0]
        for part in self.stretches:
            rate = max(floor, share * part.rate)
            for change in part.changes:
                worth.append(worth[-1] + (change - times[-1]) * rate)
                times.append(change)
                worth.append(worth[-1] + share)
                times.append(change)
            worth.append(worth[-1] + (part.end - times[-1]) * rate)
            times.append(part.end)
        return times, worth

    def _snapped(self, instants: list[float]) -> list[float]:
        """Moves instants onto changes close by, where that leaves no gap longer than it may be."""
        moved = list(instants)
        taken: set[int] = set()
        for change in self.changes:
            place = self._nearest(moved, change)
            if place == 0 or place in taken:
                continue
            before = moved[place - 1]
            after = moved[place + 1] if place + 1 < len(moved) else self.end
            longest = max(LONGEST_GAP, moved[place] - before, after - moved[place])
            reach = min(moved[place] - before, after - moved[place]) / 2
            if abs(change - moved[place]) <= reach and max(change - before, after - change) <= longest:
                moved[place] = change
                taken.add(place)
        return moved

    def _nearest(self, instants: list[float], time: float) -> int:
        place = bisect_left(instants, time)
        if place == len(instants):
            return place - 1
        if place and time - instants[place - 1] <= instants[place] - time:
            return place - 1
        return place

    def _spread(self, instants: list[float]) -> Iterator[float]:
        """Leaves out what comes too soon after the one before."""
        last = -math.inf
        for time in instants:
            if time - last >= self.closest - 1e-6:
                last = time
                yield time


def _stretches(
    notes: Notes, start: float, end: float, most_a_second: float, changes: tuple[float, ...]
) -> Iterator[_Stretch]:
    """Parts that touch and cover the window. Looks tell how much moves; that little does is believed only where
    pictures were read, for those tell of changes.
    """
    usual = min(_USUAL, most_a_second)
    here = start
    for look in sorted(notes.looks, key=lambda look: look.start):
        first, last = max(look.start, here), min(look.end, end)
        if last <= first:
            continue
        if first > here:
            yield _Stretch(here, first, usual)
        if look.motion < _STILL and notes.pictures_read:
            inside = changes[bisect_left(changes, first) : bisect_left(changes, last)]
            yield _Stretch(first, last, min(1 / LONGEST_GAP, usual), inside)
        else:
            lively = min(1.0, max(0.0, (look.motion - _CALM) / (_LIVELY - _CALM)))
            yield _Stretch(first, last, usual + (most_a_second - usual) * lively)
        here = last
    if here < end:
        yield _Stretch(here, end, usual)


def _changes(notes: Notes, start: float, end: float) -> tuple[float, ...]:
    """When the picture has become another one: at pictures that were read, and soon after cuts that none shows."""
    read = sorted(notes.pictures_read)
    found = {time for time in read if start < time < end}
    for before, shot in pairwise(sorted(notes.shots, key=lambda shot: shot.start)):
        place = bisect_left(read, shot.start)
        shown = place < len(read) and read[place] - shot.start <= _SETTLED_WITHIN
        settled = shot.start + min(_SETTLES, (shot.end - shot.start) / 2)
        if not shown and before.start < settled and start < settled < end:
            found.add(settled)
    return tuple(sorted(found))

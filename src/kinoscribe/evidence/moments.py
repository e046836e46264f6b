"""Turns "seen in these pictures" into "there from when to when", with the times of changes and of cuts."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

_CUT_NEAR = 0.15


@dataclass(eq=False, slots=True)
class Moments:
    """The times of the pictures that were looked at, in order, each with the time its scene came up."""

    times: list[float] = field(default_factory=list)
    _since: list[float] = field(default_factory=list)

    def add(self, time: float, since: float) -> int:
        """The index of the new picture."""
        self.times.append(time)
        self._since.append(min(since, time))
        return len(self.times) - 1

    def came_up(self, index: int, cuts: Sequence[float], start: float) -> float:
        """When that which picture `index` shows first came up: after the picture before, at a cut if there is one."""
        if index == 0:
            earliest = start
            cut = _last_within(cuts, start, self.times[0])
            return cut if cut is not None else earliest
        before = self.times[index - 1]
        cut = _last_within(cuts, before, self.times[index])
        since = self._since[index] if self._since[index] > before else self.times[index]
        if cut is None:
            return since
        return since if cut + _CUT_NEAR < since < self.times[index] else cut

    def went(self, index: int, cuts: Sequence[float], end: float) -> float:
        """When that which picture `index` shows last went away: before the next picture, at a cut if there is one."""
        last = index + 1 >= len(self.times)
        after = end if last else self.times[index + 1]
        cut = _first_within(cuts, self.times[index], after)
        if cut is not None:
            return cut
        if last:
            return end
        since = self._since[index + 1]
        return since if since > self.times[index] else after


def _first_within(cuts: Sequence[float], after: float, until: float) -> float | None:
    index = bisect_right(cuts, after + 1e-6)
    return cuts[index] if index < len(cuts) and cuts[index] <= until + 1e-6 else None


def _last_within(cuts: Sequence[float], after: float, until: float) -> float | None:
    index = bisect_left(cuts, until + 1e-6) - 1
    return cuts[index] if index >= 0 and cuts[index] > after + 1e-6 else None

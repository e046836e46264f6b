"""Turns a run of tiny grey grids into the choice of the few frames worth looking at closely (pure).

A frame is worth it when the scene has changed since the last one taken and has come to rest again: a cut, a new
slide, one more bullet, a digit of a scoreboard over a moving field. Cells that rest are told from cells that move,
so that what changes on top of a moving picture is seen. What merely moves is sampled now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Times = NDArray[np.float64]

_STIR, _CHANGE = 6, 10
"""Steps of brightness (of 255): by more than the first a cell moves, by more than the second it is another one."""
_BLINK = 0.25
"""Seconds over which movement is measured, so that a slow fade is seen as well as a jump."""
_REST_CALM, _REST_LIVELY = 0.6, 1.0
"""Seconds a cell must not have moved to be at rest; things that pass by do not stand as long."""
_LIVELY = 0.002
"""Share of moving cells from which a scene is lively."""
_GAP_LIVELY, _GAP_PARTLY = 1.5, 2.0
"""Seconds between pictures for small changes in a lively scene, and for what began or ceased to move."""
_COVERED = 1.5
"""Seconds of movement in a cell that was at rest, from which what stood there is gone."""
_FEW, _MANY, _WIDE = 4, 0.003, 0.05
"""Cells, and shares of all cells, that make a change: at rest before and after; in part; anywhere."""
_AFTER_CUT, _LONG_CUT = 0.2, 1.2
"""Seconds to let pass after a cut, so that no half-built picture is taken: at least, and when it is a dissolve."""
_CUT_STEP, _CUT_AGAINST_MOTION, _CUT_SHARE = 10.0, 4.0, 0.25
_SLIDE_SHARE, _SLIDE_AGAINST_MOTION = 0.02, 8.0
"""What makes a cut of a moving scene, and of one as still as slides are."""
_DRIFT = 1.0
"""Seconds for which much must have been different before it counts: by then a dissolve is over."""
_SLOW, _SLOWEST = 0.25, 0.9
"""Frames that come no closer than these: after a cut, or at all, there is nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a picture may be taken, in seconds; `most` bounds their number, `rate` their mean number a second.

    `burst` may be taken in advance of the rate; what only moves leaves `reserve` of it for real changes.
    """

    min_gap: float
    drift_gap: float
    max_gap: float
    most: int
    rate: float
    burst: float

    @property
    def reserve(self) -> float:
        return self.burst / 2

    @property
    def even(self) -> bool:
        """Pictures at a fixed distance: what they show does not matter."""
        return self.min_gap >= self.max_gap


def pace(min_gap: float, max_gap: float, most: int, length: float) -> Pace:
    """The pace for a video of `length` seconds: the longer it is, the farther apart pictures get."""
    length = max(length, 1.0)
    most = max(most, 1)
    burst = max(1.0, min(most / 2, max(8.0, most / 8)))
    rate = max(most - burst, 0.5) / length
    share = length / most
    if min_gap >= max_gap:
        gap = max(min_gap, share)
        return Pace(gap, gap, gap, most, most / length, float(most))
    return Pace(min_gap, max(min_gap, max_gap / 3, share), max(max_gap, 2 * share), most, rate, burst)


@dataclass(slots=True, eq=False)
class Chooser:
    """Looks at each grid in turn and says which frames to take. Frozen and thawed, it goes on as if nothing was."""

    _pace: Pace
    _tokens: float = field(init=False)
    _taken: int = 0
    _taken_at: float = 0.0
    _since: float = 0.0
    _now: float | None = None
    _before: list[tuple[float, Cells]] = field(default_factory=list)
    _moved_at: Times = field(default_factory=lambda: np.zeros(0))
    _jumped_at: Times = field(default_factory=lambda: np.zeros(0))
    _rested_at: Times = field(default_factory=lambda: np.zeros(0))
    _kept: Cells = field(default_factory=lambda: np.zeros(0, np.uint8))
    _kept_rest: Mask = field(default_factory=lambda: np.zeros(0, np.bool_))
    _mean: float = 0.0
    _share: float = 0.0
    _cut_at: float | None = None
    _cut_mean: float = 0.0
    _over: bool = False
    _wide_since: float | None = None

    def __post_init__(self) -> None:
        if self._now is None:
            self._tokens = self._pace.burst

    @property
    def changed_at(self) -> Times:
        """For each cell the time of its last jump, or of the first frame."""
        return self._jumped_at

    def look(self, time: float, cells: Cells) -> float | None:
        """Takes the frame at `time` or leaves it; when taken, says since when its scene has stood."""
        if self._now is None:
            return self._first(time, cells)
        waited = time - self._now
        self._now = time
        self._tokens = min(self._tokens + waited * self._pace.rate, self._pace.burst)
        step = _distance(cells, self._before[-1][1])
        stir = np.maximum(step, _distance(cells, self._before[0][1])) > _STIR
        self._moved_at[stir] = time
        self._jumped_at[step > _STIR] = time
        self._watch_for_cut(time, step)
        self._remember(time, cells)
        lively = waited < _SLOWEST and bool(np.count_nonzero(stir) > _LIVELY * cells.size)
        rest = self._rest(time, lively, waited)
        self._rested_at[rest] = time
        since = self._why(time, cells, rest, waited, lively)
        if since is not None:
            self._take(time, since, cells, rest)
        return since

    def _first(self, time: float, cells: Cells) -> float:
        self._now = time
        self._moved_at = np.full(cells.shape, time)
        self._jumped_at = np.full(cells.shape, time)
        self._rested_at = np.full(cells.shape, time)
        self._remember(time, cells)
        self._take(time, time, cells, np.ones(cells.shape, np.bool_))
        return time

    def _watch_for_cut(self, time: float, step: Cells) -> None:
        """A cut changes much more at once than has been moving of late."""
        mean, share = float(step.mean()), np.count_nonzero(step > _STIR) / step.size
        whole = share > _CUT_SHARE and mean > max(_CUT_STEP, _CUT_AGAINST_MOTION * self._mean)
        slide = share > max(_SLIDE_SHARE, _SLIDE_AGAINST_MOTION * self._share)
        if (whole or slide) and self._cut_at is None:
            self._cut_at, self._cut_mean = time, mean
        self._over = time - (self._cut_at or time) >= _AFTER_CUT and mean < self._cut_mean / 2
        self._mean += 0.1 * (mean - self._mean)
        self._share += 0.1 * (share - self._share)

    def _remember(self, time: float, cells: Cells) -> None:
        self._before.append((time, cells))
        while len(self._before) > 1 and self._before[1][0] <= time - _BLINK:
            del self._before[0]

    def _rest(self, time: float, lively: bool, waited: float) -> Mask:
        """Cells that have not moved of late."""
        if waited >= _SLOWEST:
            return np.ones(self._moved_at.shape, np.bool_)
        return np.asarray(self._moved_at <= time - (_REST_LIVELY if lively else _REST_CALM))

    def _why(self, time: float, cells: Cells, rest: Mask, waited: float, lively: bool) -> float | None:
        gap = time - self._taken_at
        if self._taken >= self._pace.most or self._tokens < 1.0 or gap < self._pace.min_gap:
            return None
        if self._cut_at is not None:
            over = self._over or waited >= _SLOW or time - self._cut_at >= _LONG_CUT
            return self._cut_at if over else None
        changed = _distance(cells, self._kept) > _CHANGE
        came = self._jumped_at if lively else self._moved_at
        fresh = changed & rest & self._kept_rest & (came > self._taken_at)
        if (not lively or gap >= _GAP_LIVELY) and np.count_nonzero(fresh) >= _FEW:
            return self._came_up(fresh)
        covered = self._kept_rest & (self._rested_at <= time - _COVERED)
        partly = changed & ((rest & ~self._kept_rest) | covered)
        if gap >= _GAP_PARTLY and np.count_nonzero(partly) >= _MANY * cells.size:
            return self._came_up(partly)
        if (
            self._drifted(time, changed)
            and gap >= self._pace.drift_gap
            and self._tokens >= self._pace.reserve
        ):
            return time
        return self._since if gap >= self._pace.max_gap else None

    def _drifted(self, time: float, changed: Mask) -> bool:
        if np.count_nonzero(changed) < _WIDE * changed.size:
            self._wide_since = None
            return False
        self._wide_since = self._wide_since or time
        return time - self._wide_since >= _DRIFT

    def _came_up(self, changed: Mask) -> float:
        """When most of these cells became what they are: at a jump, or at the end of a fade."""
        jumps = self._jumped_at[changed]
        jumps = jumps[jumps > self._taken_at]
        if jumps.size:
            return float(np.median(jumps))
        return max(float(np.median(self._moved_at[changed])) - _BLINK, self._taken_at)

    def _take(self, time: float, since: float, cells: Cells, rest: Mask) -> None:
        self._taken += 1
        self._tokens -= 1.0
        self._taken_at, self._since = time, since
        self._kept, self._kept_rest = cells, rest
        self._cut_at = self._wide_since = None


@dataclass(slots=True, eq=False)
class Metronome:
    """Says which of a run of times to take so that they come evenly, `gap` apart, however close frames are."""

    _gap: float
    _due: float | None = None

    def strikes(self, time: float) -> bool:
        if self._due is not None and time < self._due - 1e-6:
            return False
        due = time if self._due is None else self._due
        self._due = max(due + self._gap, time + self._gap / 2)
        return True


def _distance(a: Cells, b: Cells) -> Cells:
    return np.maximum(a, b) - np.minimum(a, b)

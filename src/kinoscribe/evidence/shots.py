"""Turns tiny frames into shots: hard cuts, changed slides and dissolves, but no flashes, no fast motion.

A frame begins a new shot when it differs from the frame before far more than the frames around differ among
themselves, motion does not explain it, and the picture does not come back within half a second. On still
pictures little is needed, but what stood there must be gone: a bullet that appears is no cut, a new slide is.
A dissolve is a stretch in which each frame is a mixture of the picture before and the picture after.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kinoscribe.evidence.thumbs import Difference, Planes, difference, mean_difference, plain
from kinoscribe.notes import Shot

VERSION = "2"

_AROUND = 0.5
_BACK = 0.5
_AHEAD = 1.2
_BEHIND = 1.2
_QUIET = 0.25
_MIN_SHOT = 0.3
_LONG_PAUSE = 2.0
_FEW_EDGES = 0.2
# Of a slide with a title and one line a quarter of the edges goes, over a fifth of the height;
# two lines of a caption reach over an eighth of it.
_GONE, _OVER = 0.25, 0.2
_FADE = 0.8
_HALF_WIDTHS = (0.3, 0.5, 0.8, 1.1)


@dataclass(slots=True)
class _Frame:
    time: float
    planes: Planes
    step: float
    plain: bool = False
    to_last: Difference | None = None


@dataclass(frozen=True, slots=True)
class _Pause:
    """A black or white stretch: since when, and the fullest picture shortly before it."""

    start: float
    before: Planes


@dataclass(frozen=True, slots=True)
class Change:
    """A moment where a new shot begins. `strength` ranks changes that are too close to both be true."""

    time: float
    kind: Literal["cut", "dissolve"]
    strength: float


@dataclass(eq=False, slots=True)
class ShotFinder:
    """Takes thumbnails in the order of time and remembers only the last few seconds of them."""

    changes: list[Change] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=list)
    _next: int = 0
    _pause: _Pause | None = None

    def feed(self, time: float, planes: Planes) -> None:
        last = self._frames[-1] if self._frames else None
        step = mean_difference(last.planes, planes) if last else 0.0
        self._frames.append(_Frame(time, planes, step, plain(planes)))
        while self._next < len(self._frames) and self._known(self._next, time):
            self._judge(self._next)
            self._next += 1
        self._forget()

    def finish(self, start: float, end: float) -> tuple[Shot, ...]:
        """The shots between `start` and `end`, after the last thumbnail."""
        while self._next < len(self._frames):
            self._judge(self._next)
            self._next += 1
        if (
            self._pause is not None
            and end - self._pause.start > _LONG_PAUSE
            and not plain(self._pause.before)
        ):
            self.changes.append(Change(self._pause.start, "cut", 50.0))
        return shots_between(settle(self.changes), start, end)

    def _known(self, index: int, now: float) -> bool:
        """Whether enough has been seen after this frame to judge it."""
        return now - self._frames[index].time >= _AHEAD and len(self._frames) - index > 4

    def _forget(self) -> None:
        while self._next > 4 and self._frames[self._next].time - self._frames[0].time > 2 * _BEHIND:
            del self._frames[0]
            self._next -= 1

    def _judge(self, index: int) -> None:
        if index == 0:
            first = self._frames[0]
            self._pause = _Pause(first.time, first.planes) if first.plain else None
            return
        frames = self._frames
        here, before = frames[index], frames[index - 1]
        if here.plain and not before.plain:
            self._pause = _Pause(here.time, _fullest(frames, here.time - 1.0, here.time))
        elif before.plain and not here.plain and self._pause is not None:
            self.changes += _around_pause(
                self._pause, here.time, _fullest(frames, here.time, here.time + 1.0)
            )
            self._pause = None
        elif not here.plain:
            change = _cut_at(frames, index) or _dissolve_at(frames, index)
            if change is not None:
                self.changes.append(change)


def _cut_at(frames: Sequence[_Frame], index: int) -> Change | None:
    here = frames[index]
    if here.step < _QUIET:
        return None
    around = _neighbours(frames, index)
    # One other change near by, such as the first line of a new slide, takes nothing away from this one.
    loudest, usual = max(sorted(around)[:-1], default=0.0), float(np.median(around)) if around else 0.0
    if here.step < 2.0 * usual:
        return None
    found = _to_last(frames, index)
    if not (_is_replaced(found, here.step, usual, loudest) or _is_new_scene(frames, index, found)):
        return None
    if _comes_back(frames, index, found):
        return None
    return Change(here.time, "cut", found.residue + here.step)


def _is_new_scene(frames: Sequence[_Frame], index: int, found: Difference) -> bool:
    """Other content all over, which motion and light do not explain, and more of it than just before and after."""
    if found.unexplained < 0.25 or found.mean < 4.0:
        return False
    if max(found.lost, found.gained) < 0.45 and not _is_other_card(found):
        return False
    if _only_the_light(found):
        return False
    near = [_to_last(frames, i).residue for i in (index - 1, index + 1) if 0 < i < len(frames)]
    return found.residue >= 2.0 * max(near, default=0.0) or (
        found.unexplained >= 0.7 and found.residue >= max(near, default=0.0)
    )


def _is_other_card(found: Difference) -> bool:
    """Pictures of one colour each, and not the same one."""
    return found.drawn == 0.0 and (found.hue > 10.0 or found.mean > 25.0)


def _only_the_light(found: Difference) -> bool:
    """The same drawing, brighter or darker. A card with a few words on it is no drawing: that is another card."""
    full = found.drawn > _FEW_EDGES
    return full and found.hue < 10.0 and (found.alike > 0.6 or found.relit > 0.9)


def _is_replaced(found: Difference, step: float, usual: float, loudest: float) -> bool:
    """On a still picture: what stood there is gone, over more than a line or two."""
    still = usual < 0.12 * step and step >= 2.0 * loudest
    return still and found.lost >= _GONE and found.height >= _OVER and found.alike < 0.8


def _comes_back(frames: Sequence[_Frame], index: int, found: Difference) -> bool:
    """Whether the picture from before is there again soon after: a flash, a glitch, something passing by."""
    here = frames[index].time
    before = [f for f in frames[max(0, index - 8) : index] if here - f.time <= _BACK]
    after = [f for f in frames[index + 1 : index + 9] if f.time - here <= _BACK]
    closest = min(
        (
            mean_difference(a.planes, b.planes)
            for a in before
            for b in after
            if b.time - a.time <= 1.5 * _BACK
        ),
        default=np.inf,
    )
    return bool(closest < 0.35 * found.mean)


def _dissolve_at(frames: Sequence[_Frame], index: int) -> Change | None:
    """Whether this frame is the middle of a mixture of two different pictures."""
    for half in _HALF_WIDTHS:
        found = _mixture(frames, index, half)
        if found is not None:
            return found
    return None


def _mixture(frames: Sequence[_Frame], index: int, half: float) -> Change | None:
    here = frames[index].time
    first = _at(frames, here - half)
    last = _at(frames, here + half)
    if first is None or last is None or last - first < 4:
        return None
    old, new = frames[first].planes, frames[last].planes
    if frames[first].plain or frames[last].plain:
        return None
    way = new - old
    length = float((way * way).sum())
    if float(np.abs(way).mean()) < 6.0:
        return None
    shares, faults = [], []
    for frame in (frames[i] for i in range(first + 1, last)):
        gone = frame.planes - old
        share = float((gone * way).sum()) / length
        shares.append(share)
        left = gone - share * way
        faults.append(float((left * left).sum()) / length)
    middle = shares[index - first - 1]
    if not 0.35 <= middle <= 0.65 or max(faults) > 0.12:
        return None
    rises = np.diff([0.0, *shares, 1.0])
    if rises.min() < -0.05 or rises.max() > 0.45:
        return None
    found = difference(old, new)
    if (
        _only_the_light(found)
        or max(found.shape, found.hue) < 5.0
        or max(found.lost, found.gained) < 0.5
        or found.unexplained < 0.3
    ):
        return None
    return Change(here, "dissolve", 1.0 - abs(middle - 0.5))


def _fullest(frames: Sequence[_Frame], start: float, end: float) -> Planes:
    inside = [f.planes for f in frames if start <= f.time <= end] or [frames[-1].planes]
    return max(inside, key=lambda p: float(p[0].std()))


def _around_pause(pause: _Pause, end: float, after: Planes) -> list[Change]:
    """One change inside a short pause between two scenes, two around a long one, none when the scene goes on."""
    if plain(pause.before):  # nothing came before it
        long = end - pause.start > _LONG_PAUSE
        return [Change(end, "cut", 50.0)] if long and not plain(after) else []
    found = difference(pause.before, after)
    if found.mean < 4.0 or (_only_the_light(found) and found.relit > 0.8):
        return []
    if end - pause.start > _LONG_PAUSE:
        return [Change(pause.start, "cut", 50.0), Change(end, "cut", 50.0)]
    return [Change((pause.start + end) / 2, "cut" if end - pause.start < 0.2 else "dissolve", 50.0)]


def _at(frames: Sequence[_Frame], time: float) -> int | None:
    """The index of the frame shown at `time`, when it is among those remembered."""
    if not frames or time < frames[0].time - 0.05 or time > frames[-1].time + 0.05:
        return None
    return min(range(len(frames)), key=lambda i: abs(frames[i].time - time))


def _neighbours(frames: Sequence[_Frame], index: int) -> list[float]:
    here = frames[index].time
    near = [i for i in range(max(1, index - 8), min(len(frames), index + 9)) if i != index]
    return [frames[i].step for i in near if abs(frames[i].time - here) <= _AROUND or abs(i - index) <= 2]


def _to_last(frames: Sequence[_Frame], index: int) -> Difference:
    frame = frames[index]
    if frame.to_last is None:
        frame.to_last = difference(frames[index - 1].planes, frame.planes)
    return frame.to_last


def settle(changes: Sequence[Change]) -> list[Change]:
    """Changes in order of time, of which those too close to a stronger one are gone."""
    kept: list[Change] = []
    for change in sorted(changes, key=lambda c: c.time):
        reach = 1.2 if "dissolve" in (change.kind, kept[-1].kind if kept else "") else _MIN_SHOT
        if kept and change.time - kept[-1].time < reach:
            kept[-1] = max(kept[-1], change, key=lambda c: (c.kind == "cut", c.strength))
        else:
            kept.append(change)
    return kept


def shots_between(changes: Sequence[Change], start: float, end: float) -> tuple[Shot, ...]:
    """Shots that touch and cover `start` to `end`. A slow change at either end is a fade, not another shot."""
    least = {"cut": (_MIN_SHOT, 0.05), "dissolve": (_FADE, _FADE)}
    inside = [c for c in changes if start + least[c.kind][0] <= c.time <= end - least[c.kind][1]]
    times = [start, *(c.time for c in inside), end]
    kinds: list[Literal["start", "cut", "dissolve"]] = ["start", *(c.kind for c in inside)]
    return tuple(Shot(a, b, kind) for a, b, kind in zip(times, times[1:], kinds, strict=False) if b > a)

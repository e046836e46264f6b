"""Turns a plan of instants into JPEGs: cut, made small, numbered, and without those that show nothing new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from kinoscribe.media.frames import Painter, Shape, shape_of
from kinoscribe.media.instants import BEAT, Seen, cheapest, nearest
from kinoscribe.media.jpeg import jpeg
from kinoscribe.media.letterbox import LOOK_SIDE, bars_of, inside, keeps_to
from kinoscribe.media.numbers import paint
from kinoscribe.media.pieces import Bars, Beat, Still, Stills, StillsPlan

VERSION = "1"

_LOOKS = 12
"""Places of a video in which bars are looked for."""
_CHANGE, _FEW = 10, 4
"""Steps of brightness or colour (of 255) by which a cell is another one, and how many of those make another picture."""

Pixels = NDArray[np.uint8]


def stills(path: Path, plan: StillsPlan, max_pixels: int) -> Iterator[Still | Stills | Beat]:
    """Yields the pictures in the order of time; the last piece is a `Stills`. Raises `Unreadable`."""
    maker = _Maker(plan)
    dropped, following = 0, sorted(plan.instants)
    left_out: Seen | None = None
    for found in nearest(
        path, plan.instants, max_pixels, begins=plan.begins, until=plan.end, jumps=plan.jumps
    ):
        if found == BEAT:
            yield Beat()
            continue
        while following and following[0] <= found.time:
            following.pop(0)
        if maker.says_nothing_new(found, following[0] if following else found.time):
            dropped, left_out = dropped + 1, found
        else:
            left_out = None
            yield maker.still(found)
    if left_out is not None:  # the last one is given whatever it shows, so that the span of time is kept
        dropped -= 1
        yield maker.still(left_out)
    yield Stills(dropped)


def bars(path: Path, start: float, end: float, max_pixels: int, *, jumps: bool) -> Iterator[Bars | Beat]:
    """The black bars around the picture of a whole video; last comes the answer. Raises `Unreadable`."""
    step = (end - start) / _LOOKS
    instants = [start + step * (number + 0.5) for number in range(_LOOKS)]
    looks: list[Pixels] = []
    for found in cheapest(path, instants, max_pixels, jumps=jumps):
        if found == BEAT:
            yield Beat()
            continue
        shown = Painter(found.pixel_aspect, LOOK_SIDE).picture(found.frame, found.time, found.time)
        looks.append(np.frombuffer(shown.pixels, np.uint8).reshape(shown.height, shown.width, 3))
    yield bars_of(looks)


@dataclass(slots=True, eq=False)
class _Kept:
    """The last picture that was given: when, and the grid that tells it from others."""

    time: float
    cells: Pixels


class _Maker:
    def __init__(self, plan: StillsPlan) -> None:
        self._plan = plan
        self._painter = Painter(None, 1)
        self._scaler = VideoReformatter()
        self._kept: _Kept | None = None

    def says_nothing_new(self, seen: Seen, following: float) -> bool:
        """Whether the picture shows what the last one did and no long gap would come of leaving it out.

        `following` is the next instant after it.
        """
        kept = self._kept
        if kept is None or following - kept.time > self._plan.longest_gap:
            return False
        cells = self._cells(seen)
        changed = np.maximum(cells, kept.cells) - np.minimum(cells, kept.cells) > _CHANGE
        return bool(np.count_nonzero(changed) < _FEW)

    def still(self, seen: Seen) -> Still:
        """The picture as it is given."""
        plan = self._plan
        self._kept = _Kept(seen.time, self._cells(seen))
        # A picture that came up before the window stands in it from its start.
        shown_at = seen.time if plan.start is None else max(seen.time, plan.start)
        pixels = self._pixels(seen)
        if plan.numbered:
            pixels = paint(pixels, f"{shown_at:.1f}")
        height, width, _ = pixels.shape
        return Still(shown_at, width, height, jpeg(pixels))

    def _cells(self, seen: Seen) -> Pixels:
        return np.asarray(self._painter.grid(seen.frame).to_ndarray(), np.uint8)

    def _pixels(self, seen: Seen) -> Pixels:
        """The frame as it is shown, without its bars where nothing stands in them, inside the box of the plan."""
        plan, shape = self._plan, shape_of(seen.frame, seen.pixel_aspect)
        if plan.bars != Bars():
            left, top, right, bottom = inside(shape.width, shape.height, plan.bars)
            whole = self._scaled(seen, shape, _share(right - left, bottom - top, plan))
            if keeps_to(whole, plan.bars):
                left, top, right, bottom = inside(whole.shape[1], whole.shape[0], plan.bars)
                return whole[top : min(bottom, top + plan.height), left : min(right, left + plan.width)]
        return self._scaled(seen, shape, _share(shape.width, shape.height, plan))

    def _scaled(self, seen: Seen, shape: Shape, share: float) -> Pixels:
        wide, high = max(1, round(shape.width * share)), max(1, round(shape.height * share))
        across, down = (high, wide) if shape.turns % 2 else (wide, high)
        small = self._scaler.reformat(
            seen.frame, width=across, height=down, format="rgb24", interpolation=Interpolation.AREA, threads=1
        )
        return np.asarray(np.rot90(small.to_ndarray(), shape.turns), np.uint8)


def _share(width: int, height: int, plan: StillsPlan) -> float:
    """By how much a picture is made smaller, never larger, to fit the box."""
    return min(1.0, plan.width / width, plan.height / height)

"""Turns tiny frames into how each shot looks: main colours, brightness, whether it is grey, how much moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.colours import NAMES, rgb_of, shares
from kinoscribe.evidence.thumbs import Planes
from kinoscribe.notes import ColourShare, Look, Shot

VERSION = "1"

_LEAST_SHARE = 0.05
_GAP = 0.24
_GREY_CHROMA, _GREY_SHARE = 5.0, 0.02
_TONES = tuple(3 + NAMES.index(name) for name in ("black", "white", "grey"))
_MUCH_MOTION = 12.0


@dataclass(eq=False, slots=True)
class LookKeeper:
    """Sums up a thumbnail about four times a second: a few numbers each, whatever the length of the video."""

    _times: list[float] = field(default_factory=list)
    _sums: list[NDArray[np.float32]] = field(default_factory=list)
    _before: Planes | None = None

    def feed(self, time: float, planes: Planes) -> None:
        if self._times and time - self._times[-1] < _GAP:
            self._before = planes
            return
        moved = float(np.abs(planes[0] - self._before[0]).mean()) if self._before is not None else 0.0
        chroma = float(np.abs(planes[1:] - 128.0).mean())
        light = float(np.clip((planes[0].mean() - 16.0) / 219.0, 0.0, 1.0))
        self._times.append(time)
        self._sums.append(np.array([light, chroma, moved, *shares(rgb_of(planes))], dtype=np.float32))
        self._before = planes

    def finish(self, shots: Sequence[Shot]) -> tuple[Look, ...]:
        """One look for each shot that has a thumbnail."""
        times = np.array(self._times)
        looks = []
        for shot in shots:
            first, last = np.searchsorted(times, (shot.start - 1e-6, shot.end - 1e-6))
            if last > first:
                looks.append(_look(shot, np.stack(self._sums[first:last])))
        return tuple(looks)


def _look(shot: Shot, sums: NDArray[np.float32]) -> Look:
    mean = sums.mean(axis=0)
    named = sorted(zip(mean[3:], NAMES, strict=True), reverse=True)
    # The first summary of a shot moves across the cut, so the median of the rest is what the shot does itself.
    motion = float(np.median(sums[1:, 2])) if len(sums) > 1 else 0.0
    return Look(
        start=shot.start,
        end=shot.end,
        colours=tuple(
            ColourShare(name, round(float(share), 3)) for share, name in named if share >= _LEAST_SHARE
        ),
        brightness=round(float(mean[0]), 3),
        monochrome=_is_grey(sums),
        motion=round(min(1.0, motion / _MUCH_MOTION), 3),
    )


def _is_grey(sums: NDArray[np.float32]) -> bool:
    """Whether hardly any frame has colour anywhere: a small red dot is colour."""
    coloured = 1.0 - sums[:, _TONES].sum(axis=1)
    return bool(np.percentile(sums[:, 1], 90) < _GREY_CHROMA and np.percentile(coloured, 95) < _GREY_SHARE)

"""Tells when a part of the picture changed, from the tiny frames between two pictures that were looked at."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.thumbs import HEIGHT, WIDTH
from kinoscribe.notes import Box

_MOST = 600
_FAINT = 1.0
_SETTLED = 0.5

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Trail:
    """Brightness of the tiny frames from one picture to the next, both included, and their times."""

    times: NDArray[np.float64]
    frames: Luma

    def came(self, box: Box) -> float | None:
        """Since when the part inside `box` looks as it does at the end; None where that cannot be told."""
        away = self._away(box, -1)
        if away is None:
            return None
        unlike = np.flatnonzero(away)
        first = int(unlike[-1]) + 1
        return float(self.times[first]) if first < len(self.times) else None

    def went(self, box: Box) -> float | None:
        """Since when the part inside `box` no longer looks as it did at the beginning."""
        away = self._away(box, 0)
        if away is None:
            return None
        return float(self.times[int(np.flatnonzero(away)[0])])

    def still(self, box: Box) -> bool:
        """Whether nothing changed inside `box` all the way."""
        return len(self.times) > 1 and self._away(box, 0) is None

    def _away(self, box: Box, like: int) -> NDArray[np.bool_] | None:
        """Which frames differ, inside the box, from the first or the last one; None where all are much the same."""
        if len(self.times) < 2:
            return None
        rows = slice(int(box.top * HEIGHT), max(int(np.ceil((box.top + box.height) * HEIGHT)), 1))
        columns = slice(int(box.left * WIDTH), max(int(np.ceil((box.left + box.width) * WIDTH)), 1))
        part = self.frames[:, rows, columns].astype(np.float32).reshape(len(self.times), -1)
        apart = np.sqrt(np.square(part - part[like]).mean(axis=1))
        far = float(apart.max())
        return None if far < _FAINT else np.asarray(apart > _SETTLED * far)


@dataclass(eq=False, slots=True)
class TrailKeeper:
    """Gathers tiny frames until the next picture comes."""

    _times: list[float] = field(default_factory=list)
    _frames: list[Luma] = field(default_factory=list)

    def feed(self, time: float, luma: Luma) -> None:
        if len(self._times) >= _MOST:
            self._times, self._frames = self._times[::2], self._frames[::2]
        self._times.append(time)
        self._frames.append(luma)

    def take(self) -> Trail | None:
        """The trail up to now; the next one begins where this one ends."""
        if not self._times:
            return None
        trail = Trail(np.array(self._times), np.stack(self._frames))
        self._times, self._frames = self._times[-1:], self._frames[-1:]
        return trail

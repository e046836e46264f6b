"""Turns frames of a video into the black bars around all of them, and tells frames that do not keep to them (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kinoscribe.media.pieces import Bars

Pixels = NDArray[np.uint8]

LOOK_SIDE = 512
"""The longer side, in pixels, of pictures that bars are looked for in."""

_BLACK = 28
"""The brightest a channel may be, of 255, in a bar."""
_SHINES = 60
"""What is brighter stands in a bar for somebody to see; what is darker is noise of coding."""
_LEAST, _MOST = 0.02, 0.4
"""The share of the picture one bar takes: with less it is not worth cutting, with more there is no picture."""
_ASKEW = 0.015
"""By how much of the picture two bars that belong together may differ."""
_FEWEST = 2
"""Frames with something on them, without which nothing is known."""


def bars_of(pictures: Sequence[Pixels]) -> Bars:
    """The bars that are black in every picture, in shares; a picture that is all black tells nothing."""
    across: list[NDArray[np.bool_]] = []
    down: list[NDArray[np.bool_]] = []
    for picture in pictures:
        bright = picture.max(axis=2) > _BLACK
        if bright.any():
            down.append(bright.any(axis=1))
            across.append(bright.any(axis=0))
    sizes = {(len(rows), len(columns)) for rows, columns in zip(down, across, strict=True)}
    if len(down) < _FEWEST or len(sizes) != 1:
        return Bars()
    top, bottom = _pair(np.logical_or.reduce(down))
    left, right = _pair(np.logical_or.reduce(across))
    return Bars(left=left, top=top, right=right, bottom=bottom)


def inside(width: int, height: int, bars: Bars) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the picture between the bars, in pixels of a `width` x `height` picture."""
    left, right = int(np.ceil(bars.left * width)), width - int(np.ceil(bars.right * width))
    top, bottom = int(np.ceil(bars.top * height)), height - int(np.ceil(bars.bottom * height))
    if right <= left or bottom <= top:
        return 0, 0, width, height
    return left, top, right, bottom


def keeps_to(picture: Pixels, bars: Bars) -> bool:
    """Whether nothing of the picture stands in the bars."""
    height, width, _ = picture.shape
    left, top, right, bottom = inside(width, height, bars)
    # One row or column next to the picture may be half picture.
    outside = (
        picture[: max(0, top - 1)],
        picture[bottom + 1 :],
        picture[:, : max(0, left - 1)],
        picture[:, right + 1 :],
    )
    return all(part.size == 0 or int(part.max()) <= _SHINES for part in outside)


def _pair(bright: NDArray[np.bool_]) -> tuple[float, float]:
    """The bars before the first and after the last bright line; none where they do not belong together."""
    lines = np.flatnonzero(bright)
    length = bright.size
    first, last = int(lines[0]) / length, (length - 1 - int(lines[-1])) / length
    if abs(first - last) > _ASKEW or not _LEAST <= min(first, last) <= max(first, last) <= _MOST:
        return 0.0, 0.0
    return round(first, 4), round(last, 4)

"""Turns the change times that come with a picture into when something inside a box of it came up."""

from __future__ import annotations

import math

import numpy as np

from kinoscribe.media.pieces import Picture

CELL = np.dtype("<f4")
"""How the time of a cell travels."""

_FEWEST = 2
"""Cells that must have changed: a single one may be noise."""


def came_up(picture: Picture, box: tuple[float, float, float, float], after: float) -> float | None:
    """When what stands in the box came up, if that was later than `after`; `None` when nothing changed there.

    The box is left, top, width and height in shares of the picture. Over a background that moves without end the
    answer lies near the picture's own time. Usually `after` is the time of the picture before.
    """
    if not picture.cells_across:
        return None
    left, top, width, height = box
    cells = np.frombuffer(picture.changed_at, CELL).reshape(-1, picture.cells_across)
    inside = cells[_span(top, height, cells.shape[0]), _span(left, width, cells.shape[1])]
    changed = inside[inside > after]
    if changed.size < _FEWEST:
        return None
    return min(float(np.median(changed)), picture.time)


def _span(start: float, length: float, cells: int) -> slice:
    first = min(max(math.floor(start * cells), 0), cells - 1)
    last = min(max(math.ceil((start + length) * cells), first + 1), cells)
    return slice(first, last)

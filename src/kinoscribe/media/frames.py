"""Turns decoded frames into upright pictures with square pixels, and into the tiny grids that changes show in."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from kinoscribe.media.changes import CELL
from kinoscribe.media.pieces import GRID_HEIGHT, GRID_WIDTH, THUMB_HEIGHT, THUMB_WIDTH, Picture, Thumb

_ODDEST_PIXEL = 10


@dataclass(frozen=True, slots=True)
class Shape:
    """How a coded frame is shown: displayed size in pixels, after `turns` quarter turns counterclockwise."""

    width: int
    height: int
    turns: int = 0

    @property
    def rotation(self) -> int:
        """Clockwise degrees by which the coded picture is turned to stand upright."""
        return -90 * self.turns % 360


def shape_of(frame: VideoFrame, pixel_aspect: Fraction | None) -> Shape:
    """The displayed shape: pixel aspect stretches the coded width, then the display matrix turns."""
    width, height = frame.width, frame.height
    if pixel_aspect and 1 / _ODDEST_PIXEL <= pixel_aspect <= _ODDEST_PIXEL:
        width = max(1, round(width * pixel_aspect))
    turns = round(frame.rotation / 90) % 4
    return Shape(height, width, turns) if turns % 2 else Shape(width, height, turns)


def fit(width: int, height: int, max_side: int) -> tuple[int, int]:
    """The size made smaller, never larger, so that its longer side is at most `max_side`."""
    longer = max(width, height)
    if longer <= max_side:
        return width, height
    return max(1, round(width * max_side / longer)), max(1, round(height * max_side / longer))


class Painter:
    """Makes pictures and grids of the frames of one video; keeps the scalers between frames."""

    def __init__(self, pixel_aspect: Fraction | None, max_side: int) -> None:
        self._pixel_aspect = pixel_aspect
        self._max_side = max_side
        self._to_picture = VideoReformatter()
        self._to_grid = VideoReformatter()
        self._to_thumb = VideoReformatter()

    def picture(
        self, frame: VideoFrame, time: float, since: float, changed_at: NDArray[np.float64] | None = None
    ) -> Picture:
        """The frame as it is shown, RGB24; `changed_at` is for the grid as it is coded."""
        shape = shape_of(frame, self._pixel_aspect)
        width, height = fit(shape.width, shape.height, self._max_side)
        across, down = (height, width) if shape.turns % 2 else (width, height)
        small = self._to_picture.reformat(
            frame, width=across, height=down, format="rgb24", interpolation=Interpolation.BILINEAR, threads=1
        )
        pixels = np.rot90(small.to_ndarray(), shape.turns)
        if changed_at is None:
            return Picture(time, since, width, height, pixels.tobytes())
        cells = np.rot90(changed_at, shape.turns)
        changes = cells.astype(CELL).tobytes()
        return Picture(time, since, width, height, pixels.tobytes(), changes, cells.shape[1])

    def grid(self, frame: VideoFrame) -> VideoFrame:
        """The whole frame as it is coded, area-averaged to `GRID_WIDTH` x `GRID_HEIGHT`."""
        return self._to_grid.reformat(
            frame,
            width=GRID_WIDTH,
            height=GRID_HEIGHT,
            format="yuv420p",
            interpolation=Interpolation.AREA,
            threads=1,
        )

    def thumb(self, grid: VideoFrame, time: float, turns: int) -> Thumb:
        """The grid made tiny and turned upright."""
        across, down = (THUMB_HEIGHT, THUMB_WIDTH) if turns % 2 else (THUMB_WIDTH, THUMB_HEIGHT)
        tiny = self._to_thumb.reformat(
            grid, width=across, height=down, format="yuv444p", interpolation=Interpolation.AREA, threads=1
        )
        planes = tiny.to_ndarray()
        return Thumb(time, np.rot90(planes, turns, axes=(1, 2)).tobytes() if turns else planes.tobytes())


def luma(grid: VideoFrame) -> NDArray[np.uint8]:
    """The brightness of a grid's cells; a copy, so that the frame need not be kept."""
    plane = grid.planes[0]
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[:GRID_HEIGHT, :GRID_WIDTH].copy()

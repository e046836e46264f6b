"""Turns still pictures into a silent video that shows one after another, to be perceived as any video is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from kinoscribe.media.pieces import Cutout

SECONDS = 2.0
"""How long each picture is shown."""

_WIDTH, _HEIGHT = 1280, 720
_RATE = 4
_WHITE = 255


def write_reel(pictures: Sequence[Cutout], path: Path) -> None:
    """Writes the video. Each picture stands in the middle of a white page, made smaller where it must be."""
    with av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mjpeg", rate=_RATE, options={"qmin": "2", "qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuvj420p"
        stream.time_base = Fraction(1, _RATE)
        number = 0
        for picture in pictures:
            frame = VideoFrame.from_ndarray(_page(picture), "rgb24")
            page = frame.reformat(format="yuvj420p", dst_color_range="JPEG")
            for _ in range(round(SECONDS * _RATE)):
                page.pts, page.time_base = number, Fraction(1, _RATE)
                container.mux(stream.encode(page))
                number += 1
        container.mux(stream.encode(None))


def _page(picture: Cutout) -> NDArray[np.uint8]:
    """The picture on a page; what is see-through in it is white."""
    pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, 4)
    factor = min(1.0, _WIDTH / picture.width, _HEIGHT / picture.height)
    wide, high = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    alpha = pixels[..., 3:].astype(np.float32) / _WHITE
    flat = (pixels[..., :3] * alpha + _WHITE * (1 - alpha)).astype(np.uint8)
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(flat), "rgb24")
    small = frame.reformat(width=wide, height=high, interpolation=Interpolation.AREA).to_ndarray()
    page = np.full((_HEIGHT, _WIDTH, 3), _WHITE, np.uint8)
    top, left = (_HEIGHT - high) // 2, (_WIDTH - wide) // 2
    page[top : top + high, left : left + wide] = small
    return page

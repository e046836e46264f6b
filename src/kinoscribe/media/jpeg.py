"""Turns pixels into a JPEG file that is the same to the byte for the same pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

VERSION = "1"

_QUALITY = "3"
"""The encoder's scale, from 2 (best) to 31: here small print stays legible."""


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """`pixels` are rows of RGB. No date, no name of a program is in the file."""
    height, width, _ = pixels.shape
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
    picture = picture.reformat(format="yuvj420p", dst_colorspace="ITU601", threads=1)
    picture.pts = 0
    encoder = CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext), "JPEG is a picture"
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.sample_aspect_ratio = Fraction(1, 1)
    encoder.thread_count = 1
    encoder.options = {"qmin": _QUALITY, "qmax": _QUALITY, "flags": "+bitexact"}
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))

"""Turns a still picture somebody sent into its size, its kind and its pixels, refusing bombs before any is decoded."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from kinoscribe.media.frames import Painter, fit, shape_of
from kinoscribe.media.pieces import Cutout, Picture, PictureFacts
from kinoscribe.media.signature import signature
from kinoscribe.media.video_file import OneFile, Unreadable, describe, open_container, open_file, pixel_cap

MOST_PIXELS = 16_777_216

_DEMUXERS = {
    "image/png": "png_pipe",
    "image/jpeg": "jpeg_pipe",
    "image/webp": "webp_pipe",
    "image/bmp": "bmp_pipe",
    "image/gif": "gif",
}
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def picture_facts(path: Path, most_pixels: int = MOST_PIXELS) -> PictureFacts:
    """What the picture is; it is decoded once to be sure. Raises `Unreadable`."""
    mime_type, frame = _decode(path, most_pixels)
    shape = shape_of(frame, None)
    return PictureFacts(shape.width, shape.height, mime_type)


def picture(path: Path, max_side: int, most_pixels: int = MOST_PIXELS) -> Picture:
    """The picture upright, with its longer side at most `max_side`. Raises `Unreadable`."""
    _, frame = _decode(path, most_pixels)
    return Painter(None, max_side).picture(frame, 0.0, 0.0)


def cutout(path: Path, max_side: int, most_pixels: int = MOST_PIXELS) -> Cutout:
    """The picture upright with what is see-through in it, its longer side at most `max_side`. Raises `Unreadable`."""
    _, frame = _decode(path, most_pixels)
    shape = shape_of(frame, None)
    width, height = fit(shape.width, shape.height, max_side)
    across, down = (height, width) if shape.turns % 2 else (width, height)
    small = VideoReformatter().reformat(
        frame, width=across, height=down, format="rgba", interpolation=Interpolation.AREA, threads=1
    )
    return Cutout(width, height, np.rot90(small.to_ndarray(), shape.turns).tobytes())


def _decode(path: Path, most_pixels: int) -> tuple[str, VideoFrame]:
    with open_file(path) as file:
        mime_type = signature(file.head).mime_type
        _check_size(file, mime_type, most_pixels)
        return mime_type, _first_frame(file, _DEMUXERS[mime_type], most_pixels)


def _check_size(file: OneFile, mime_type: str, most_pixels: int) -> None:
    if mime_type not in _DEMUXERS:
        raise Unreadable("The file is no picture we know: send PNG, JPEG, WebP, GIF or BMP.")
    size = claimed_size(mime_type, _whole_head(file, mime_type))
    if size is None or 0 in size:
        raise Unreadable("The picture is broken: its header does not tell its size.")
    if size[0] * size[1] > most_pixels:
        raise Unreadable(f"The picture has {size[0]} x {size[1]} pixels; up to {most_pixels} are accepted.")


def _whole_head(file: OneFile, mime_type: str) -> bytes:
    """A JPEG's size may stand behind large blocks of notes."""
    if mime_type != "image/jpeg":
        return file.head
    whole: bytes = file.read(min(file.length, 4 * 1024 * 1024))
    file.seek(0)
    return whole


def _first_frame(file: OneFile, demuxer: str, most_pixels: int) -> VideoFrame:
    with open_container(file, demuxer, most_pixels) as container:
        if not container.streams.video:
            raise Unreadable("The file holds no picture.")
        stream = container.streams.video[0]
        stream.codec_context.options = pixel_cap(most_pixels)
        stream.codec_context.thread_count = 1
        try:
            for frame in container.decode(stream):
                return frame
        except av.error.MemoryError as error:
            raise MemoryError(str(error)) from error
        except FFmpegError as error:
            raise Unreadable(f"The picture cannot be decoded ({describe(error)}).") from error
    raise Unreadable("The picture cannot be decoded.")


def claimed_size(mime_type: str, head: bytes) -> tuple[int, int] | None:
    """Width and height as the header says, `None` where it does not."""
    match mime_type:
        case "image/png" if head[12:16] == b"IHDR" and len(head) >= 24:
            return _number(head[16:20]), _number(head[20:24])
        case "image/gif" if len(head) >= 10:
            return _number(head[6:8][::-1]), _number(head[8:10][::-1])
        case "image/bmp" if len(head) >= 26:
            return _bmp(head)
        case "image/webp":
            return _webp(head)
        case "image/jpeg":
            return _jpeg(head)
    return None


def _bmp(head: bytes) -> tuple[int, int]:
    if _number(head[14:18][::-1]) == 12:
        return _number(head[18:20][::-1]), _number(head[20:22][::-1])
    width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (18, 22))
    return abs(width), abs(height)


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _number(head[26:28][::-1]) & 0x3FFF, _number(head[28:30][::-1]) & 0x3FFF
    if kind == b"VP8L" and head[20:21] == b"\x2f":
        bits = _number(head[21:25][::-1])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return _number(head[24:27][::-1]) + 1, _number(head[27:30][::-1]) + 1
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """Walks from marker to marker until one tells the size."""
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_SIZES:
            return _number(head[at + 7 : at + 9]), _number(head[at + 5 : at + 7])
        else:
            at += 2 + max(2, _number(head[at + 2 : at + 4]))
    return None


def _number(big_endian: bytes) -> int:
    return int.from_bytes(big_endian, "big")

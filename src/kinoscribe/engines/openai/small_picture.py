"""Makes PNG pictures of any size out of nothing, to see what pictures cost a model."""

import struct
import zlib
from base64 import b64encode


def data_url(width: int, height: int, seed: int = 1) -> str:
    """A picture with a pattern; other seeds give other pictures."""
    return "data:image/png;base64," + b64encode(png(width, height, seed)).decode("ascii")


def png(width: int, height: int, seed: int = 1) -> bytes:
    row = bytes((place * seed * 5 + place // 3) & 0xFF for place in range(3 * width))
    lines = b"".join(b"\0" + row[3 * (y % width) :] + row[: 3 * (y % width)] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(lines))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

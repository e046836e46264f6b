"""Still pictures: known by their header, refused when they are bombs, decoded once to be sure."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media_truth import BLUE, RED, make_picture

from kinoscribe.media.pictures import claimed_size, cutout, picture, picture_facts
from kinoscribe.media.video_file import Unreadable


def webp() -> bytes:
    """A lossless WebP of one colour, 120 x 80, written by hand: five prefix codes of a single symbol each."""
    bits, count = 0, 0
    for value, width in [(0x2F, 8), (119, 14), (79, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)]:
        bits |= value << count
        count += width
    for symbol in (60, 200, 30, 255):
        for value, width in [(1, 1), (0, 1), (1, 1), (symbol, 8)]:
            bits |= value << count
            count += width
    for value, width in [(1, 1), (0, 1), (0, 1), (0, 1)]:
        bits |= value << count
        count += width
    data = bits.to_bytes((count + 7) // 8 + 1, "little")
    data += bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(data) + 12) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def png(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/bmp", "image/gif"])
def test_pictures_are_measured(mime_type: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(make_picture(mime_type))
    facts = picture_facts(path)
    assert (facts.width, facts.height, facts.mime_type) == (120, 80, mime_type)


def test_a_webp_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "p.webp"
    path.write_bytes(webp())
    facts = picture_facts(path)
    assert (facts.width, facts.height, facts.mime_type) == (120, 80, "image/webp")


def test_a_cutout_keeps_what_is_see_through(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[:, :30] = (200, 30, 10, 255)
    header = struct.pack(">IIBBBBB", 60, 40, 8, 6, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    found = cutout(path, 30)
    assert (found.width, found.height) == (30, 20)
    seen = np.frombuffer(found.pixels, np.uint8).reshape(20, 30, 4)
    assert tuple(seen[10, 5]) == (200, 30, 10, 255)
    assert seen[10, 25, 3] == 0


def test_a_picture_without_transparency_is_a_whole_cutout(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(make_picture("image/jpeg"))
    found = cutout(path, 512)
    assert (found.width, found.height) == (120, 80)
    assert set(found.pixels[3::4]) == {255}


def test_a_picture_is_fitted(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(make_picture("image/png", size=(400, 200)))
    found = picture(path, 100)
    assert (found.width, found.height) == (100, 50)
    assert np.frombuffer(found.pixels, np.uint8).reshape(50, 100, 3)[25, 50].tolist() == pytest.approx(
        list(BLUE), abs=2
    )


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 30_000, bytes(1000)))
    with pytest.raises(Unreadable, match="30000 x 30000"):
        picture_facts(path)


def test_the_cap_counts_pixels(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(make_picture("image/png", size=(100, 50)))
    assert picture_facts(path, 5000).width == 100
    with pytest.raises(Unreadable, match="up to 4999"):
        picture_facts(path.with_name("p.png"), 4999)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>",
        b"<?xml version='1.0'?><svg/>",
        b"\x89PNG\r\n\x1a\n",
        png(0, 10),
        png(10, 10)[:40],
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"GIF89a",
        b"BM",
        b"RIFF\x04\0\0\0WEBP",
        b"%PDF-1.4",
        b"II*\x00\x08\0\0\0",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        picture_facts(path)


def test_the_size_of_a_jpeg_stands_behind_its_notes() -> None:
    head = make_picture("image/jpeg", size=(64, 48))
    note = b"\xff\xe1" + struct.pack(">H", 60_000) + bytes(59_998)
    assert claimed_size("image/jpeg", head[:2] + note * 3 + head[2:]) == (64, 48)


def test_the_header_and_the_decoder_must_agree(tmp_path: Path) -> None:
    """A GIF's frames are decoded under the cap as well, whatever its screen claims."""
    path = tmp_path / "p.gif"
    content = bytearray(make_picture("image/gif", size=(200, 200)))
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        picture_facts(path, 200 * 199)
    assert picture_facts(path, 200 * 200).width == 200


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"])
@given(data=st.binary(max_size=200))
def test_any_header_is_read_or_not(mime_type: str, data: bytes) -> None:
    size = claimed_size(mime_type, data)
    assert size is None or (size[0] >= 0 and size[1] >= 0)


def test_red_is_red(tmp_path: Path) -> None:
    (tmp_path / "r.png").write_bytes(make_picture("image/png", RED, (8, 8)))
    assert picture(tmp_path / "r.png", 8).pixels[:3] == bytes(RED)

"""What the first bytes of a file are taken for, whatever its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.media.signature import OTHER, signature

TRANSPORT = b"".join(b"\x47" + bytes(187) for _ in range(8))
BLURAY = b"".join(bytes(4) + b"\x47" + bytes(187) for _ in range(8))


@pytest.mark.parametrize(
    ("head", "family", "mime_type", "demuxer"),
    [
        (b"\0\0\0\x18ftypisom", "video", "video/mp4", "mov,mp4,m4a,3gp,3g2,mj2"),
        (b"\0\0\0\x14ftypqt  ", "video", "video/quicktime", "mov,mp4,m4a,3gp,3g2,mj2"),
        (b"\0\0\0\x14ftyp3gp5", "video", "video/3gpp", "mov,mp4,m4a,3gp,3g2,mj2"),
        (b"\0\0\0\x14ftypM4A ", "audio", "audio/mp4", "mov,mp4,m4a,3gp,3g2,mj2"),
        (b"\0\0\0\x14ftypavif", "image", "image/avif", None),
        (b"\0\0\0\x14ftypheic", "image", "image/heic", None),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "video", "video/quicktime", "mov,mp4,m4a,3gp,3g2,mj2"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video", "video/webm", "matroska,webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "video", "video/x-matroska", "matroska,webm"),
        (TRANSPORT, "video", "video/mp2t", "mpegts"),
        (b"\x47" * 3 + TRANSPORT, "video", "video/mp2t", "mpegts"),
        (BLURAY, "video", "video/mp2t", "mpegts"),
        (b"\0\0\x01\xba\x44", "video", "video/mpeg", "mpeg"),
        (b"RIFF\0\0\0\0AVI LIST", "video", "video/x-msvideo", "avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio", "audio/wav", "wav"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image", "image/webp", None),
        (b"FLV\x01\x05", "video", "video/x-flv", "flv"),
        (b"OggS\0\x02", "video", "video/ogg", "ogg"),
        (b"GIF89a\x01\0", "video", "image/gif", "gif"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "video", "video/x-ms-wmv", "asf"),
        (bytes(100) + bytes.fromhex("060e2b34020501010d0102"), "video", "application/mxf", "mxf"),
        (b"\x89PNG\r\n\x1a\n", "image", "image/png", None),
        (b"\xff\xd8\xff\xe0", "image", "image/jpeg", None),
        (b"ID3\x04", "audio", "audio/mpeg", "mp3"),
        (b"\xff\xfb\x90\x00", "audio", "audio/mpeg", "mp3"),
        (b"\xff\xf1\x50\x80", "audio", "audio/aac", "aac"),
        (b"fLaC\0\0\0\x22", "audio", "audio/flac", "flac"),
    ],
)
def test_media_is_known_by_its_content(head: bytes, family: str, mime_type: str, demuxer: str | None) -> None:
    found = signature(head)
    assert (found.family, found.mime_type, found.demuxer) == (family, mime_type, demuxer)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"G",
        b"#EXTM3U\n#EXTINF:1,\nhttp://example.org/a.ts",
        b"ffconcat version 1.0\nfile a.mp4",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96",
        b"<?xml version='1.0'?><MPD>",
        b"<svg xmlns='http://www.w3.org/2000/svg'>",
        b"1\n00:00:00,000 --> 00:00:01,000\nhello",
        b"[playlist]\nFile1=http://example.org",
        b"YUV4MPEG2 W640 H360",
        b"<html>",
        b"\xff\xff\xff\xff",
        b"PK\x03\x04",
    ],
)
def test_whatever_may_point_elsewhere_is_not_opened(head: bytes) -> None:
    assert signature(head).demuxer is None


@given(st.text(max_size=400))
def test_no_text_is_taken_for_a_container(text: str) -> None:
    found = signature(text.encode())
    assert (
        found.demuxer is None
        or text[:3] in ("ID3", "FLV")
        or text[:4] in ("OggS", "RIFF", "caff", "fLaC", "RF64")
        or (
            text[4:8] in ("ftyp", "moov", "mdat", "free", "skip", "wide", "pnot")
            or text.startswith(("GIF8", "#!AMR", "FORM", "G"))
        )
    )


@given(st.binary(max_size=2000))
def test_any_bytes_get_an_answer(head: bytes) -> None:
    assert signature(head).family in ("video", "audio", "image", "other")


def test_what_is_unknown_is_other() -> None:
    assert signature(b"hello") is OTHER

"""Turns the first bytes of a file into what it claims to be: which demuxer may read it, or which picture it is.

Names are never asked. What is not in this table is not opened at all: playlists, manifests, scripts, subtitles
and picture sequences can name other files or addresses, and FFmpeg would follow them.
"""

from dataclasses import dataclass
from typing import Literal

HEAD = 64 * 1024

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MXF = bytes.fromhex("060e2b34020501010d0102")
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx")
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TS_PACKETS = (188, 192, 204)


@dataclass(frozen=True, slots=True)
class Signature:
    """`family` is a first guess (a container may hold sound only). `demuxer` is FFmpeg's name for the container."""

    family: Literal["video", "audio", "image", "other"]
    mime_type: str
    demuxer: str | None = None


OTHER = Signature("other", "application/octet-stream")

_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
_STARTS: tuple[tuple[bytes, Signature], ...] = (
    (b"\x1a\x45\xdf\xa3", Signature("video", "video/x-matroska", "matroska,webm")),
    (b"\x00\x00\x01\xba", Signature("video", "video/mpeg", "mpeg")),
    (_ASF, Signature("video", "video/x-ms-wmv", "asf")),
    (b"FLV\x01", Signature("video", "video/x-flv", "flv")),
    (b"OggS", Signature("video", "video/ogg", "ogg")),
    (b"GIF87a", Signature("video", "image/gif", "gif")),
    (b"GIF89a", Signature("video", "image/gif", "gif")),
    (b"\x89PNG\r\n\x1a\n", Signature("image", "image/png")),
    (b"\xff\xd8\xff", Signature("image", "image/jpeg")),
    (b"II*\x00", Signature("image", "image/tiff")),
    (b"MM\x00*", Signature("image", "image/tiff")),
    (b"fLaC", Signature("audio", "audio/flac", "flac")),
    (b"ID3", Signature("audio", "audio/mpeg", "mp3")),
    (b"#!AMR", Signature("audio", "audio/amr", "amr")),
    (b"caff", Signature("audio", "audio/x-caf", "caf")),
)
_RIFFS = {
    b"AVI ": Signature("video", "video/x-msvideo", "avi"),
    b"AVIX": Signature("video", "video/x-msvideo", "avi"),
    b"WEBP": Signature("image", "image/webp"),
    b"WAVE": Signature("audio", "audio/wav", "wav"),
}


def signature(head: bytes) -> Signature:
    """What a file that begins with `head` (up to `HEAD` bytes) claims to be."""
    for start, found in _STARTS:
        if head.startswith(start):
            return _webm_or(found, head)
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFFS.get(head[8:12], OTHER)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Signature("audio", "audio/aiff", "aiff")
    if head[4:8] in _BOXES:
        return _box(head)
    if _MXF in head and _only_filling(head[: head.index(_MXF)]):
        return Signature("video", "application/mxf", "mxf")
    if _transport_stream(head):
        return Signature("video", "video/mp2t", "mpegts")
    if head[:2] == b"BM" and len(head) >= 26 and head[6:10] == b"\0\0\0\0":
        return Signature("image", "image/bmp")
    return _bare_audio(head)


def _webm_or(found: Signature, head: bytes) -> Signature:
    if found.mime_type == "video/x-matroska" and b"webm" in head[:64]:
        return Signature("video", "video/webm", found.demuxer)
    return found


def _box(head: bytes) -> Signature:
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in _STILL_BRANDS:
        return Signature("image", "image/avif" if brand in (b"avif", b"avis") else "image/heic")
    if brand in (b"M4A ", b"M4B "):
        return Signature("audio", "audio/mp4", _MP4)
    if brand == b"qt  " or head[4:8] in (b"wide", b"pnot"):
        return Signature("video", "video/quicktime", _MP4)
    if brand[:3] in (b"3gp", b"3g2"):
        return Signature("video", "video/3gpp", _MP4)
    return Signature("video", "video/mp4", _MP4)


def _only_filling(run_in: bytes) -> bool:
    """MXF may begin with up to 64 KiB that are not to be read."""
    return len(run_in) < HEAD


def _transport_stream(head: bytes) -> bool:
    """Five packets in a row begin with the sync byte, from some offset within the first packet or two."""
    for length in _TS_PACKETS:
        for offset in range(min(2 * length, len(head))):
            beats = range(offset, min(len(head), offset + 5 * length), length)
            if len(beats) == 5 and all(head[at] == 0x47 for at in beats):
                return True
    return False


def _bare_audio(head: bytes) -> Signature:
    """MPEG audio and AAC without a container begin with eleven or twelve set bits."""
    if len(head) < 4 or head[0] != 0xFF:
        return OTHER
    if head[1] & 0xF6 == 0xF0:
        return Signature("audio", "audio/aac", "aac")
    layer, rate, frequency = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if head[1] & 0xE0 == 0xE0 and layer and rate not in (0, 15) and frequency != 3:
        return Signature("audio", "audio/mpeg", "mp3")
    return OTHER

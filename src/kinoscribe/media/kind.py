"""Turns any uploaded file into what it is by its content: a video, a picture, a sound or something else."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from av.packet import Packet

from kinoscribe import clock
from kinoscribe.media.pictures import picture_facts
from kinoscribe.media.pieces import Beat, FileKind, SoundFacts
from kinoscribe.media.probe import BEAT_EVERY, probe
from kinoscribe.media.signature import Signature, signature
from kinoscribe.media.video_file import OneFile, Soundless, Unreadable, open_file, open_sound, packets

_SOUND_IN = {
    "video/mp4": "audio/mp4",
    "video/quicktime": "audio/mp4",
    "video/3gpp": "audio/3gpp",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
    "video/ogg": "audio/ogg",
    "video/x-ms-wmv": "audio/x-ms-wma",
    "video/mp2t": "audio/mp2t",
    "video/mpeg": "audio/mpeg",
}


def kind(path: Path, max_pixels: int, max_picture_pixels: int) -> Generator[Beat, None, FileKind]:
    """What the file is, with beats while it is read.

    Never raises for its content: what cannot be used is `other`, with the reason.
    """
    try:
        with open_file(path) as file:
            claim = signature(file.head)
            if claim.demuxer is None:
                return _picture(path, claim, max_picture_pixels)
        return FileKind("video", claim.mime_type, facts=(yield from probe(path, max_pixels)))
    except Unreadable as error:
        return (yield from _no_video(path, max_pixels, max_picture_pixels, error.reason))


def _picture(path: Path, claim: Signature, most_pixels: int) -> FileKind:
    if claim.family != "image":
        return FileKind("other", claim.mime_type, reason="By its content it is no format we know.")
    try:
        return FileKind("image", claim.mime_type, picture=picture_facts(path, most_pixels))
    except Unreadable as error:
        return FileKind("other", claim.mime_type, reason=error.reason)


def _no_video(path: Path, max_pixels: int, most_pixels: int, reason: str) -> Generator[Beat, None, FileKind]:
    """What claims to be a video but is none may still be a sound or, as a GIF, a picture."""
    try:
        with open_file(path) as file:
            claim = signature(file.head)
            if claim.mime_type == "image/gif":
                return _picture(path, Signature("image", claim.mime_type), most_pixels)
            if claim.demuxer is None:
                return FileKind("other", claim.mime_type, reason=reason)
            sound = yield from _sound(file, max_pixels)
    except Soundless:
        return FileKind("other", claim.mime_type, reason=reason)
    except Unreadable:
        return FileKind("other", "application/octet-stream", reason=reason)
    if sound is None:
        return FileKind("other", claim.mime_type, reason=reason)
    return FileKind("audio", _SOUND_IN.get(claim.mime_type, claim.mime_type), sound=sound)


def _sound(file: OneFile, max_pixels: int) -> Generator[Beat, None, SoundFacts | None]:
    """The sound by its packets, once a first one has been decoded; `None` when there is none."""
    with open_sound(file, max_pixels) as sound:
        track, base = sound.sound, float(sound.sound.time_base or 0)
        heard, first, last = False, None, 0
        beaten = clock.steady()
        for packet in packets(sound):
            if clock.steady() - beaten >= BEAT_EVERY:
                beaten = clock.steady()
                yield Beat()
            heard = heard or _decodes(packet)
            if packet.size and packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last, packet.pts + (packet.duration or 0))
        if not heard or first is None:
            return None
        return SoundFacts(
            duration=round((last - first) * base, 3),
            container=sound.container.format.name.partition(",")[0],
            codec=track.codec_context.codec.canonical_name,
            sample_rate=track.codec_context.sample_rate,
            channels=track.codec_context.channels,
            streams=len(sound.container.streams.audio),
        )


def _decodes(packet: Packet[Any]) -> bool:
    try:
        return bool(packet.decode())
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except FFmpegError:
        return False

"""Turns an untrusted file into an open container that reads that one file and nothing else."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from kinoscribe.media.signature import HEAD, Signature, signature
from kinoscribe.media.timeline import JUMPS, Timeline

_BUFFER = 256 * 1024
_STILL = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_JOINED = ("mpegts", "mpeg")
_FAMILIES = {"image": "a still picture", "audio": "a sound file", "other": "no video format we know"}

_TEXTS = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"#extm3u": "a playlist",
    b"ffconcat": "a playlist",
    b"<?xml": "an XML document",
    b"<svg": "an SVG drawing",
    b"<mpd": "a streaming manifest",
    b"{": "a JSON document",
}


class Unreadable(Exception):
    """The file is not what it was opened as. `reason` is a sentence for whoever sent it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Soundless(Unreadable):
    """The file can be read, and there is no sound in it that could be decoded."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """An open video: its picture track, its sound track if any, and the one clock both run on."""

    container: InputContainer
    signature: Signature
    picture: VideoStream
    sound: AudioStream | None
    timeline: Timeline
    bytes: int

    @property
    def tracks(self) -> tuple[Stream, ...]:
        """The tracks that are read."""
        return (self.picture,) if self.sound is None else (self.picture, self.sound)

    def anew(self) -> VideoFile:
        """The same open file after a place in it was sought: its clock knows nothing of what was read before."""
        return replace(self, timeline=Timeline(joined=self.container.format.name in _JOINED))


@dataclass(frozen=True, slots=True)
class SoundFile:
    """An open file of which only the sound is read: whatever else is in it, such as a cover, is left out."""

    container: InputContainer
    sound: AudioStream
    timeline: Timeline

    @property
    def tracks(self) -> tuple[Stream, ...]:
        """The track that is read."""
        return (self.sound,)


@contextmanager
def open_video(path: Path, max_pixels: int, *, sound: bool = True) -> Iterator[VideoFile]:
    """Opens a video and chooses its tracks. Raises `Unreadable` when there is none to be found."""
    with open_file(path) as file:
        claim = signature(file.head)
        if claim.family in ("image", "other") or claim.demuxer is None:
            raise Unreadable(_no_video(file, claim))
        with open_container(file, claim.demuxer, max_pixels) as container:
            picture = _picture_track(container, max_pixels)
            if picture is None:
                raise Unreadable("The file holds no moving pictures.")
            picture.codec_context.options = pixel_cap(max_pixels)
            heard = _sound_track(container) if sound else None
            _ignore_others(container, picture, heard)
            timeline = Timeline(joined=container.format.name in _JOINED)
            yield VideoFile(container, claim, picture, heard, timeline, file.length)


@contextmanager
def open_sound(file: OneFile, max_pixels: int) -> Iterator[SoundFile]:
    """Chooses the sound of an open file. Raises `Unreadable`, and `Soundless` when there is none to be found."""
    claim = signature(file.head)
    if claim.demuxer is None:
        raise Unreadable(_no_video(file, claim))
    with open_container(file, claim.demuxer, max_pixels) as container:
        sound = _sound_track(container)
        if sound is None or not sound.time_base:
            raise Soundless("The file holds no sound.")
        _ignore_others(container, sound)
        yield SoundFile(container, sound, Timeline(joined=container.format.name in _JOINED))


@contextmanager
def open_container(file: OneFile, demuxer: str, max_pixels: int) -> Iterator[InputContainer]:
    """Lets one named demuxer read one open file. Raises `Unreadable`."""
    options = {
        "format_whitelist": demuxer,
        "protocol_whitelist": "none",
        "enable_drefs": "0",
        "use_absolute_path": "0",
        **pixel_cap(max_pixels),
    }
    try:
        container = av.open(
            file,
            mode="r",
            format=demuxer.partition(",")[0],
            options=options,
            metadata_errors="replace",
            buffer_size=_BUFFER,
            io_open=_refuse_other_files,
        )
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except PermissionError as error:
        raise Unreadable("It points at another file or address, which is not followed.") from error
    except (FFmpegError, ValueError) as error:
        raise Unreadable(
            f"Its container cannot be read, the file may be cut off ({describe(error)})."
        ) from error
    with container:
        yield container


def pixel_cap(max_pixels: int) -> dict[str, str]:
    """The option that keeps FFmpeg from larger pictures. It counts padded rows: up to twice as many pixels pass."""
    return {"max_pixels": str(2 * max_pixels)}


def packets(video: VideoFile | SoundFile) -> Generator[Packet[Any], None, bool]:
    """Demuxes the chosen tracks, with times moved onto the file's one clock; ends with the empty flush packets.

    Returns whether the file broke off: what came before is good.
    """
    bases = {s.index: float(s.time_base) for s in video.tracks if s.time_base}
    source = video.container.demux(video.tracks)
    try:
        for packet in source:
            base = bases.get(packet.stream.index)
            if packet.size and base:
                _place(packet, video.timeline, base)
            yield packet
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except IndexError:
        # Tracks that only came to light in the middle of the file make PyAV stumble, after all else is out.
        return False
    except (FFmpegError, PermissionError):
        return True
    finally:
        source.close()  # type: ignore[attr-defined]
    return False


def decoded(packet: Packet[Any]) -> Sequence[Any] | None:
    """The frames of a packet; None for a damaged one, which costs only itself."""
    try:
        return packet.decode()
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except FFmpegError:
        return None


def warnings(video: VideoFile | SoundFile, *, broken_off: bool, deaf: bool, damaged: int) -> tuple[str, ...]:
    """What a pass over a file could not use, in sentences."""
    told = {
        "The file breaks off; what came before was used.": broken_off,
        "Its sound is in a layout that cannot be mixed to one channel.": deaf,
        f"{damaged} damaged packets could not be decoded.": damaged > 0,
        JUMPS: video.timeline.jumps > 0,
    }
    return tuple(sentence for sentence, holds in told.items() if holds)


class OneFile:
    """A regular file as FFmpeg may see it: it has no name, can be read and can be sought."""

    def __init__(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise Unreadable(f"The file cannot be opened ({describe(error)}).") from error
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise Unreadable("It is not a regular file.")
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self.length = facts.st_size
        self.head = self._file.read(HEAD)
        self._file.seek(0)
        self.read = self._file.read
        self.tell = self._file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new place, or a negative number for a place that cannot be: broken files ask for such."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -errno.EINVAL

    def close(self) -> None:
        self._file.close()


@contextmanager
def open_file(path: Path) -> Iterator[OneFile]:
    """Opens one regular file and closes it again. Raises `Unreadable`."""
    file = OneFile(path)
    try:
        yield file
    finally:
        file.close()


def describe(error: Exception) -> str:
    """What FFmpeg says about an error, in its own few words and without any path."""
    return str(getattr(error, "strerror", None) or type(error).__name__).lower()


def _place(packet: Packet[Any], timeline: Timeline, base: float) -> None:
    at = packet.dts if packet.dts is not None else packet.pts
    if at is None:
        return
    if packet.pts is None:
        packet.pts = at
    shift = timeline.shift(packet.stream.index, at * base, (packet.duration or 0) * base)
    if shift:
        ticks = round(shift / base)
        packet.pts += ticks
        packet.dts = at + ticks


def _refuse_other_files(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError("a video may not make us open anything else")


def _picture_track(container: InputContainer, max_pixels: int) -> VideoStream | None:
    moving = [s for s in container.streams.video if not s.disposition & _STILL and _decodable(s)]
    best = max(
        moving, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height), default=None
    )
    if best is not None and best.width * best.height > max_pixels:
        raise Unreadable(
            reason=f"Its pictures are {best.width}x{best.height}; this server decodes up to {max_pixels} pixels."
        )
    return best


def _sound_track(container: InputContainer) -> AudioStream | None:
    tracks = [s for s in container.streams.audio if _decodable(s)]
    return max(tracks, key=lambda s: bool(s.disposition & Disposition.default), default=None)


def _decodable(stream: Stream) -> bool:
    return stream.codec_context is not None


def _ignore_others(container: InputContainer, *wanted: Stream | None) -> None:
    keep = {s.index for s in wanted if s is not None}
    for stream in container.streams:
        if stream.index not in keep:
            stream.discard = Discard.all


def _no_video(file: OneFile, claim: Signature) -> str:
    if file.length == 0:
        return "The file is empty."
    start = file.head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, what in _TEXTS.items():
        if start.startswith(beginning):
            return f"It is {what}, not a media file."
    return f"By its content it is {_FAMILIES[claim.family]}."

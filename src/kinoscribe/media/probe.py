"""Turns a video file into what is true about it, from its packets and first pictures rather than its header."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from kinoscribe import clock
from kinoscribe.contract.video import VideoFacts
from kinoscribe.media.frames import Shape, shape_of
from kinoscribe.media.pieces import Beat
from kinoscribe.media.timeline import JUMPS
from kinoscribe.media.video_file import Unreadable, VideoFile, open_video, packets

LARGE = 256 * 1024 * 1024
"""From this size on, the middle of a file that has an index is not read."""

BEAT_EVERY = 1.0
"""Seconds after which whoever waits is told that the reading goes on."""

_INDEXED = ("mov", "matroska")
_TAIL = 15.0
_TRIES = 600
_RATE_SAMPLE = 2000
_CLOCK_NOISE = 0.1
_HOLE = bytes(16)


@dataclass(slots=True)
class _Track:
    """What was seen of one track; times are `None` until something was seen.

    `packed` says that its data is coded, so that a run of zeros means nothing.
    """

    base: float
    packed: bool
    first: float | None = None
    begin: float | None = None
    end: float | None = None
    last: float = float("-inf")
    last_length: float = 0.0
    packets: int = 0
    decoded: int = 0
    tries: int = 0
    damaged: int = 0
    times: list[float] = field(default_factory=list)

    def see(self, packet: Packet[Any]) -> None:
        if packet.pts is None or packet.is_discard:
            return
        if packet.is_corrupt or (self.packed and _never_written(packet)):
            self.damaged += 1
            return
        self.packets += 1
        at = packet.pts * self.base
        length = (packet.duration or 0) * self.base
        self.begin = at if self.begin is None else min(self.begin, at)
        self.end = at + length if self.end is None else max(self.end, at + length)
        if at >= self.last:
            self.last, self.last_length = at, length
        if len(self.times) < _RATE_SAMPLE:
            self.times.append(at)

    @property
    def start(self) -> float | None:
        """The first frame that came out of the decoder: a packet may begin with sound that is to be skipped."""
        return self.begin if self.first is None else self.first


@dataclass(slots=True)
class _Seen:
    picture: _Track
    sound: _Track | None
    shape: Shape | None = None
    codec: str = ""
    broken_off: bool = False


def probe(path: Path, max_pixels: int) -> Generator[Beat, None, VideoFacts]:
    """What the video is, with beats while it is read. Decodes the first picture and the first sound.

    Raises `Unreadable`.
    """
    with open_video(path, max_pixels) as video:
        if video.bytes < LARGE or not _has_index(video):
            return _facts(video, (yield from _see(video, packets(video))))
        seen = yield from _see(video, _head(video))
        if not (yield from _see_tail(path, max_pixels, seen)):
            with open_video(path, max_pixels) as again:
                seen = yield from _see(again, packets(again))
        return _facts(video, seen)


def _has_index(video: VideoFile) -> bool:
    return video.container.format.name.partition(",")[0] in _INDEXED and bool(video.container.duration)


def _see_tail(path: Path, max_pixels: int, seen: _Seen) -> Generator[Beat, None, bool]:
    """Looks at the end of a large file. False where it could not be found: then all has to be read."""
    before = seen.picture.packets
    with open_video(path, max_pixels) as video:
        start, duration = video.container.start_time or 0, video.container.duration or 0
        try:
            video.container.seek(max(0, start + duration - round(_TAIL * av.time_base)))
        except FFmpegError:
            return False
        yield from _see(video, packets(video), seen)
    return seen.picture.packets > before and not seen.broken_off


def _head(video: VideoFile) -> Iterator[Packet[Any]]:
    """The head of the file: enough packets for the first picture, the first sound and the frame rate."""
    for number, packet in enumerate(packets(video)):
        if number >= _TRIES:
            return
        yield packet


def _see(
    video: VideoFile, source: Iterator[Packet[Any]], seen: _Seen | None = None
) -> Generator[Beat, None, _Seen]:
    tracks = {s.index: _Track(_base(s), _is_packed(s)) for s in (video.picture, video.sound) if s is not None}
    if seen is None:
        sound = tracks[video.sound.index] if video.sound is not None else None
        seen = _Seen(tracks[video.picture.index], sound, codec=_codec(video.picture))
    else:
        tracks[video.picture.index] = seen.picture
        if video.sound is not None and seen.sound is not None:
            tracks[video.sound.index] = seen.sound
    beaten = clock.steady()
    while True:
        try:
            packet = next(source)
        except StopIteration as stop:
            seen.broken_off = bool(stop.value)
            return seen
        if clock.steady() - beaten >= BEAT_EVERY:
            beaten = clock.steady()
            yield Beat()
        track = tracks[packet.stream.index]
        if packet.size:
            track.see(packet)
        if not track.decoded and track.tries < _TRIES:
            _decode_first(video, packet, track, seen)


def _decode_first(video: VideoFile, packet: Packet[Any], track: _Track, seen: _Seen) -> None:
    track.tries += 1
    try:
        frames = packet.decode()
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except FFmpegError:
        return
    for frame in frames:
        if track.decoded == 0 and frame.pts is not None:
            track.first = frame.pts * track.base
        track.decoded += 1
        match frame:
            case VideoFrame():
                seen.shape = seen.shape or shape_of(frame, video.picture.sample_aspect_ratio)
            case AudioFrame():
                pass


def _facts(video: VideoFile, seen: _Seen) -> VideoFacts:
    picture, sound = seen.picture, seen.sound
    if picture.packets == 0 or picture.start is None or picture.end is None:
        raise Unreadable("It has a picture track without a single picture in it.")
    if seen.shape is None:
        raise Unreadable("None of its pictures can be decoded.")
    end = picture.end + _last_length(picture, video)
    if picture.packets == 1 and video.signature.mime_type == "image/gif":
        raise Unreadable("It is a still picture.")
    heard = sound if sound is not None and sound.decoded and sound.end is not None else None
    start = picture.start
    if heard is not None and heard.end is not None and heard.start is not None:
        start, end = min(start, heard.start), max(end, heard.end)
    if -_CLOCK_NOISE < start < 0:
        start = 0.0
    audio = video.sound if heard is not None else None
    return VideoFacts(
        start=round(start, 6),
        end=round(end, 6),
        width=seen.shape.width,
        height=seen.shape.height,
        fps=_rate(picture),
        rotation=seen.shape.rotation,
        container=video.container.format.name.partition(",")[0],
        mime_type=video.signature.mime_type,
        video_codec=seen.codec,
        audio_codec=_codec(audio) if audio is not None else None,
        audio_sample_rate=audio.codec_context.sample_rate if audio is not None else None,
        audio_channels=audio.codec_context.channels if audio is not None else None,
        video_streams=len(video.container.streams.video),
        audio_streams=len(video.container.streams.audio),
        bytes=video.bytes,
        warnings=tuple(_warnings(video, seen, end)),
    )


def _last_length(picture: _Track, video: VideoFile) -> float:
    """How long the last picture stands, where its packet does not say."""
    if picture.last_length > 0:
        return 0.0
    rate = _rate(picture) or float(video.picture.average_rate or 0)
    return 1.0 / rate if rate > 0 else 0.0


def _rate(picture: _Track) -> float | None:
    """Pictures a second where they come evenly, else `None`."""
    times = sorted(picture.times)
    gaps = [b - a for a, b in pairwise(times) if b > a]
    if len(gaps) < 2:
        return None
    usual = median(gaps)
    slack = max(usual * 0.25, 2.1 * picture.base)
    even = sum(abs(gap - usual) <= slack for gap in gaps)
    if even < 0.95 * len(gaps):
        return None
    kept = [gap for gap in gaps if abs(gap - usual) <= slack]
    return round(len(kept) / sum(kept), 3)


def _warnings(video: VideoFile, seen: _Seen, end: float) -> Iterator[str]:
    claimed = (video.container.duration or 0) / av.time_base
    if video.timeline.jumps:
        yield JUMPS
    elif seen.broken_off or seen.picture.damaged:
        yield "The file is damaged or cut; what can be decoded is used."
    if claimed > end + 1.0 and not video.timeline.jumps:
        yield f"The header promises {claimed:.1f} s, but the file ends at {end:.1f} s."
    if seen.sound is not None and not seen.sound.decoded:
        yield "Its sound cannot be decoded."


def _never_written(packet: Packet[Any]) -> bool:
    """Downloads that broke off may have their full length, with zeros where nothing came."""
    data = memoryview(packet)
    return len(data) >= 2 * len(_HOLE) and data[: len(_HOLE)] == _HOLE and data[-len(_HOLE) :] == _HOLE


def _is_packed(stream: Stream) -> bool:
    name = stream.codec_context.name
    return not name.startswith("pcm") and name != "rawvideo"


def _base(stream: Stream) -> float:
    return float(stream.time_base or 0)


def _codec(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name

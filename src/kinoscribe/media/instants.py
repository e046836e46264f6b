"""Turns instants of a video into the frames nearest to them, seeking or reading on, whichever is cheaper."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from kinoscribe import clock
from kinoscribe.media.video_file import VideoFile, open_video, packets

BEAT: Literal["beat"] = "beat"
"""Comes when a while has passed without a frame, so that whoever waits may change their mind."""

_BEAT_EVERY = 0.1
_MOST_THREADS = 4
_LEAD = 0.5
"""Seconds before an instant that is sought: the frame before it may be the nearest."""
_FIRST_GAP = 2.0
"""Seconds between key frames as long as nothing is known of them."""
_WIDER = 4.0
_MOST_SEEKS = 3
"""How often a place further ahead is tried when seeking went past the instant; then the file is read from its start."""
_MOST_SKIPPED = 2000
"""Packets without a key frame after a seek, from which the file has none that could be found."""
_STANDS = 2.0
"""Seconds the last frame of a file may be asked for after its end."""
_MOST_REVIVALS = 3
"""How often a place behind one where the file breaks off is sought."""
_SAMPLED = 60.0
"""Seconds from the first instant on in which frames are looked for where no place can be sought."""
_SEEKABLE = ("mov", "matroska", "mpegts", "avi", "flv", "asf", "ogg")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A decoded frame, its time in seconds on the container's own clock, and how wide its pixels are."""

    time: float
    frame: VideoFrame
    pixel_aspect: Fraction | None


def nearest(
    path: Path,
    instants: Sequence[float],
    max_pixels: int,
    *,
    begins: float = 0.0,
    until: float | None = None,
    jumps: bool = False,
) -> Generator[Seen | Literal["beat"], None, None]:
    """Yields for each instant, in their order, the frame nearest to it; a frame that serves for two comes once.

    `begins` is the time of the video's first frame. Frames of `until` or later are left out. `jumps`: the time stamps
    are known to jump, so that no place can be sought. Nothing comes for an instant that lies well after the last
    frame. Memory does not grow with the video. Raises `Unreadable`.
    """
    with ExitStack() as open_files:
        search = _Search(path, max_pixels, open_files, begins, seekable=not jumps)
        given: float | None = None
        for instant in sorted(instants):
            for found in search.find(instant, float("inf") if until is None else until):
                if found == BEAT:
                    yield BEAT
                elif given is None or found.time > given:
                    given = found.time
                    yield found


def cheapest(
    path: Path, instants: Sequence[float], max_pixels: int, *, jumps: bool = False
) -> Generator[Seen | Literal["beat"], None, None]:
    """Yields for each instant a frame near it that costs little: the key frame before it.

    Where no place can be sought, only the first minute is looked at. Raises `Unreadable`.
    """
    with ExitStack() as open_files:
        search = _Search(path, max_pixels, open_files, instants[0], seekable=not jumps)
        for instant in instants:
            if search.seekable:
                yield from search.key_frame(instant)
            elif instant <= instants[0] + _SAMPLED:
                yield from search.find(instant, float("inf"))


class _Search:
    """One pass over a file that may skip forward. `_before` and `_after` are the frames around the present place."""

    def __init__(
        self, path: Path, max_pixels: int, open_files: ExitStack, begins: float, *, seekable: bool
    ) -> None:
        self._path = path
        self._max_pixels = max_pixels
        self._open_files = open_files
        self._begins = begins
        self._gap = _FIRST_GAP
        self._revived = 0
        self._video = self._open()
        container = self._video.container.format.name.partition(",")[0]
        self.seekable = seekable and container in _SEEKABLE

    def find(self, instant: float, until: float) -> Iterator[Seen | Literal["beat"]]:
        """The frame nearest to the instant; earlier ones are gone for good."""
        if self._after is None or self._after.time < instant:
            if self._worth_seeking(instant):
                yield from self._go_to(instant)
            while not self._over and (self._after is None or self._after.time < instant):
                yield from self._read_on()
        before, after = self._before, self._after
        if after is not None and after.time >= until:
            after = None
        if before is not None and before.time >= until:
            before = None
        if before is not None and after is not None:
            yield before if instant - before.time <= after.time - instant else after
        elif after is not None:
            yield after
        elif before is not None and (not self._over or instant - before.time <= _STANDS):
            yield before

    def key_frame(self, instant: float) -> Iterator[Seen | Literal["beat"]]:
        """The first frame from the place on that can be read from without reading what comes before."""
        if not self._seek(instant):
            return
        while not self._over and self._after is None:
            yield from self._read_on()
        if self._after is not None:
            yield self._after

    def _open(self) -> VideoFile:
        self._open_files.close()
        video = self._open_files.enter_context(open_video(self._path, self._max_pixels, sound=False))
        codec = video.picture.codec_context
        codec.thread_type = "AUTO"
        codec.thread_count = min(_MOST_THREADS, (os.cpu_count() or 1) + 1)
        self._begin(video, waits=False)
        return video

    def _begin(self, video: VideoFile, *, waits: bool) -> None:
        """From here on all is new; with `waits`, nothing counts before a key frame."""
        self._before: Seen | None = None
        self._after: Seen | None = None
        self._over = False
        self._waits = waits
        self._source = self._decoded(video)

    def _worth_seeking(self, instant: float) -> bool:
        """Whether a key frame is likely to lie between the present place and the instant."""
        if not self.seekable or self._revived > _MOST_REVIVALS:
            return False
        if self._over:
            self._revived += 1
        here = self._after or self._before
        if here is None:
            return instant > self._begins + self._gap
        return instant - here.time > self._gap + _LEAD

    def _go_to(self, instant: float) -> Iterator[Literal["beat"]]:
        """Seeks a place from which the frame before the instant comes out as well."""
        was = self._after or self._before
        lead = _LEAD
        for _ in range(_MOST_SEEKS):
            if not self._seek(instant - lead):
                break
            while not self._over and self._after is None:
                yield from self._read_on()
            here = self._after
            if here is not None and here.time <= instant:
                # What was decoded anew for nothing says how far apart key frames are.
                if was is not None and here.time <= was.time:
                    self._gap = max(self._gap, 2 * (instant - here.time))
                return
            lead *= _WIDER
        self.seekable = False
        self._video = self._open()

    def _seek(self, time: float) -> bool:
        container = self._video.container
        try:
            container.seek(round(max(time, 0.0) * av.time_base))
        except FFmpegError:
            return False
        video = self._video.anew()
        self._begin(video, waits=True)
        return True

    def _read_on(self) -> Iterator[Literal["beat"]]:
        """Goes one frame further."""
        for one in self._source:
            if one == BEAT:
                yield BEAT
                continue
            self._before, self._after = self._after, one
            return
        if not self._over and self._after is not None:
            self._before, self._after = self._after, None
        self._over = True

    def _decoded(self, video: VideoFile) -> Iterator[Seen | Literal["beat"]]:
        """All frames from here on in the order of their times."""
        base, aspect = float(video.picture.time_base or 0), video.picture.sample_aspect_ratio
        beaten, last, skipped = clock.steady(), float("-inf"), 0
        due = 0.0
        for packet in packets(video):
            if clock.steady() - beaten >= _BEAT_EVERY:
                beaten = clock.steady()
                yield BEAT
            if not self._wanted(packet):
                skipped += 1
                if skipped > _MOST_SKIPPED:
                    return
                continue
            for frame in _frames(packet):
                time = due if frame.pts is None else frame.pts * base
                due = time + (frame.duration or 0) * base
                if time > last and not frame.is_corrupt:
                    last = time
                    yield Seen(time, frame, aspect)

    def _wanted(self, packet: Packet[Any]) -> bool:
        """After a seek nothing is of use before the first key frame."""
        if packet.is_keyframe:
            self._waits = False
        return not self._waits or not packet.size


def _frames(packet: Packet[Any]) -> list[VideoFrame]:
    """What a packet brings out of the decoder; a damaged one brings nothing."""
    try:
        frames = packet.decode()
    except av.error.MemoryError as error:
        raise MemoryError(str(error)) from error
    except FFmpegError:
        return []
    return [frame for frame in frames if isinstance(frame, VideoFrame)]

"""Turns one pass over a video into thumbs, chosen pictures and sound, in bounded memory whatever its length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import msgspec
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from kinoscribe.media.audio import Listener, clip
from kinoscribe.media.frames import Painter, luma, shape_of
from kinoscribe.media.freeze import freeze, thaw
from kinoscribe.media.listening import listen
from kinoscribe.media.pieces import Border, Piece, Read, ReadPlan
from kinoscribe.media.sampling import Chooser, Metronome, pace
from kinoscribe.media.video_file import Unreadable, VideoFile, decoded, open_video, packets, warnings

THUMB_GAP = 0.08
_MOST_THREADS = 4
_UNKNOWN_LENGTH = 1800.0
_INTERLEAVING = 5.0
"""Seconds by which one track may run ahead of the other in a file."""
_SEEKABLE = ("mov", "matroska")
_LEAD = 2.0


def read(path: Path, plan: ReadPlan, max_pixels: int) -> Iterator[Piece]:
    """Decodes the file once, front to back; the last piece is a `Read`. Raises `Unreadable`."""
    if plan.alone:
        yield from listen(path, plan, max_pixels)
        return
    with open_video(path, max_pixels, sound=plan.sound) as video:
        yield from _Pass(video, plan).pieces()


class _State(msgspec.Struct):
    """What a pass has to know to go on from a border: pictures from `time` on, sound from `sound` on.

    `sound` is `None` when none has been heard yet. Where time stamps jump, no place can be sought.
    """

    time: float
    sound: float | None
    jumps: bool
    chooser: Chooser
    even: Metronome
    often: Metronome
    borders: Metronome
    end_of_pictures: float | None
    damaged: int
    deaf: bool


class _Pass:
    def __init__(self, video: VideoFile, plan: ReadPlan) -> None:
        self._video = video
        self._plan = plan
        self._looks = plan.pictures or plan.thumbs
        self._pace = pace(plan.min_gap, plan.max_gap, plan.most_pictures, _length(video, plan))
        self._chooser = Chooser(self._pace)
        self._even = Metronome(self._pace.min_gap)
        self._often = Metronome(THUMB_GAP)
        self._painter = Painter(video.picture.sample_aspect_ratio, plan.max_side)
        self._borders = Metronome(plan.border_every or float("inf"))
        self._listener = Listener()
        self._last: float | None = None
        self._due = 0.0
        self._base = float(video.picture.time_base or 0)
        self._end_of_pictures: float | None = None
        self._frames = 0
        self._damaged = 0
        self._deaf = False
        self._past_end: set[int] = set()
        self._from, self._seek = plan.start, plan.start
        if plan.resume is not None:
            self._resume(thaw(plan.resume, _State))

    def _resume(self, state: _State) -> None:
        self._chooser, self._even, self._often = state.chooser, state.even, state.often
        self._borders = state.borders
        self._listener = Listener(state.sound)
        self._end_of_pictures, self._damaged, self._deaf = state.end_of_pictures, state.damaged, state.deaf
        self._from = state.time
        heard = state.time if self._video.sound is None else state.sound
        self._seek = None if state.jumps or heard is None else min(state.time, heard)

    def _border(self, time: float) -> Border:
        state = _State(
            time=time,
            sound=self._listener.next,
            jumps=self._video.timeline.jumps > 0,
            chooser=self._chooser,
            even=self._even,
            often=self._often,
            borders=self._borders,
            end_of_pictures=self._end_of_pictures,
            damaged=self._damaged,
            deaf=self._deaf,
        )
        return Border(time, freeze(state))

    def pieces(self) -> Iterator[Piece]:
        broken_off = False
        self._prepare()
        source = packets(self._video)
        while True:
            try:
                packet = next(source)
            except StopIteration as stop:
                broken_off = bool(stop.value)
                break
            if self._is_over(packet):
                break
            yield from self._decode(packet)
        source.close()
        for sound in self._listener.finish():
            heard = clip(sound, self._plan.start, self._plan.end)
            if heard is not None:
                yield heard
        if self._looks and self._frames == 0 and not self._past_end and self._from is None:
            raise Unreadable("None of its pictures can be decoded.")
        told = warnings(self._video, broken_off=broken_off, deaf=self._deaf, damaged=self._damaged)
        yield Read(self._end_of_pictures, self._listener.end, self._frames, told)

    def _prepare(self) -> None:
        codec = self._video.picture.codec_context
        codec.thread_type = "AUTO"
        codec.thread_count = min(_MOST_THREADS, (os.cpu_count() or 1) + 1)
        container, start = self._video.container, self._seek
        if start is None or container.format.name.partition(",")[0] not in _SEEKABLE:
            return
        try:
            container.seek(max(0, round((start - _LEAD) * av.time_base)))
        except FFmpegError:
            container.seek(0)

    def _is_over(self, packet: Packet[Any]) -> bool:
        """Whether every track has gone past the end of the window."""
        end = self._plan.end
        if end is None or packet.pts is None:
            return False
        at = float(packet.pts * packet.time_base)
        if at >= end + _INTERLEAVING:
            return True
        if at >= end and packet.is_keyframe:
            self._past_end.add(packet.stream.index)
        tracks = {s.index for s in (self._video.picture, self._video.sound) if s is not None}
        return self._past_end >= tracks

    def _decode(self, packet: Packet[Any]) -> Iterator[Piece]:
        is_picture = packet.stream.index == self._video.picture.index
        if is_picture and not self._looks:
            return
        frames = decoded(packet)
        if frames is None:
            self._damaged += 1
            return
        for frame in frames:
            match frame:
                case VideoFrame():
                    yield from self._see(frame)
                case AudioFrame():
                    yield from self._hear(frame)

    def _hear(self, frame: AudioFrame) -> Iterator[Piece]:
        """Sound in a layout that cannot be mixed costs the sound, not the pictures."""
        if self._deaf:
            return
        try:
            for sound in self._listener.hear(frame, frame.time):
                heard = clip(sound, self._plan.start, self._plan.end)
                if heard is not None:
                    yield heard
        except (FFmpegError, ValueError):
            self._deaf = True

    def _see(self, frame: VideoFrame) -> Iterator[Piece]:
        base = self._base
        length = (frame.duration or 0) * base
        time = self._due if frame.pts is None else frame.pts * base
        if self._last is not None and time <= self._last:
            return
        plan = self._plan
        self._last, self._due = time, time + length
        if (self._from is not None and time < self._from) or (plan.end is not None and time >= plan.end):
            return
        if self._borders.strikes(time) and self._end_of_pictures is not None:
            yield self._border(time)
        self._frames += 1
        self._end_of_pictures = time + length
        if plan.pictures and self._pace.even and self._even.strikes(time):
            yield self._painter.picture(frame, time, time)
        if not plan.thumbs and self._pace.even:
            return
        if self._often.strikes(time):
            yield from self._look_closely(frame, time)

    def _look_closely(self, frame: VideoFrame, time: float) -> Iterator[Piece]:
        grid = self._painter.grid(frame)
        if self._plan.thumbs:
            turns = shape_of(frame, None).turns
            yield self._painter.thumb(grid, time, turns)
        if self._plan.pictures and not self._pace.even:
            since = self._chooser.look(time, luma(grid))
            if since is not None:
                yield self._painter.picture(frame, time, since, self._chooser.changed_at)


def _length(video: VideoFile, plan: ReadPlan) -> float:
    if plan.length is not None:
        return plan.length
    if plan.start is not None and plan.end is not None:
        return plan.end - plan.start
    claimed = (video.container.duration or 0) / av.time_base
    return claimed if 0 < claimed < 24 * 3600 else _UNKNOWN_LENGTH

"""Turns one pass over a file without pictures into sound in chunks, in bounded memory whatever its length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.packet import Packet

from kinoscribe.media.audio import Listener, clip
from kinoscribe.media.freeze import freeze, thaw
from kinoscribe.media.pieces import SAMPLE_RATE, Border, Read, ReadPlan, Sound
from kinoscribe.media.sampling import Metronome
from kinoscribe.media.video_file import (
    SoundFile,
    Unreadable,
    decoded,
    open_file,
    open_sound,
    packets,
    warnings,
)


def listen(path: Path, plan: ReadPlan, max_pixels: int) -> Iterator[Sound | Border | Read]:
    """Decodes the sound of a file once, front to back; the last piece is a `Read`. Raises `Unreadable`."""
    with open_file(path) as file, open_sound(file, max_pixels) as sound:
        yield from _Pass(sound, plan).pieces()


class _State(msgspec.Struct):
    """What a pass has to know to go on from a border: the sound from `time` on has still to come."""

    time: float
    borders: Metronome


class _Pass:
    """One that goes on hears all that came before once more, which takes little time, and keeps it to itself."""

    def __init__(self, sound: SoundFile, plan: ReadPlan) -> None:
        self._sound = sound
        self._plan = plan
        state = None if plan.resume is None else thaw(plan.resume, _State)
        self._listener = Listener(None if state is None else state.time)
        self._borders = Metronome(plan.border_every or float("inf")) if state is None else state.borders
        self._begun = state is not None
        self._damaged = 0
        self._heard = False
        self._deaf = False

    def pieces(self) -> Iterator[Sound | Border | Read]:
        broken_off = False
        source = packets(self._sound)
        while True:
            try:
                packet = next(source)
            except StopIteration as stop:
                broken_off = bool(stop.value)
                break
            yield from self._decode(packet)
        source.close()
        yield from self._inside(self._listener.finish())
        if not self._heard:
            raise Unreadable("None of its sound can be decoded.")
        told = warnings(self._sound, broken_off=broken_off, deaf=self._deaf, damaged=self._damaged)
        yield Read(None, self._listener.end, 0, told)

    def _decode(self, packet: Packet[Any]) -> Iterator[Sound | Border]:
        frames = decoded(packet)
        if frames is None:
            self._damaged += 1
            return
        for frame in frames:
            if isinstance(frame, AudioFrame) and not self._deaf:
                yield from self._hear(frame)

    def _hear(self, frame: AudioFrame) -> Iterator[Sound | Border]:
        """Sound in a layout that cannot be mixed is none."""
        self._heard = True
        try:
            for sound in self._inside(self._listener.hear(frame, frame.time)):
                yield sound
                if self._borders.strikes(sound.time) and self._begun:
                    end = sound.time + len(sound.samples) / (4 * SAMPLE_RATE)
                    yield Border(end, freeze(_State(end, self._borders)))
                self._begun = True
        except (FFmpegError, ValueError):
            self._deaf = True

    def _inside(self, sounds: Iterator[Sound]) -> Iterator[Sound]:
        for sound in sounds:
            inside = clip(sound, self._plan.start, self._plan.end)
            if inside is not None:
                yield inside

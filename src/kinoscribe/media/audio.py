"""Turns decoded sound of any rate and layout into mono at 16 kHz in chunks of a second that know their time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from kinoscribe.media.pieces import SAMPLE_RATE, Sound

_CHUNK = SAMPLE_RATE
_TOLERANCE = 0.06
"""Seconds by which time stamps may stray from the count of samples; beyond, sound is missing or doubled."""
_LONGEST_FILL = 600.0
# A voice often has the centre of a surround mix to itself: it weighs as much as all the rest together.
_MIX = {
    "center_mix_level": "1.414",
    "surround_mix_level": "0.35",
    "lfe_mix_level": "0",
    "rematrix_maxval": "1.0",
}

Samples = NDArray[np.float32]


class Listener:
    """Collects the frames of one sound track. Holes up to ten minutes are filled with silence, so that chunks touch."""

    def __init__(self, begin: float | None = None) -> None:
        """With `begin` the first chunk begins at that time, and what is heard before it is dropped."""
        self._begin = begin
        self._early = 0
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None
        self._due: float | None = None
        self._start = 0.0
        self._ready: list[Samples] = []
        self._count = 0

    @property
    def next(self) -> float | None:
        """The time at which the next chunk will begin; `None` when nothing has been heard."""
        return self._begin if self._due is None else self._start

    @property
    def end(self) -> float | None:
        """Where the sound heard so far ends; `None` when there was none."""
        return self._due

    def hear(self, frame: AudioFrame, time: float | None) -> Iterator[Sound]:
        """Takes a frame that begins at `time` (`None`: right after the one before)."""
        length = frame.samples / frame.sample_rate if frame.sample_rate else 0.0
        if length <= 0:
            return
        if self._due is None:
            self._set_out(time if time is not None else 0.0)
        assert self._due is not None
        stray = 0.0 if time is None else time - self._due
        if stray < -_TOLERANCE:
            return
        if stray > _TOLERANCE:
            yield from self._skip(stray)
        self._resample(frame)
        self._due += length
        yield from self._chunks(_CHUNK)

    def finish(self) -> Iterator[Sound]:
        """The rest, once no frame follows."""
        self._drain()
        yield from self._chunks(1)

    def _set_out(self, time: float) -> None:
        """The first frame sets the clock, unless the time to begin at is known."""
        begin = time if self._begin is None else self._begin
        self._start, self._due = begin, min(begin, time)
        self._early = round((begin - self._due) * SAMPLE_RATE)

    def _skip(self, hole: float) -> Iterator[Sound]:
        assert self._due is not None
        self._drain()
        self._due += hole
        self._early = max(0, round((self._start - self._due) * SAMPLE_RATE)) if self._early else 0
        if self._early:
            return
        if hole > _LONGEST_FILL:
            yield from self._chunks(1)
            self._start = self._due
            return
        left = round((self._due - self._start) * SAMPLE_RATE) - self._count
        while left > 0:
            silence = min(left, _CHUNK)
            self._add(np.zeros(silence, np.float32))
            left -= silence
            yield from self._chunks(_CHUNK)

    def _resample(self, frame: AudioFrame) -> None:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or source != self._source:
            self._drain()
            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE, options=_MIX)
            self._source = source
        frame.pts = None
        for out in self._resampler.resample(frame):
            self._add(out.to_ndarray().reshape(-1).astype(np.float32, copy=False))

    def _drain(self) -> None:
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                self._add(out.to_ndarray().reshape(-1).astype(np.float32, copy=False))
        self._resampler = None

    def _add(self, samples: Samples) -> None:
        early = min(self._early, samples.size)
        self._early -= early
        samples = samples[early:]
        if samples.size:
            self._ready.append(samples)
            self._count += samples.size

    def _chunks(self, least: int) -> Iterator[Sound]:
        """Full chunks; with `least` 1 also what is left."""
        if self._count < least or not self._ready:
            return
        samples = np.concatenate(self._ready)
        while samples.size >= least and samples.size:
            chunk, samples = samples[:_CHUNK], samples[_CHUNK:]
            yield Sound(self._start, chunk.tobytes())
            self._start += chunk.size / SAMPLE_RATE
        self._ready, self._count = ([samples] if samples.size else []), samples.size


def clip(sound: Sound, start: float | None, end: float | None) -> Sound | None:
    """The part of a chunk inside a window; `None` when nothing of it is."""
    length = len(sound.samples) // 4
    first = 0 if start is None else max(0, round((start - sound.time) * SAMPLE_RATE))
    last = length if end is None else min(length, round((end - sound.time) * SAMPLE_RATE))
    if first >= last:
        return None
    if first == 0 and last == length:
        return sound
    return Sound(sound.time + first / SAMPLE_RATE, sound.samples[4 * first : 4 * last])

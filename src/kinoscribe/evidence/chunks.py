"""Packs the parts of running sound in which a voice is heard into takes, short enough for the recogniser.

Whisper hears half a minute at a time, at the same price however little is said in it, and it hears better with
more words around. So what is said is packed closely, pauses are shortened, and the times are mapped back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
LONGEST = 27.0
PAUSE = 0.5

Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Voice:
    """A part of the sound with a voice in it. `start` is absolute, in seconds."""

    start: float
    sound: Sound

    @property
    def length(self) -> float:
        return self.sound.size / RATE

    @property
    def end(self) -> float:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Take:
    """Voices one after another with short pauses between them, as the recogniser gets them."""

    voices: tuple[Voice, ...]

    @property
    def length(self) -> float:
        return sum(v.length for v in self.voices) + PAUSE * (len(self.voices) - 1)

    def sound(self) -> Sound:
        pause = np.zeros(round(PAUSE * RATE), dtype=np.float32)
        parts: list[Sound] = []
        for voice in self.voices:
            parts += [pause, voice.sound] if parts else [voice.sound]
        return np.concatenate(parts)

    def place(self, start: float, end: float) -> tuple[int, float, float]:
        """Which voice a word from `start` to `end` belongs to, and its absolute times, held inside that voice."""
        middle, offset = (start + end) / 2, 0.0
        last = len(self.voices) - 1
        for index, voice in enumerate(self.voices):
            if middle < offset + voice.length + PAUSE / 2 or index == last:
                first = min(max(0.0, start - offset), voice.length)
                final = min(max(first, end - offset), voice.length)
                return index, voice.start + first, voice.start + final
            offset += voice.length + PAUSE
        raise AssertionError("a take holds at least one voice")


def merge(regions: Iterable[tuple[float, float]], least: float = 0.6) -> list[tuple[float, float]]:
    """Regions whose pause is shorter than `least` become one, unless that would be too long for a take."""
    merged: list[tuple[float, float]] = []
    for start, end in regions:
        if merged and start - merged[-1][1] < least and end - merged[-1][0] <= LONGEST:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def split(voice: Voice) -> list[Voice]:
    """A voice that never pauses, cut into parts that fit a take, each at the quietest place near its end."""
    parts: list[Voice] = []
    while voice.length > LONGEST:
        first, last = round((LONGEST - 7.0) * RATE), round(LONGEST * RATE)
        window = RATE // 10
        power = np.square(voice.sound[first:last], dtype=np.float64).reshape(-1, window).sum(axis=1)
        cut = first + int(power.argmin()) * window + window // 2
        parts.append(Voice(voice.start, voice.sound[:cut]))
        voice = Voice(voice.start + cut / RATE, voice.sound[cut:])
    return [*parts, voice]


def fits(voices: Sequence[Voice], more: Voice) -> bool:
    """Whether `more` still belongs in the same take."""
    return Take((*voices, more)).length <= LONGEST

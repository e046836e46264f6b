"""A listener with an ear of its own making: what it hears is known, so times, languages and memory can be checked."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from kinoscribe.evidence.chunks import RATE, Sound
from kinoscribe.evidence.speech import Heard, Listener
from kinoscribe.notes import Word


@dataclass
class FakeEar:
    """Hears a voice where the sound is not 0. Its value is the language; each voice is one word of its middle."""

    tongues: dict[int, str] = field(default_factory=lambda: {1: "en", 2: "es", 3: "fr"})
    deaf_to: frozenset[int] = frozenset()
    repeats_in_company: bool = False
    longest: float = 0.0
    asked: list[tuple[str, float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def voices(self, sound: Sound) -> list[tuple[float, float]]:
        self.longest = max(self.longest, sound.size / RATE)
        on = np.concatenate(([0], (sound != 0).astype(int), [0]))
        edges = np.flatnonzero(np.diff(on))
        return [(float(a) / RATE, float(b) / RATE) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def languages(self, sound: Sound) -> list[tuple[str, float]]:
        values, counts = np.unique(sound[sound != 0], return_counts=True)
        best = int(counts.argmax())
        return [(self.tongues[int(values[best])], float(counts[best] / counts.sum()))]

    def hear(
        self, sound: Sound, language: str, *, names: str = "", strict: bool = False, carefully: bool = False
    ) -> Heard:
        self.asked.append((language, sound.size / RATE))
        self.names.append(names)
        words, spans = [], self.voices(sound)
        for start, end in spans:
            value = int(sound[round((start + end) / 2 * RATE)])
            if self.tongues[value] == language and not (value in self.deaf_to and len(spans) > 1):
                words.append(Word(start, end, f" {language}{round(end - start, 1)}."))
        return Heard(tuple(words), language, self.repeats_in_company and len(spans) > 1)


def sound(seconds: float, *voices: tuple[float, float, int]) -> Sound:
    made = np.zeros(round(seconds * RATE), dtype=np.float32)
    for start, end, value in voices:
        made[round(start * RATE) : round(end * RATE)] = value
    return made


def feed(listener: Listener, whole: Sound, start: float = 0.0) -> None:
    for at in range(0, whole.size, RATE):
        listener.feed(start + at / RATE, whole[at : at + RATE])


def test_words_stand_at_their_absolute_times() -> None:
    listener = Listener(FakeEar())
    feed(listener, sound(50, (3, 5, 1), (21.5, 22.5, 1), (45, 46, 1)), start=100.0)
    found, language = listener.finish()
    assert language == "en"
    assert [(s.start, s.end, s.text) for s in found] == [
        (103.0, 105.0, "en2.0."),
        (121.5, 122.5, "en1.0."),
        (145.0, 146.0, "en1.0."),
    ]
    assert all(s.words and s.language == "en" for s in found)


def test_each_language_is_heard_in_its_own() -> None:
    ear = FakeEar()
    listener = Listener(ear)
    feed(listener, sound(20, (1, 4, 1), (6, 9, 2), (11, 14, 3)))
    found, _ = listener.finish()
    assert [(s.language, s.start) for s in found] == [("en", 1.0), ("es", 6.0), ("fr", 11.0)]


def test_a_voice_not_understood_in_company_is_heard_again_alone() -> None:
    listener = Listener(FakeEar(tongues={1: "en", 4: "en"}, deaf_to=frozenset({4})))
    feed(listener, sound(20, (1, 4, 1), (6, 9, 4)))
    assert [s.start for s in listener.finish()[0]] == [1.0, 6.0]


def test_one_who_repeats_himself_is_heard_voice_by_voice() -> None:
    ear = FakeEar(repeats_in_company=True)
    listener = Listener(ear)
    feed(listener, sound(20, (1, 4, 1), (6, 9, 1)))
    assert [s.start for s in listener.finish()[0]] == [1.0, 6.0]
    assert len(ear.asked) == 3


def test_silence_and_no_sound_at_all_bring_nothing() -> None:
    ear = FakeEar()
    listener = Listener(ear)
    feed(listener, sound(40))
    assert listener.finish() == ((), None)
    assert ear.asked == []
    assert Listener(ear).finish() == ((), None)


@pytest.mark.parametrize("speaking", [True, False])
def test_the_buffer_stays_short_however_long_the_video_is(speaking: bool) -> None:
    ear = FakeEar()
    listener = Listener(ear)
    feed(listener, sound(600, *([(0.5, 599, 1)] if speaking else [])))
    listener.finish()
    assert ear.longest <= 62
    assert all(length <= 30 for _, length in ear.asked)
    assert bool(ear.asked) == speaking


def test_a_gap_in_the_sound_moves_what_follows() -> None:
    listener = Listener(FakeEar())
    feed(listener, sound(5, (1, 2, 1)))
    feed(listener, sound(5, (1, 2, 1)), start=60.0)
    assert [s.start for s in listener.finish()[0]] == [1.0, 61.0]


def test_names_on_the_screen_are_told_to_the_recogniser() -> None:
    ear = FakeEar()
    listener = Listener(ear, lambda pictures: f"{pictures} names")
    listener.feed(0.0, sound(3, (1, 2, 1)), pictures=4)
    listener.finish()
    assert ear.names == ["4 names"]

"""Turns the sound of a video into spoken sentences with word times, piece by piece, in bounded memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from kinoscribe.evidence.chunks import LONGEST, RATE, Sound, Take, Voice, fits, merge, split
from kinoscribe.evidence.sentences import sentences
from kinoscribe.notes import Sentence, Word

VERSION = "1"

_LOOK_EVERY = 10.0
_OPEN = 0.7
_LONG_ENOUGH = 0.8
_ONE_LANGUAGE = 0.8
_CERTAIN = 0.75
_PROBABLE = 0.4


@dataclass(frozen=True, slots=True)
class Heard:
    """Words with times in seconds from the start of the sound that was given, and how it went."""

    words: tuple[Word, ...]
    language: str
    repeats: bool


class Ear(Protocol):
    """What `Recogniser` offers."""

    def voices(self, sound: Sound) -> list[tuple[float, float]]: ...

    def languages(self, sound: Sound) -> list[tuple[str, float]]: ...

    def hear(
        self, sound: Sound, language: str, *, names: str = "", strict: bool = False, carefully: bool = False
    ) -> Heard: ...


@dataclass(eq=False, slots=True)
class Heeded:
    """What has been heard so far: sound not yet looked at, voices not yet understood, and sentences."""

    pictures: int = 0
    buffer: Sound = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    start: float = 0.0
    fresh: float = 0.0
    voices: list[Voice] = field(default_factory=list)
    language: str | None = None
    sentences: list[Sentence] = field(default_factory=list)


class Listener:
    """Takes sound in the order of time; keeps at most about a minute of it."""

    def __init__(
        self, ear: Ear, names: Callable[[int], str] = lambda _: "", heeded: Heeded | None = None
    ) -> None:
        """`names` gives the names that the first so many pictures show; `heeded` is what was heard before."""
        self._ear = ear
        self._names = names
        self.heeded = heeded or Heeded()

    def feed(self, time: float, samples: Sound, pictures: int = 0) -> None:
        """`time` is that of the first sample, `pictures` the number of pictures that came before this sound.

        A jump in time closes what came before.
        """
        self.heeded.pictures = pictures
        if self.heeded.buffer.size and abs(time - self._end) > 0.2:
            self._look(final=True)
        if not self.heeded.buffer.size:
            self.heeded.start = time
        self.heeded.buffer = np.concatenate((self.heeded.buffer, samples))
        self.heeded.fresh += samples.size / RATE
        if self.heeded.fresh >= _LOOK_EVERY:
            self._look(final=False)

    def finish(self) -> tuple[tuple[Sentence, ...], str | None]:
        """All sentences, and the language most of the words are in."""
        self._look(final=True)
        self._transcribe()
        counts: Counter[str] = Counter()
        for sentence in self.heeded.sentences:
            counts[sentence.language or ""] += len(sentence.words)
        main = counts.most_common(1)[0][0] if counts else None
        return tuple(sorted(self.heeded.sentences, key=lambda s: s.start)), main

    @property
    def _end(self) -> float:
        return self.heeded.start + self.heeded.buffer.size / RATE

    def _look(self, *, final: bool) -> None:
        """Moves the voices that have ended out of the buffer, and drops the silence."""
        self.heeded.fresh = 0.0
        if not self.heeded.buffer.size:
            return
        length = self.heeded.buffer.size / RATE
        regions = merge(self._ear.voices(self.heeded.buffer))
        still_open = regions[-1] if regions and not final and regions[-1][1] > length - _OPEN else None
        if still_open and still_open[1] - still_open[0] < LONGEST:
            regions.pop()
        for start, end in regions:
            self._collect(Voice(self.heeded.start + start, self._cut(start, end)))
        done = (
            length
            if still_open is None
            else still_open[0]
            if still_open[1] - still_open[0] < LONGEST
            else still_open[1]
        )
        if still_open is None and not final:
            done = max(0.0, length - _OPEN, regions[-1][1] if regions else 0.0)
        kept = min(self.heeded.buffer.size, round(done * RATE))
        self.heeded.buffer = self.heeded.buffer[kept:].copy()
        self.heeded.start += kept / RATE

    def _collect(self, voice: Voice) -> None:
        for part in split(voice):
            if self.heeded.voices and not fits(self.heeded.voices, part):
                self._transcribe()
            self.heeded.voices.append(part)

    def _cut(self, start: float, end: float) -> Sound:
        return self.heeded.buffer[max(0, round(start * RATE)) : round(end * RATE)].copy()

    def _transcribe(self) -> None:
        if self.heeded.voices:
            for take, language, sure in self._by_language(tuple(self.heeded.voices)):
                for heard in self._hear(take, language, strict=not sure):
                    self.heeded.sentences += heard
            self.heeded.voices = []

    def _by_language(self, voices: tuple[Voice, ...]) -> Iterator[tuple[Take, str, bool]]:
        """Takes in one language each, and whether the language is sure."""
        whole = Take(voices)
        best, likely = self._ear.languages(whole.sound())[0]
        if likely >= _ONE_LANGUAGE or len(voices) == 1:
            language = self.heeded.language if self.heeded.language and likely < _CERTAIN else best
            self.heeded.language = language
            yield whole, language, True
            return
        run: list[Voice] = []
        spoken, sure = self.heeded.language or best, True
        for voice in voices:
            guess, p = self._ear.languages(voice.sound)[0] if voice.length > _LONG_ENOUGH else (spoken, 1.0)
            now = (guess, True) if p >= _PROBABLE else (spoken, False)
            if run and now != (spoken, sure):
                yield Take(tuple(run)), spoken, sure
                run = []
            run.append(voice)
            spoken, sure = now
        yield Take(tuple(run)), spoken, sure
        self.heeded.language = best

    def _hear(self, take: Take, language: str, *, strict: bool) -> Iterator[Iterable[Sentence]]:
        """Sentences of a take; what went wrong in company is heard once more alone."""
        alone = len(take.voices) == 1
        heard = self._ear.hear(take.sound(), language, names=self._names(self.heeded.pictures), strict=strict)
        if heard.repeats and not alone:
            for voice in take.voices:
                yield from self._hear(Take((voice,)), language, strict=strict)
            return
        if heard.repeats:
            heard = self._ear.hear(take.sound(), language, strict=True, carefully=True)
        words, told = _placed(take, heard.words)
        yield sentences(words, language)
        if not alone:
            for index, voice in enumerate(take.voices):
                if index not in told and voice.length >= _LONG_ENOUGH:
                    yield from self._hear(Take((voice,)), language, strict=strict)


def _placed(take: Take, words: Sequence[Word]) -> tuple[list[Word], set[int]]:
    """The words at their absolute times, and which voices they came from."""
    placed, told = [], set()
    for word in words:
        index, start, end = take.place(word.start, word.end)
        placed.append(replace(word, start=round(start, 3), end=round(end, 3)))
        told.add(index)
    return placed, told

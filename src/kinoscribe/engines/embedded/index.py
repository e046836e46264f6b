"""Turns notes into units of evidence (a spoken sentence, a line on the screen) that can be searched by words."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from kinoscribe.engines.embedded import lexicon
from kinoscribe.engines.embedded.hearing import names_on_screen, respelled
from kinoscribe.engines.embedded.words import (
    alike,
    fold,
    guess_language,
    is_stop,
    language_code,
    sentences,
    stem,
    tokens,
)
from kinoscribe.notes import Notes, ScreenText, Sentence

_ANSWERS = {-1: 1.0, -2: 0.8}  # how much the sentences after a spoken question take over its words
_BOARD = re.compile(r"\d\s*[-–:]\s*\d")
_BUCKET = 10.0
KIND_OF = 0.7  # how much a bus counts where a vehicle is asked for
_BELIEVED = 0.15
_BULLETS = "●•▪■◦‣►▶○◆* \t"
_NEAR = 25.0  # seconds between sentences that still explain one another
_SYNONYMS: dict[str, frozenset[str]] = {}
for _group in lexicon.SYNONYM_GROUPS:
    _stems = frozenset(stem(word) for word in _group.split())
    for _word in _stems:
        _SYNONYMS[_word] = _SYNONYMS.get(_word, frozenset()) | _stems
_LIGHT = frozenset(stem(word) for word in lexicon.LIGHT_VERBS)
_HYPONYMS = {
    stem(kind): frozenset(stem(word.replace("-", " ").split()[-1]) for word in members.split())
    for kind, members in lexicon.KINDS.items()
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of evidence. `place` is its number among all units; `role` is empty for speech."""

    place: int
    kind: Literal["speech", "text"]
    start: float
    end: float
    text: str
    language: str
    role: str = ""
    top: float = 0.0
    height: float = 0.0
    left: float = 0.0

    @property
    def asks(self) -> bool:
        """Whether it is a question itself; what answers it comes after."""
        return self.kind == "speech" and self.text.rstrip().endswith("?")

    @property
    def begins(self) -> float:
        """A moment just after the start, so that a line that comes with a cut belongs to what follows it."""
        return self.start + min(0.2, (self.end - self.start) / 2)

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class Match:
    """How well a unit answers to words: `own` by itself, `score` with what stands around it (0..1 each)."""

    unit: Unit
    own: float
    score: float


class Index:
    """The searchable evidence of one window. Built once per notes and kept by the worker."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        language = language_code(notes.language)
        names = names_on_screen(notes.screen_text)
        written = frozenset(w.low for text in notes.screen_text for w in tokens(text.text))
        units: list[Unit] = []
        for sentence in heard(notes):
            spelled = replace(sentence, text=respelled(sentence.text, names, written)) if names else sentence
            units += _speech_units(spelled, language, len(units))
        self.speech = tuple(units)
        lines: list[Unit] = []
        for text in notes.screen_text:
            if text.text.strip(_BULLETS):
                lines.append(_text_unit(text, language, len(units) + len(lines)))
        self.texts = tuple(lines)
        self.units = self.speech + self.texts
        self.languages = tuple(sorted({unit.language for unit in self.units} | {"en"}))
        self._stems = [tuple(_stems_of(unit)) for unit in self.units]
        self._starts = [unit.start for unit in self.speech]
        self._found: dict[tuple[str, ...], list[Match]] = {}
        self.memo: dict[str, Any] = {}
        self._sets = [frozenset(stems) for stems in self._stems]

    @cached_property
    def frequency(self) -> dict[str, int]:
        """In how many units a stem occurs; the same line shown again counts once."""
        counts: dict[str, int] = {}
        seen: set[tuple[str, ...]] = set()
        for stems in self._stems:
            if stems in seen:
                continue
            seen.add(stems)
            for word in dict.fromkeys(stems):
                counts[word] = counts.get(word, 0) + 1
        return counts

    def rarity(self, word: str) -> float:
        count = self.frequency.get(word, 0)
        return math.log(1 + (len(self.units) + 1) / (count + 0.5))

    def stems(self, unit: Unit) -> tuple[str, ...]:
        return self._stems[unit.place]

    def forms(self, word: str) -> dict[str, float]:
        """The stems of this index that `word` may stand for, each with a weight up to 1."""
        found: dict[str, float] = {}
        stems = dict.fromkeys(stem(word.lower(), language) for language in self.languages)
        for own in stems:
            if own in self.frequency:
                found[own] = 1.0
        for own in stems:
            for other in _SYNONYMS.get(own, ()):
                if other in self.frequency:
                    found.setdefault(other, 0.6)
            for other in _HYPONYMS.get(own, ()):
                if other in self.frequency:
                    found.setdefault(other, KIND_OF)
        if not any(weight == 1.0 for weight in found.values()) and len(word) >= 5:
            plain = fold(word)
            for other in self.frequency:
                if other[:1] == plain[:1] and other not in found and _close(plain, stems, other):
                    found[other] = 0.75
        return found

    def search(self, words: Iterable[str], among: Iterable[Unit] | None = None) -> list[Match]:
        """Units that hold the words, best first. Each word is looked for around the unit too, for less."""
        wanted = tuple(dict.fromkeys(words))
        if among is not None:
            return self._search(wanted, among)
        found: list[Match] | None = self._found.get(wanted)
        if found is None:
            while len(self._found) > 256:
                self._found.pop(next(iter(self._found)))
            found = self._found[wanted] = self._search(wanted, self.units)
        return list(found)

    def _search(self, words: tuple[str, ...], among: Iterable[Unit]) -> list[Match]:
        terms = [(word, self.forms(word)) for word in words]
        if not terms:
            return []
        weights = [
            self._weight(word, forms) * (0.35 if stem(word) in _LIGHT else 1.0) for word, forms in terms
        ]
        total = sum(weights)
        own = [self._own(unit, terms) for unit in self.units]
        matches = []
        for unit in among:
            mine = own[unit.place]
            around = self._around(unit)
            covered = 0.0
            for i, weight in enumerate(weights):
                best = mine[i]
                if best < 1.0:
                    for other, share in around:
                        best = max(best, share * own[other][i])
                covered += weight * best
            alone = sum(w * m for w, m in zip(weights, mine, strict=True))
            if unit.asks:
                covered, alone = covered * 0.6, alone * 0.6
            if covered > 0:
                matches.append(Match(unit, alone / total, covered / total))
        matches.sort(key=lambda m: (-(m.score + 0.35 * m.own), m.unit.place))
        return matches

    def _weight(self, word: str, forms: dict[str, float]) -> float:
        if not forms:
            return self.rarity("")
        return max(self.rarity(form) for form in forms)

    def _own(self, unit: Unit, terms: list[tuple[str, dict[str, float]]]) -> list[float]:
        have = self._sets[unit.place]
        return [
            max((weight for form, weight in forms.items() if form in have), default=0.0) for _, forms in terms
        ]

    def _around(self, unit: Unit) -> list[tuple[int, float]]:
        return self._neighbours[unit.place]

    @cached_property
    def _neighbours(self) -> list[list[tuple[int, float]]]:
        return [self._find_neighbours(unit) for unit in self.units]

    def _find_neighbours(self, unit: Unit) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        if unit.kind == "speech":
            for step, share in ((-1, 0.7), (-2, 0.45), (1, 0.45), (-3, 0.25), (2, 0.25)):
                place = unit.place + step
                if 0 <= place < len(self.speech) and abs(self.speech[place].start - unit.start) < _NEAR:
                    asks = self.speech[place].asks
                    found.append((place, _ANSWERS[step] if asks and step in _ANSWERS else share))
        for text in self._texts_at(unit.start, unit.end):
            if text is not unit and not _BOARD.search(text.text):
                found.append((text.place, 0.6))
        if unit.kind == "text":
            first = max(0, bisect_left(self._starts, unit.start) - 2)
            for said in self.speech[first : first + 60]:
                if said.start < unit.end and said.end > unit.start:
                    found.append((said.place, 0.5))
        return found[:40]

    @cached_property
    def _buckets(self) -> dict[int, list[Unit]]:
        """Lines by the ten seconds they stand in, so that few are looked at for a time."""
        found: dict[int, list[Unit]] = {}
        for text in self.texts:
            for bucket in range(int(text.start // _BUCKET), int(text.end // _BUCKET) + 1):
                found.setdefault(bucket, []).append(text)
        return found

    def _texts_at(self, start: float, end: float) -> list[Unit]:
        near: dict[int, Unit] = {}
        for bucket in range(int(start // _BUCKET), int(end // _BUCKET) + 1):
            for text in self._buckets.get(bucket, ()):
                near.setdefault(text.place, text)
        found = []
        for _, text in sorted(near.items()):
            shared = min(end, text.end) - max(start, text.start)
            if shared > 0.5 * min(end - start, text.end - text.start):
                found.append(text)
        return found

    def texts_at(self, start: float, end: float) -> list[Unit]:
        """Lines that stand on the screen for at least half of a span (or half of their own time)."""
        return self._texts_at(start, end)

    def shot_at(self, time: float) -> tuple[float, float]:
        """The shot that holds a time, or the window."""
        for shot in self.notes.shots:
            if shot.start <= time < shot.end:
                return shot.start, shot.end
        return self.notes.start, self.notes.end


def heard(notes: Notes) -> list[Sentence]:
    """The spoken sentences without those that the recogniser itself hardly believes."""
    return [sentence for sentence in notes.speech if sentence.confidence >= _BELIEVED]


def _close(plain: str, stems: Iterable[str], other: str) -> bool:
    return alike(plain, other) or any(alike(own, other) for own in stems)


def _speech_units(sentence: Sentence, language: str, place: int) -> list[Unit]:
    parts = sentences(sentence.text)
    spoken = language_code(sentence.language) if sentence.language else language
    if len(parts) < 2:
        text = sentence.text.strip()
        known = guess_language(text) or spoken
        return [Unit(place, "speech", sentence.start, sentence.end, text, known)] if text else []
    units: list[Unit] = []
    first = 0
    total = sum(len(part) for part in parts) or 1
    told = 0
    for part in parts:
        count = len(part.split())
        words = sentence.words[first : first + count]
        first += count
        if words:
            start, end = words[0].start, words[-1].end
        else:
            length = sentence.end - sentence.start
            start = sentence.start + length * told / total
            end = sentence.start + length * (told + len(part)) / total
        told += len(part)
        known = guess_language(part) or spoken
        units.append(Unit(place + len(units), "speech", start, max(start, end), part, known))
    return units


def _text_unit(text: ScreenText, language: str, place: int) -> Unit:
    known = guess_language(text.text) or language
    box, line = text.box, text.text.strip(_BULLETS)
    return Unit(place, "text", text.start, text.end, line, known, text.role, box.top, box.height, box.left)


def _stems_of(unit: Unit) -> list[str]:
    return [
        stem(token.low, unit.language)
        for token in tokens(unit.text)
        if not is_stop(token.low, unit.language) or token.text.isdigit()
    ]

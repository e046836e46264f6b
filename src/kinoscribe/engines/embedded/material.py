"""Everything an answer is made from: the index, the file's facts and, when loaded, the sentence vectors."""

from dataclasses import dataclass

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.embedded.index import Index, Match, Unit
from kinoscribe.engines.embedded.likeness import Likeness
from kinoscribe.engines.embedded.question import Question
from kinoscribe.engines.embedded.words import LANGUAGE_CODES
from kinoscribe.notes import Notes, within

_VECTORS_AT_MOST = 20
_CLEAR = 0.8  # from this share of words on, a match needs no help by meaning


@dataclass(frozen=True, slots=True)
class Material:
    index: Index
    facts: VideoFacts
    meaning: Likeness | None = None

    @property
    def notes(self) -> Notes:
        return self.index.notes

    def inside(self, start: float, end: float) -> "Material":
        """The same of a part of the video: evidence from elsewhere is not in it."""
        return Material(Index(within(self.notes, start, end)), self.facts, self.meaning)

    def units(self, question: Question) -> list[Unit]:
        """The units inside the part of the video that the question names."""
        found = list(self.index.units)
        if question.language:
            from_language = [u for u in found if _spoken_in(u, question.language)]
            found = from_language or found
        if question.scope is not None:
            start, end = self.scope(question)
            found = [u for u in found if u.end > start and u.start < end]
        return found

    def scope(self, question: Question) -> tuple[float, float]:
        """The seconds a question is about. Times before the window's start count from it."""
        notes = self.notes
        if question.scope is None:
            return notes.start, notes.end
        first, last = question.scope
        start = notes.start if first is None else notes.end + first if first < 0 else first
        end = notes.end if last is None else notes.start - last if last < 0 else last
        if question.scope[0] == 0.0:
            start = notes.start
        return max(notes.start, start), min(notes.end, max(end, start))

    def search(self, question: Question) -> list[Match]:
        """The units that fit the question best, by words and, with sentence vectors, by meaning."""
        units = self.units(question)
        whole = len(units) == len(self.index.units)
        found = self.index.search(question.terms, None if whole else units)
        if (
            self.meaning is None
            or not units
            or not question.terms
            or (found and found[0].score > _CLEAR and found[0].own > 0.5)
        ):
            return found
        return self._by_meaning(question, units, found)

    def _by_meaning(self, question: Question, units: list[Unit], found: list[Match]) -> list[Match]:
        assert self.meaning is not None
        known = {m.unit.place: m for m in found}
        chosen = [m.unit for m in found[:_VECTORS_AT_MOST]]
        if len(chosen) < _VECTORS_AT_MOST:
            others = [u for u in units if u.place not in known]
            step = max(1, -(-len(others) // (_VECTORS_AT_MOST - len(chosen))))
            chosen += others[::step]
        likeness = self.meaning.likeness(question.text, [u.text for u in chosen])
        scored = []
        for unit, near in zip(chosen, likeness, strict=True):
            old = known.get(unit.place) or Match(unit, 0.0, 0.0)
            extra = max(0.0, near - 0.25) * (0.4 if unit.asks or unit.kind == "text" else 1.0)
            scored.append(Match(unit, old.own + 0.3 * extra, old.score + 0.6 * extra))
        rest = list(found[_VECTORS_AT_MOST:])
        scored = [m for m in scored + rest if m.score > 0]
        scored.sort(key=lambda m: (-(m.score + 0.35 * m.own), m.unit.place))
        return scored


def _spoken_in(unit: Unit, language: str) -> bool:
    return unit.language == LANGUAGE_CODES.get(language)

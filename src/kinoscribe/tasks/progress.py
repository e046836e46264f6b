"""Turns what each stage says of itself into how far the whole task is."""

from collections.abc import Iterable

from kinoscribe.analysis.expected import Expected
from kinoscribe.contract.events import Progress

# Where in the whole each stage begins and ends.
_FETCH = (0.0, 0.05)
_PROBE = (0.05, 0.1)
# Evidence is what takes the time, where nothing else is expected.
_EVIDENCE_ENDS = 0.8
_LEAST = 0.02
_NEARLY = 0.9999


class Course:
    """How far one attempt is, from 0 to 1. It never goes back.

    `collectors` are the stages of the evidence that are expected; others are taken as they come.
    """

    def __init__(self, collectors: Iterable[str]) -> None:
        self._collectors = dict.fromkeys(collectors, 0.0)
        self._evidence_ends = _EVIDENCE_ENDS
        self._weighed = False
        self.stage = "fetch"
        self.done = 0.0

    def expect(self, expected: Expected | None) -> None:
        """Weighs evidence and answer by the time they will take; to be said before the first of them begins.

        An answer that begins without any evidence being collected has all of the rest to itself.
        """
        if expected is not None:
            self._weighed = True
            share = expected.evidence / (expected.evidence + expected.answer)
            begin = _PROBE[1]
            self._evidence_ends = begin + (1.0 - begin) * min(max(share, _LEAST), 1.0 - _LEAST)

    def see(self, progress: Progress) -> tuple[str, float]:
        """The stage the task is in, and the share of the whole that is done."""
        share = min(max(progress.done or 0.0, 0.0), 1.0)
        match progress.stage:
            case "fetch":
                begin, end = _FETCH
            case "probe":
                begin, end = _PROBE
            case "answer":
                if self._weighed and not any(self._collectors.values()):
                    self._evidence_ends = _PROBE[1]
                begin, end = self._evidence_ends, 1.0
            case collector:
                begin, end = _PROBE[1], self._evidence_ends
                self._collectors[collector] = max(share, self._collectors.get(collector, 0.0))
                share = sum(self._collectors.values()) / len(self._collectors)
        self.stage = progress.stage
        most = 1.0 if share == end == 1.0 else _NEARLY
        self.done = max(self.done, min(begin + share * (end - begin), most))
        return self.stage, self.done

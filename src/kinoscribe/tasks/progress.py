"""Turns what each stage says of itself into how far the whole task is."""

from collections.abc import Iterable

from kinoscribe.contract.events import Progress

# Where in the whole each stage begins and ends. Evidence is what takes the time.
_FETCH = (0.0, 0.05)
_PROBE = (0.05, 0.1)
_EVIDENCE = (0.1, 0.8)
_ANSWER = (0.8, 1.0)


class Course:
    """How far one attempt is, from 0 to 1. It never goes back.

    `collectors` are the stages of the evidence that are expected; others are taken as they come.
    """

    def __init__(self, collectors: Iterable[str]) -> None:
        self._collectors = dict.fromkeys(collectors, 0.0)
        self.stage = "fetch"
        self.done = 0.0

    def see(self, progress: Progress) -> tuple[str, float]:
        """The stage the task is in, and the share of the whole that is done."""
        share = min(max(progress.done or 0.0, 0.0), 1.0)
        match progress.stage:
            case "fetch":
                begin, end = _FETCH
            case "probe":
                begin, end = _PROBE
            case "answer":
                begin, end = _ANSWER
            case collector:
                begin, end = _EVIDENCE
                self._collectors[collector] = max(share, self._collectors.get(collector, 0.0))
                share = sum(self._collectors.values()) / len(self._collectors)
        self.stage = progress.stage
        self.done = max(self.done, begin + share * (end - begin))
        return self.stage, self.done

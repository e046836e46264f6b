"""Turns what is known of an analysis before it begins into about how long its evidence and its answer will take."""

from dataclasses import dataclass
from math import ceil, sqrt

from kinoscribe.analysis.budget import longest_look, share_out
from kinoscribe.analysis.job import Job
from kinoscribe.contract.limits import context_window

# Rough seconds, by which only the bar of a task is drawn: evidence goes so many times as fast as the video plays; an
# ask takes so long, and so much more for a whole window.
_EVIDENCE_BEGINS, _EVIDENCE_PACE = 3.0, 20.0
_ASK, _WINDOW, _LONGEST_WINDOW = 10.0, 15.0, 300.0
# Tokens of evidence for a second of a video that is talked through.
_SPOKEN = 5.0


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds, only to be compared with each other."""

    evidence: float
    answer: float


def expected(job: Job) -> Expected | None:
    """None for an engine that looks at no pictures: for it the evidence is what takes the time."""
    sight = job.engine.sight
    if sight is None:
        return None
    length = job.looked.end - job.looked.start
    context = min(context_window(job.request.rules), job.engine.context_tokens)
    budget = share_out(context, job.words, job.request.max_tokens, length)
    spoken = 0.0 if sight.most > 0 else _SPOKEN
    longest = longest_look(budget, sight, job.looked.facts, spoken)
    answer = _ask(length)
    if length > longest:
        windows = ceil(length / min(longest, _LONGEST_WINDOW))
        answer = _ask(longest) + windows * _ask(length / windows) / sqrt(sight.at_once)
    return Expected(_EVIDENCE_BEGINS + length / _EVIDENCE_PACE, answer)


def _ask(seconds: float) -> float:
    return _ASK + _WINDOW * min(1.0, seconds / _LONGEST_WINDOW)

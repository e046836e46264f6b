"""Shares the context of a model out among pictures, evidence, words and answer, and says how long a look may be."""

from collections.abc import Callable
from dataclasses import dataclass

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Sight

# Models count otherwise than the bundled tokenizer: that much more is set aside for every text.
_MARGIN = 1.25
# What a server puts around the words: its template, the engine's standing text, the clocks of the pictures.
_AROUND = 400
# An answer may claim this share of what is left beside the words.
_ANSWER_SHARE = 4
# Two thousand tokens of evidence for five minutes are what published gains were measured with.
_EVIDENCE, _EVIDENCE_SECONDS = 2_000, 300.0
_EVIDENCE_SHARE = 4
# Beyond this models look less well, and a server waits long for its first token.
_MOST_LOOKING = 65_536
# About a hundred tokens a picture, and more of them, served models better than larger ones at the same cost.
_PICTURE_TOKENS = 128
_SIDES = (1024, 768, 640, 512, 448, 384, 320, 256)
# Of windows that a small context makes short, more and smaller pictures tell more: what is written in them is read from
# the evidence.
_SMALL_CONTEXTS = ((6_144, 256), (12_288, 320))
# A window is looked at in one go as long as it gets a picture in so many seconds.
_SECONDS_A_PICTURE = 2.0
_LEAST_WINDOW = 20.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens of one ask, by the model's count: of its pictures, its evidence and its answer."""

    frames: int
    evidence: int
    answer: int


def room(context: int, words: int) -> int:
    """What is left of a context beside so many tokens of words, by the bundled tokenizer's count."""
    return max(0, context - _AROUND - padded(words))


def padded(tokens: int) -> int:
    """The tokens that a text may have for a model, which counts them in its own way."""
    return int(tokens * _MARGIN)


def fitting(tokens: int) -> int:
    """The tokens by the bundled tokenizer that surely fit so many of a model's own."""
    return int(max(0, tokens) / _MARGIN)


def share_out(context: int, words: int, answer: int, seconds: float) -> Budget:
    """The shares of a look at `seconds` of a video, when the answer may have up to `answer` tokens."""
    free = room(context, words)
    answering = min(answer, free // _ANSWER_SHARE)
    wanted = int(_EVIDENCE * max(1.0, seconds / _EVIDENCE_SECONDS))
    evidence = min(wanted, (free - answering) // _EVIDENCE_SHARE)
    return Budget(min(free - answering - evidence, _MOST_LOOKING), evidence, answering)


def answer_room(context: int, words: int, looked: int, wanted: int) -> int:
    """The tokens an answer may have beside `words` (counted here) and `looked` (counted by the model); 1 at least."""
    return max(1, min(wanted, room(context, words) - looked))


def picture_tokens(sight: Sight, facts: VideoFacts) -> int:
    """What a picture costs at the largest size that is not dear, or at the smallest one."""
    wide, high = facts.width, facts.height
    longest = max(wide, high, 1)
    costs = [
        _cost(sight.tokens, wide * side / longest, high * side / longest)
        for side in _SIDES
        if side <= min(sight.max_side, longest)
    ] or [_cost(sight.tokens, wide, high)]
    return next((cost for cost in costs if cost <= _PICTURE_TOKENS), costs[-1])


def window_side(context: int, sight: Sight) -> int:
    """The longest side in pixels of the pictures of a window, one of many that a context of so many tokens makes."""
    side = next((side for most, side in _SMALL_CONTEXTS if context < most), sight.max_side)
    smaller = min(side, sight.max_side)
    saves = sight.tokens(smaller, smaller) < sight.tokens(sight.max_side, sight.max_side)
    return smaller if saves else sight.max_side


def _cost(tokens: Callable[[int, int], int], width: float, height: float) -> int:
    return max(1, tokens(max(1, round(width)), max(1, round(height))))


def longest_look(budget: Budget, sight: Sight, facts: VideoFacts, evidence_a_second: float) -> float:
    """The seconds that one ask takes in: a picture every two of them, and where there are none, all the evidence."""
    if sight.most <= 0:
        whole = fitting(budget.frames + budget.evidence)
        return max(_LEAST_WINDOW, whole / max(evidence_a_second, 0.1))
    pictures = min(sight.most, budget.frames // picture_tokens(sight, facts))
    return max(_LEAST_WINDOW, pictures * _SECONDS_A_PICTURE)

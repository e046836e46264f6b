"""Finds the stretches of a video that a segment definition describes, from the evidence alone."""

from collections.abc import Callable, Iterable, Sequence

from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.scoreboard import scores
from kinoscribe.engines.embedded.segment_talk import (
    Span,
    closed,
    joined,
    languages,
    questions,
    sentences,
    silence,
    speakers,
    speech,
    whole,
)
from kinoscribe.engines.embedded.segment_things import there
from kinoscribe.engines.embedded.segment_topics import spans_between, topics
from kinoscribe.engines.embedded.segment_wishes import Wanted
from kinoscribe.engines.embedded.slides import NUMBER
from kinoscribe.engines.embedded.words import fold

_TURNS = Rules("turns")
_NEAR = 1.0  # seconds between a change of text and the cut that brought it
_DARK = 0.06
_BY_TOPIC, _OF_TOPICS = ("topics", "scenes", "steps"), ("opening", "closing", "advertisements")
_BEFORE_GOAL, _AFTER_GOAL = 4.0, 4.0
_OPENING = 0.25  # share of a video within which its opening ends


def find_spans(wanted: Wanted, material: Material, shortest: float = 0.0) -> list[Span]:
    """The stretches in order of time; empty where the evidence shows none."""
    if wanted.sort in ("there", "pictured"):
        return there(wanted, material, shortest)
    if wanted.sort in _BY_TOPIC:
        return topics(material, shortest)
    return _FINDERS[wanted.sort](material)


def needs_topics(wanted: Wanted) -> bool:
    """Whether borders between topics have to be known, which takes the meaning of what is said."""
    return wanted.sort in (*_BY_TOPIC, *_OF_TOPICS) or wanted.how == "about"


def _shots(material: Material) -> list[Span]:
    return [(s.start, s.end) for s in material.notes.shots] or [whole(material)]


def _slides(material: Material) -> list[Span]:
    """Stretches of one title each: a slide, a card, a caption that stays. Where no title stands, there is none."""
    notes = material.notes
    heads = [u for u in material.index.texts if u.role == "headline" and not NUMBER.match(u.text)]
    heads = heads or [u for u in material.index.texts if u.role == "caption" and not NUMBER.match(u.text)]
    heads = [u for u in heads if not _is_line_of_other(u, heads)]
    heads.sort(key=lambda u: (u.start, u.end))
    cuts = [s.start for s in notes.shots] + [notes.end]
    found: list[tuple[float, float, str]] = []
    for head in heads:
        start, end = _to_cut(head.start, cuts, before=True), _to_cut(head.end, cuts, before=False)
        key = fold(head.text)
        if found and (found[-1][2] == key and start - found[-1][1] <= 2 * _NEAR):
            found[-1] = (found[-1][0], max(end, found[-1][1]), key)
        elif not found or start >= found[-1][0] + _NEAR:
            if found and found[-1][1] > start:
                found[-1] = (found[-1][0], start, found[-1][2])
            found.append((start, end, key))
    return closed([(a, b) for a, b, _ in found], 2 * _NEAR)


def _is_line_of_other(unit: Unit, heads: Sequence[Unit]) -> bool:
    """Whether it comes in while a headline above it stays: a bullet, or the second line of a title."""
    return any(
        other is not unit
        and other.top < unit.top
        and other.start <= unit.start < other.end - _NEAR
        and other.end >= unit.end - _NEAR
        for other in heads
    )


def _to_cut(time: float, cuts: Sequence[float], *, before: bool) -> float:
    """The cut that brought a line or took it away, where there is one."""
    near = [c for c in cuts if (0 <= time - c <= _NEAR if before else abs(time - c) <= _NEAR)]
    return min(near, key=lambda c: abs(c - time)) if near else time


def _scores(material: Material) -> list[Span]:
    """Stretches in which the score on the board stays the same."""
    board = scores(material.index)
    if not board:
        return []
    changes = [s.start for s in board[1:]]
    end = max(s.end for s in board)
    start = board[0].start
    notes = material.notes
    start = notes.start if start - notes.start <= _NEAR else start
    end = notes.end if notes.end - end <= 2 * _NEAR else end
    return spans_between(changes, start, end)


def _goals(material: Material) -> list[Span]:
    """A few seconds around every change of the score, until the words that go with it end."""
    board, notes = scores(material.index), material.notes
    found: list[Span] = []
    for change in board[1:]:
        words = [u.end for u in material.index.speech if change.start - 1.0 <= u.start <= change.start + 3.0]
        end = max([change.start + _AFTER_GOAL, *words])
        start = max(change.start - _BEFORE_GOAL, found[-1][1] if found else notes.start)
        found.append((start, min(end, notes.end)))
    return found


def _black(material: Material) -> list[Span]:
    return joined(
        (
            (k.start, k.end)
            for k in material.notes.looks
            if k.brightness < _DARK and not _colourful(k.colours)
        ),
        0.1,
    )


def _colourful(colours: Iterable[object]) -> bool:
    return any(getattr(c, "name", "") not in ("black", "grey") for c in colours)


def _opening(material: Material) -> list[Span]:
    """The first part, when it opens: a title or a greeting that comes early and gives way to something else."""
    parts = topics(material, 0.0)
    notes = material.notes
    if len(parts) < 2 or parts[0][1] - notes.start > max(15.0, _OPENING * (notes.end - notes.start)):
        return []
    return parts[:1] if _tells(material, parts[0], "greets") or _titled(material, parts[0]) else []


def _closing(material: Material) -> list[Span]:
    parts = topics(material, 0.0)
    notes = material.notes
    if len(parts) < 2 or notes.end - parts[-1][0] > max(15.0, _OPENING * (notes.end - notes.start)):
        return []
    return parts[-1:] if _tells(material, parts[-1], "closes") else []


def _advertisements(material: Material) -> list[Span]:
    return [part for part in topics(material, 0.0) if _tells(material, part, "advertises")]


def _tells(material: Material, part: Span, rule: str) -> bool:
    inside = [u for u in material.index.units if part[0] <= u.begins < part[1]]
    return any(_TURNS.fits(rule, u.text.lower()) for u in inside)


def _titled(material: Material, part: Span) -> bool:
    return any(u.role == "headline" and u.start < part[0] + 2.0 for u in material.index.texts)


_FINDERS: dict[str, Callable[[Material], list[Span]]] = {
    "shots": _shots,
    "slides": _slides,
    "scores": _scores,
    "goals": _goals,
    "languages": languages,
    "speakers": speakers,
    "sentences": sentences,
    "questions": questions,
    "silence": silence,
    "speech": speech,
    "black": _black,
    "opening": _opening,
    "closing": _closing,
    "advertisements": _advertisements,
    "whole": lambda material: [whole(material)],
    "unheard": lambda _material: [],
}

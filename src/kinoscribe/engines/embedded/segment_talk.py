"""Finds stretches of talk: its languages, turns, questions, sentences and silences."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from kinoscribe.engines.embedded.languages import language_of
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.segment_topics import spans_between

Span = tuple[float, float]

_TURNS = Rules("turns")
_NEAR = 1.0  # seconds between talk that ends or begins and the cut that goes with it
_TALK_GAP = 1.5  # seconds without words that end a stretch of talk
_QUIET = 2.0  # seconds without words that are a silence of their own
_WORDS = 4  # so many words of a sentence are enough for the recogniser's own guess of its language
_ANSWER = 15.0  # seconds after which nobody answers any more


def languages(material: Material) -> list[Span]:
    """Stretches of one language, of the talk and of titles; what is misheard is told by the title over it."""
    runs: list[tuple[float, float, str]] = []
    for start, end, language in _in_languages(material):
        if runs and (runs[-1][2] == language or end <= runs[-1][1]):
            runs[-1] = (runs[-1][0], max(runs[-1][1], end), runs[-1][2])
        else:
            runs.append((start, end, language))
    if not runs:
        return []
    edges = [_change(material, a[1], b[0]) for a, b in pairwise(runs)]
    return spans_between(edges, *whole(material))


def _in_languages(material: Material) -> list[tuple[float, float, str]]:
    """What is said and shown in a language that can be told, in order of time."""
    spoken = {u.language for u in material.index.speech}
    shown = [(u, language_of(u.text, spoken)) for u in material.index.texts]
    titles = [(u.start, u.end, language) for u, language in shown if language is not None]
    found = list(titles)
    for unit in material.index.speech:
        language = language_of(unit.text, spoken) or (
            unit.language if len(unit.text.split()) >= _WORDS else None
        )
        over = {name for start, end, name in titles if start <= unit.middle < end}
        if language is not None and (not over or language in over):
            found.append((unit.start, unit.end, language))
    return sorted(found)


def _change(material: Material, before: float, after: float) -> float:
    """Where one run of talk gives way to the next: at a cut between them, else in the middle."""
    low, high = min(before, after) - _NEAR, max(before, after) + 0.3
    cuts = [s.start for s in material.notes.shots[1:] if low <= s.start <= high]
    return cuts[-1] if cuts else (before + after) / 2


def sentences(material: Material) -> list[Span]:
    return [(u.start, u.end) for u in material.index.speech if u.end > u.start]


def speech(material: Material) -> list[Span]:
    return joined(((u.start, u.end) for u in material.index.speech), _TALK_GAP)


def silence(material: Material) -> list[Span]:
    """Stretches without words, where speech was listened for."""
    notes = material.notes
    if notes.has_sound and not notes.worked("speech"):
        return []
    talk = joined(((u.start, u.end) for u in material.index.speech), _QUIET)
    times = [notes.start, *(t for span in talk for t in span), notes.end]
    return [(a, b) for a, b in zip(times[::2], times[1::2], strict=True) if b - a >= _QUIET]


def speakers(material: Material) -> list[Span]:
    """Turns of a conversation, told by its words: who is greeted, asked or thanked hands over.

    Voices are not told apart, so talk in which nothing hands over is one turn.
    """
    speech = material.index.speech
    found: list[Span] = []
    for place, unit in enumerate(speech):
        before = speech[place - 1] if place else None
        hands_over = before is not None and (
            _TURNS.fits("hands_over", before.text.lower()) or _TURNS.fits("replies", unit.text.lower())
        )
        if found and before is not None and not hands_over and unit.start - before.end < 5.0:
            found[-1] = (found[-1][0], unit.end)
        else:
            found.append((unit.start, unit.end))
    return closed(found, _QUIET)


def questions(material: Material) -> list[Span]:
    """Every question with what answers it: the talk after it, up to the next question or a long silence."""
    speech = material.index.speech
    found: list[Span] = []
    for place, unit in enumerate(speech):
        if not unit.asks:
            continue
        end = unit.end
        for later in speech[place + 1 :]:
            if later.asks or later.start - end > _ANSWER / 3 or later.start - unit.end > 4 * _ANSWER:
                break
            end = later.end
        if found and found[-1][1] >= unit.start:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((unit.start, end))
    return found


def whole(material: Material) -> Span:
    return material.notes.start, material.notes.end


def joined(found: Iterable[Span], gap: float) -> list[Span]:
    """Spans in order, those closer than `gap` made one."""
    kept: list[Span] = []
    for start, end in sorted(found):
        if kept and start - kept[-1][1] <= gap:
            kept[-1] = (kept[-1][0], max(kept[-1][1], end))
        else:
            kept.append((start, end))
    return kept


def closed(found: Sequence[Span], gap: float) -> list[Span]:
    """Spans whose small gaps to the next one are closed."""
    nearer = [(a, c if c - b <= gap else b) for (a, b), (c, _) in pairwise(found)]
    return [*nearer, *found[-1:]]

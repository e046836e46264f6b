"""Finds the stretches of a video that a segment definition describes, from the evidence alone."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from kinoscribe.engines.embedded import objects
from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.languages import language_of
from kinoscribe.engines.embedded.lexicon import COLOURS
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.presence import find_presence
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.scoreboard import scores
from kinoscribe.engines.embedded.segment_topics import borders, spans_between, topic_borders
from kinoscribe.engines.embedded.segment_wishes import Wanted
from kinoscribe.engines.embedded.slides import NUMBER
from kinoscribe.engines.embedded.words import fold

Span = tuple[float, float]

_TURNS = Rules("turns")
_NEAR = 1.0  # seconds between a change of text and the cut that brought it
_SEEN_GAP, _WRITTEN_GAP, _SAID_GAP = 2.5, 1.0, 3.0  # shorter absences are gaps in looking, not absences
_TALK_GAP = 1.5  # seconds without words that end a stretch of talk
_QUIET = 2.0  # seconds without words that are a silence of their own
_WORDS = 4  # so many words of a sentence are enough for the recogniser's own guess of its language
_DARK, _COLOURED = 0.06, 0.3
_BEFORE_GOAL, _AFTER_GOAL = 4.0, 4.0
_ANSWER = 15.0  # seconds after which nobody answers any more
_OPENING = 0.25  # share of a video within which its opening ends


def find_spans(wanted: Wanted, material: Material, shortest: float = 0.0) -> list[Span]:
    """The stretches in order of time; empty where the evidence shows none."""
    if wanted.sort == "there":
        return _there(wanted, material, shortest)
    if wanted.sort in ("topics", "scenes", "steps"):
        return _topics(material, shortest)
    return _FINDERS[wanted.sort](material)


def _whole(material: Material) -> Span:
    return material.notes.start, material.notes.end


def _shots(material: Material) -> list[Span]:
    return [(s.start, s.end) for s in material.notes.shots] or [_whole(material)]


def _topics(material: Material, shortest: float) -> list[Span]:
    """Parts between borders; without words and cuts there is nothing that tells parts from one another."""
    notes = material.notes
    if not material.index.units and len(notes.shots) < 2:
        return []
    return spans_between(topic_borders(material, shortest), *_whole(material))


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
    return _closed([(a, b) for a, b, _ in found], 2 * _NEAR)


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


def _closed(found: Sequence[Span], gap: float) -> list[Span]:
    """Spans whose small gaps to the next one are closed."""
    if not found:
        return []
    closed = [(a, c if c - b <= gap else b) for (a, b), (c, _) in pairwise(found)]
    return [*closed, found[-1]]


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


def _languages(material: Material) -> list[Span]:
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
    return spans_between(edges, *_whole(material))


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


def _sentences(material: Material) -> list[Span]:
    return [(u.start, u.end) for u in material.index.speech if u.end > u.start]


def _speech(material: Material) -> list[Span]:
    return _joined(((u.start, u.end) for u in material.index.speech), _TALK_GAP)


def _silence(material: Material) -> list[Span]:
    """Stretches without words, where speech was listened for."""
    notes = material.notes
    if notes.has_sound and not notes.worked("speech"):
        return []
    talk = _joined(((u.start, u.end) for u in material.index.speech), _QUIET)
    times = [notes.start, *(t for span in talk for t in span), notes.end]
    return [(a, b) for a, b in zip(times[::2], times[1::2], strict=True) if b - a >= _QUIET]


def _speakers(material: Material) -> list[Span]:
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
    return _closed(found, _QUIET)


def _questions(material: Material) -> list[Span]:
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


def _black(material: Material) -> list[Span]:
    return _joined(
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
    parts = _topics(material, 0.0)
    notes = material.notes
    if len(parts) < 2 or parts[0][1] - notes.start > max(15.0, _OPENING * (notes.end - notes.start)):
        return []
    return parts[:1] if _tells(material, parts[0], "greets") or _titled(material, parts[0]) else []


def _closing(material: Material) -> list[Span]:
    parts = _topics(material, 0.0)
    notes = material.notes
    if len(parts) < 2 or notes.end - parts[-1][0] > max(15.0, _OPENING * (notes.end - notes.start)):
        return []
    return parts[-1:] if _tells(material, parts[-1], "closes") else []


def _advertisements(material: Material) -> list[Span]:
    return [part for part in _topics(material, 0.0) if _tells(material, part, "advertises")]


def _tells(material: Material, part: Span, rule: str) -> bool:
    inside = [u for u in material.index.units if part[0] <= u.begins < part[1]]
    return any(_TURNS.fits(rule, u.text.lower()) for u in inside)


def _titled(material: Material, part: Span) -> bool:
    return any(u.role == "headline" and u.start < part[0] + 2.0 for u in material.index.texts)


def _there(wanted: Wanted, material: Material, shortest: float) -> list[Span]:
    each = [_of_thing(thing, wanted, material, shortest) for thing in wanted.things]
    if not each:
        return []
    if wanted.together:
        found = each[0]
        for other in each[1:]:
            found = [(max(a, c), min(b, d)) for a, b in found for c, d in other if min(b, d) > max(a, c)]
    else:
        found = _joined(sorted(span for spans in each for span in spans), 0.0)
    if wanted.whole_shots and wanted.how != "said":
        found = _joined((_shot_around(material, span) for span in found), 0.1)
    return found


def _shot_around(material: Material, span: Span) -> Span:
    inside = [s for s in material.notes.shots if min(s.end, span[1]) - max(s.start, span[0]) > 0.2]
    return (inside[0].start, inside[-1].end) if inside else span


def _of_thing(thing: str, wanted: Wanted, material: Material, shortest: float) -> list[Span]:
    found = find_presence(thing, material)
    if wanted.how in ("said", "about"):
        said = [(u.start, u.end) for u in (*found.said, *(found.near if wanted.how == "about" else ()))]
        if wanted.how == "about":
            return _about(said, [(u.start, u.end) for u in found.written], material, shortest)
        return _joined(said, _SAID_GAP)
    seen = [(t.start, t.end) for t in found.seen if t.count >= wanted.count and _believed(t.label, material)]
    written = _joined(((u.start, u.end) for u in found.written), _WRITTEN_GAP)
    coloured = _coloured(thing, material)
    if wanted.how == "written":
        return written
    if seen or coloured:
        return _joined([*seen, *coloured], _SEEN_GAP)
    if objects.classes_of(thing) and material.notes.worked("visual_tags") and wanted.how == "seen":
        return []
    if wanted.how == "seen":
        return written
    return _joined([*written, *((u.start, u.end) for u in found.said)], _SAID_GAP)


def _believed(label: str, material: Material) -> bool:
    return bool(objects.seen(material.notes, label))


def _coloured(thing: str, material: Material) -> list[Span]:
    """Shots in a colour, where nothing but the colour is named: `red`, `a blue background`, `dark`."""
    words = [
        w
        for w in re.findall(r"[a-z]+", thing)
        if w not in ("background", "picture", "screen", "image", "light")
    ]
    if len(words) != 1:
        return []
    word = words[0].replace("gray", "grey")
    looks = material.notes.looks
    if word in ("dark", "bright"):
        return [
            (k.start, k.end) for k in looks if (k.brightness < 0.2 if word == "dark" else k.brightness > 0.7)
        ]
    if words[0] not in COLOURS:
        return []
    return [
        (k.start, k.end) for k in looks if any(c.name == word and c.share >= _COLOURED for c in k.colours)
    ]


def _about(said: list[Span], written: list[Span], material: Material, shortest: float) -> list[Span]:
    """The parts that speak of something: those in which it is named more than in passing, else its sentences."""
    if not said and not written:
        return []
    parts = []
    for start, end in _topics(material, shortest):
        talk = sum(u.end - u.start for u in material.index.speech if start <= u.middle < end)
        named = sum(b - a for a, b in said if start <= (a + b) / 2 < end)
        shown = any(start - 0.3 <= a < end for a, _ in written)
        if (named and named >= 0.25 * talk) or (shown and not said):
            parts.append((start, end))
    return _joined(parts, 0.1) if parts else _joined(said, _SAID_GAP)


def _joined(found: Iterable[Span], gap: float) -> list[Span]:
    """Spans in order, those closer than `gap` made one."""
    joined: list[Span] = []
    for start, end in sorted(found):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def inner_borders(material: Material) -> list[float]:
    """Moments at which a stretch may be parted further."""
    return [b.time for b in borders(material)]


_FINDERS: dict[str, Callable[[Material], list[Span]]] = {
    "shots": _shots,
    "slides": _slides,
    "scores": _scores,
    "goals": _goals,
    "languages": _languages,
    "speakers": _speakers,
    "sentences": _sentences,
    "questions": _questions,
    "silence": _silence,
    "speech": _speech,
    "black": _black,
    "opening": _opening,
    "closing": _closing,
    "advertisements": _advertisements,
    "whole": lambda material: [_whole(material)],
    "unheard": lambda _material: [],
}

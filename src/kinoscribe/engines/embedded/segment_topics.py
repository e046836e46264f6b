"""Finds where a video turns to something else: by meaning, silences, cuts, titles, returning looks, turns of speech."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from kinoscribe.engines.embedded.index import Unit
from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.people import caption_name
from kinoscribe.engines.embedded.rules import Rules
from kinoscribe.engines.embedded.slides import NUMBER
from kinoscribe.engines.embedded.words import fold, tokens
from kinoscribe.notes import Look

_TURNS = Rules("turns")
_BOARD = re.compile(r"\d\s*[-–:]\s*\d")
# What speaks for a border, and against it. A border must be worth more than _COST: one cue alone is not enough,
# unless the meaning changes wholly or a slide does.
_COST = 0.75
_CUT, _DISSOLVE = 0.2, 0.35
_TITLE, _TWO_LINES = 0.45, 0.1
_RETURN, _STAY = 0.35, 0.2
_OPENS, _GOES_ON = 0.55, -0.35
_SILENCE_A_SECOND, _SILENCE_MOST = 0.08, 0.25
_IN_SENTENCE = -1.0
_MEANING = 0.7
# Sentences of one subject have a cosine above this in the encoder's space, of different subjects one near zero.
_SAME_SUBJECT = 0.22
_SAME_WORDS = 0.2  # the same, as a share of the words of meaning
_LATE_TITLE = 2.0  # seconds after a cut within which its title comes in
_NEAR = 1.0
_SHORT = 5.0  # seconds; what is shorter is seldom a subject of its own
_SHORT_COST = 0.12
_SENTENCES = 3
_VISITS = 3
_SAME_LOOK = 0.84
_MOST = 4_000
_MOST_READ, _AT_ONCE = 400, 16  # borders whose meaning is read, sentences read at a step


@dataclass(frozen=True, slots=True)
class Border:
    """A moment at which a new part may begin, and how much speaks for it."""

    time: float
    weight: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A border before its meaning is known; `telling` says that the meaning may decide."""

    time: float
    weight: float
    left: tuple[Unit, ...]
    right: tuple[Unit, ...]
    telling: bool = False


def topic_borders(material: Material, shortest: float = 0.0) -> list[float]:
    """The moments at which a new part begins, the window's own start not among them."""
    found = [b for b in borders(material) if b.weight > 0.3]
    notes = material.notes
    return _chosen(found, notes.start, notes.end, max(shortest, 2.0))


def topics(material: Material, shortest: float) -> list[tuple[float, float]]:
    """Parts between borders; without words and cuts there is nothing that tells parts from one another."""
    notes = material.notes
    if not material.index.units and len(notes.shots) < 2:
        return []
    return spans_between(topic_borders(material, shortest), notes.start, notes.end)


def borders(material: Material) -> list[Border]:
    """Every moment that may be a border, with its weight."""
    if "borders" not in material.index.memo:
        material.index.memo["borders"] = [
            Border(c.time, round(c.weight + _meaning(material, c), 4)) for c in _candidates(material)
        ]
    found: list[Border] = material.index.memo["borders"]
    return found


def reading(material: Material) -> Iterator[None]:
    """Reads the sentences whose meaning borders depend on, a few at each step: of an hour of talk it takes a while."""
    if material.meaning is None:
        return
    texts = dict.fromkeys(u.text for c in _candidates(material) for u in (*c.left, *c.right) if c.telling)
    for batch in _batches(texts):
        material.meaning.likeness(batch[0], batch)
        yield


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    left = iter(texts)
    while batch := list(islice(left, _AT_ONCE)):
        yield batch


def _candidates(material: Material) -> list[_Candidate]:
    if "candidates" not in material.index.memo:
        material.index.memo["candidates"] = _find_candidates(material)
    found: list[_Candidate] = material.index.memo["candidates"]
    return found


def _find_candidates(material: Material) -> list[_Candidate]:
    notes, index = material.notes, material.index
    cuts = {s.start: s.begins_with for s in notes.shots if s.start > notes.start + 0.1}
    times = sorted(cuts)
    titles = _titles(material)
    for time in sorted({t.start for t in titles} | {u.start for u in index.speech}):
        if time > notes.start + 0.1 and not _has_near(times, time):
            times.insert(bisect_left(times, time), time)
    returns = _returns(material)
    starts = [u.start for u in index.speech]
    title_starts = [u.start for u in titles]
    found = []
    for time in times[:_MOST]:
        weight = _CUT * (cuts.get(time) == "cut") + _DISSOLVE * (cuts.get(time) == "dissolve")
        weight += returns.get(time, 0.0)
        near = titles[bisect_left(title_starts, time - 35.0) : bisect_right(title_starts, time + 15.0)]
        weight += _title_at(near, time)
        weight += _speech_at(index.speech, starts, time)
        left, right = _sides(index.speech, near, starts, time)
        found.append(_Candidate(time, weight, left, right))
    return _with_telling(found)


def _with_telling(found: list[_Candidate]) -> list[_Candidate]:
    """Marks the candidates whose meaning may decide, of very many those that most speaks for."""
    open_ = [c for c in found if c.left and c.right and _COST - _MEANING < c.weight < _COST + _MEANING]
    most = sorted(open_, key=lambda c: (-c.weight, c.time))[:_MOST_READ]
    chosen = {c.time for c in most}
    return [replace(c, telling=c.time in chosen) for c in found]


def _has_near(times: Sequence[float], time: float) -> bool:
    place = bisect_left(times, time)
    before = times[place - 1] if place else -1e9
    after = times[place] if place < len(times) else 1e9
    return time - before <= _LATE_TITLE or after - time <= _NEAR


def _titles(material: Material) -> list[Unit]:
    """Lines that may be titles: headlines and captions with letters that are no name, no number, no clock."""
    found: list[Unit] = []
    seen: set[str] = set()
    for unit in material.index.texts:
        if unit.role not in ("headline", "caption") or NUMBER.match(unit.text) or _BOARD.search(unit.text):
            continue
        key = fold(unit.text)
        if sum(c.isalpha() for c in unit.text) < 3 or caption_name(unit.text, unit.role) or key in seen:
            continue
        seen.add(key)
        found.append(unit)
    return found


def _title_at(titles: Sequence[Unit], time: float) -> float:
    """What new titles speak for a border; a title of one word may only name what is seen."""
    new = [u for u in titles if time - 0.3 <= u.start <= time + _LATE_TITLE]
    if not new:
        return 0.0
    words = max(len(tokens(u.text)) for u in new)
    return (_TITLE if words > 1 else 0.5 * _TITLE) + (_TWO_LINES if len(new) > 1 else 0.0)


def _speech_at(speech: Sequence[Unit], starts: Sequence[float], time: float) -> float:
    place = bisect_right(starts, time + 0.3)
    before = speech[place - 1] if place else None
    if before is not None and before.start + 0.3 < time < before.end - 0.3:
        return _IN_SENTENCE
    first = bisect_left(starts, time - 0.3)
    after = speech[first] if first < len(speech) else None
    if after is None or after.start - time > 10.0:
        return 0.0
    low = after.text.lower().replace("’", "'")
    turns = _TURNS.fits("opens", low) or _TURNS.fits("closes", low)
    weight = _OPENS if turns else _GOES_ON if _TURNS.fits("goes_on", low) else 0.0
    gap = after.start - speech[first - 1].end if first else 0.0
    return weight + min(_SILENCE_MOST, max(0.0, gap) * _SILENCE_A_SECOND)


def _sides(
    speech: Sequence[Unit], titles: Sequence[Unit], starts: Sequence[float], time: float
) -> tuple[tuple[Unit, ...], tuple[Unit, ...]]:
    """What is said and titled shortly before and after a moment."""
    place = bisect_left(starts, time - 0.3)
    left = [u for u in speech[max(0, place - _SENTENCES) : place] if time - u.end < 30.0]
    right = [u for u in speech[place : place + _SENTENCES] if u.start - time < 30.0]
    left += [t for t in titles if t.start < time - 0.3 and time - t.end < 5.0][-2:]
    right += [t for t in titles if time - 0.3 <= t.start < time + 10.0][:2]
    return tuple(left[-4:]), tuple(right)


def _meaning(material: Material, candidate: _Candidate) -> float:
    """From -1 (the same subject on both sides) to 1 (nothing in common), times its weight; 0 without words."""
    left, right = candidate.left, candidate.right
    if not left or not right:
        return 0.0
    cosine = _SAME_SUBJECT * _shared(material, left, right) / _SAME_WORDS
    if material.meaning is not None and candidate.telling:
        texts = [v.text for v in right]
        near = sorted(max(material.meaning.likeness(u.text, texts)) for u in left)
        cosine = max(cosine, sum(near[-2:]) / len(near[-2:]))
    return _MEANING * max(-1.0, min(1.0, (_SAME_SUBJECT - cosine) / _SAME_SUBJECT))


def _shared(material: Material, left: Sequence[Unit], right: Sequence[Unit]) -> float:
    """The share of the words on the poorer side that stand on the other too."""
    index = material.index
    mine = {s for u in left for s in index.stems(u)}
    theirs = {s for u in right for s in index.stems(u)}
    return len(mine & theirs) / (min(len(mine), len(theirs)) or 1)


def _returns(material: Material) -> dict[float, float]:
    """What it is worth that a shot comes back to a look seen at least twice elsewhere, as a studio does.

    A cut from such a shot to another one is worth less. In a dialogue both looks come back, so neither
    says that something new begins.
    """
    looks = material.notes.looks[:_MOST]
    groups: list[int] = []
    latest: list[Look] = []
    for look in looks:
        likest = max(range(len(latest)), key=lambda i: _likeness(look, latest[i]), default=None)
        if likest is None or _likeness(look, latest[likest]) < _SAME_LOOK:
            latest.append(look)
            likest = len(latest) - 1
        latest[likest] = look
        groups.append(likest)
    came = [place == 0 or groups[place - 1] != group for place, group in enumerate(groups)]
    visits = Counter(group for group, new in zip(groups, came, strict=True) if new)
    often = [group for group, count in visits.items() if count >= _VISITS]
    if len(often) != 1:
        return {}
    return {
        look.start: _RETURN if new else _STAY
        for look, group, new in zip(looks, groups, came, strict=True)
        if group == often[0]
    }


def _likeness(one: Look, other: Look) -> float:
    """How much of both looks is the same colour (0..1), less what their brightness differs."""
    mine, theirs = ({c.name: c.share for c in look.colours} for look in (one, other))
    shared = sum(min(share, theirs.get(name, 0.0)) for name, share in mine.items())
    whole = max(sum(mine.values()), sum(theirs.values()))
    return (shared / whole if whole else 1.0) - abs(one.brightness - other.brightness)


def _chosen(found: Sequence[Border], start: float, end: float, shortest: float) -> list[float]:
    """The borders that together are worth most; each costs a little, and short parts cost more."""
    times = [start, *(b.time for b in found if start + 0.1 < b.time < end - 0.1), end]
    worth = [0.0, *(b.weight - _COST for b in found if start + 0.1 < b.time < end - 0.1), 0.0]
    best, back = [0.0] + [-1e9] * (len(times) - 1), [0] * len(times)
    for here in range(1, len(times)):
        for before in range(here - 1, -1, -1):
            length = times[here] - times[before]
            if length < shortest and not (before == 0 and here == len(times) - 1):
                continue
            inner = before > 0 and here < len(times) - 1  # titles and farewells are short
            value = best[before] + worth[here] - inner * _SHORT_COST * max(0.0, _SHORT - length)
            if value > best[here]:
                best[here], back[here] = value, before
            if length > 600.0 and here - before > 200:
                break
    chosen, here = [], len(times) - 1
    while here > 0:
        here = back[here]
        if here:
            chosen.append(times[here])
    return chosen[::-1]


def spans_between(times: Sequence[float], start: float, end: float) -> list[tuple[float, float]]:
    """The parts that borders make of a stretch."""
    return [(a, b) for a, b in pairwise([start, *(t for t in times if start < t < end), end]) if b > a]

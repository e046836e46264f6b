"""Turns looks at single pictures of a video into the stretches in which a reference picture is seen (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kinoscribe.notes import Sighting

if TYPE_CHECKING:
    from kinoscribe.evidence.picture_match import Match


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture that was looked at; `match` is None where nothing was found.

    `changed` is when the place of the match changed last, where that is known to be since the picture before.
    """

    time: float
    match: Match | None
    changed: float | None = None


def sightings(name: str, looks: Sequence[Looked], start: float, end: float) -> tuple[Sighting, ...]:
    """The stretches, in seconds. `looks` are in order of time; `start` and `end` are those of the video.

    Between a picture that shows it and one that does not, what changed at its place tells when; else the middle does.
    """
    found: list[Sighting] = []
    place = 0
    while place < len(looks):
        first = place
        while place < len(looks) and looks[place].match is not None:
            place += 1
        run = looks[first:place]
        if run:
            begin = _change(looks[first - 1], run[0]) if first else start
            until = _change(run[-1], looks[place]) if place < len(looks) else end
            best = max((look.match for look in run if look.match), key=lambda match: match.score)
            found.append(Sighting(round(begin, 3), round(until, 3), name, best.score, best.box))
        place += 1
    return tuple(found)


def _change(before: Looked, after: Looked) -> float:
    if after.changed is not None and before.time <= after.changed <= after.time:
        return after.changed
    return (before.time + after.time) / 2

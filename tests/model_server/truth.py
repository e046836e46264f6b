"""What is known of a clip: which part runs from when to when, what is said and what can be read; from a truth file or from cards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A stretch of the clip in absolute seconds. `title` is a name that no other part's name holds."""

    start: float
    end: float
    title: str


@dataclass(frozen=True)
class Truth:
    """Everything that can be told of a clip; `parts` and `said` in the order of time."""

    duration: float
    parts: tuple[Part, ...]
    said: tuple[Part, ...] = ()
    read: tuple[Part, ...] = ()

    def within(self, start: float, end: float) -> tuple[Part, ...]:
        """The parts that touch the stretch, cut at its ends."""
        return clipped(self.parts, start, end)


def clipped(parts: Sequence[Part], start: float, end: float) -> tuple[Part, ...]:
    found = (Part(max(part.start, start), min(part.end, end), part.title) for part in parts)
    return tuple(part for part in found if part.end - part.start > 1e-6)


def read_truth(path: Path) -> Truth:
    """The truth of a made clip, from its file."""
    body = json.loads(path.read_bytes())
    return Truth(
        body["duration"],
        tuple(Part(one["start"], one["end"], one["title"]) for one in body["segments"]),
        tuple(Part(one["start"], one["end"], one["text"]) for one in body["speech"]),
        tuple(Part(one["start"], one["end"], one["text"]) for one in body["screen_text"]),
    )

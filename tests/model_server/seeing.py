"""A model that truly looks: it checks that each picture shows the second its clock tells, and answers from the clip's truth.

What it was not shown, and was not told in the notes, it does not say. So whatever its answers lack was lost on the way.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from tests.model_server.chat import Chat
from tests.model_server.coded import Coded
from tests.model_server.filling import fill
from tests.model_server.looking import Looked
from tests.model_server.told import joined, told_parts
from tests.model_server.truth import Part, Truth, clipped, read_truth

_STRETCH = re.compile(r"The part of the video from (-?\d+(?:\.\d+)?) s to (-?\d+(?:\.\d+)?) s")
_ONLY = re.compile(r"Only within ([^\n]*)\.")
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?) s to (-?\d+(?:\.\d+)?) s")
_NOTES = re.compile(r"<notes>\n(.*?)\n</notes>", re.DOTALL)
_ROUNDED = 0.051  # clocks and stretches are told to a tenth of a second

Kind = Literal["map", "join", "segments", "answer"]
Shows = Callable[[bytes, float], bool]
"""Whether a picture is what the video shows at a time."""


@dataclass(frozen=True)
class View:
    """What one request showed: the stretch it speaks of, the clocks of its pictures, and what kind of request it was."""

    kind: Kind
    start: float
    end: float
    times: tuple[float, ...]
    size: tuple[int, int] | None = None


@dataclass
class Seer:
    """Plays as the `text` of a script. `mistakes` are what no request should have: wrong pictures, clocks, stretches."""

    truth: Truth
    shows: Shows
    views: list[View] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    @classmethod
    def of_coded(cls, clip: Coded) -> Self:
        def shows(picture: bytes, time: float) -> bool:
            told = clip.told(picture)
            return told is not None and told[0] - _ROUNDED <= time < told[1] + _ROUNDED

        return cls(clip.truth, shows)

    @classmethod
    def of_clip(cls, clip: Path, truth: Path) -> Self:
        return cls(read_truth(truth), Looked(clip).fits)

    def __call__(self, chat: Chat) -> str:
        view = self._look(chat)
        self.views.append(view)
        seen = self._seen(view)
        notes = "\n".join(_NOTES.findall(chat.text))
        if view.kind == "segments":
            return json.dumps(self._segments(chat, seen))
        if view.kind == "map":
            return json.dumps(fill(chat.schema or {}, seen, self._said(view)), ensure_ascii=False)
        told = told_parts(notes, self.truth.parts)
        if view.kind == "join":
            return json.dumps(fill(chat.schema or {}, told, ()), ensure_ascii=False)
        known = told + [part for part in seen if part.title not in {one.title for one in told}]
        known.sort(key=lambda part: part.start)
        if chat.schema is not None:
            return json.dumps(fill(chat.schema, known, self._said(view)), ensure_ascii=False)
        return "\n".join(f"From {part.start:.3f} s to {part.end:.3f} s: {part.title}." for part in known)

    def stretches(self, kind: Kind) -> list[tuple[float, float]]:
        return sorted({(view.start, view.end) for view in self.views if view.kind == kind})

    def _look(self, chat: Chat) -> View:
        times = [time for time, _ in chat.shown]
        told = _STRETCH.search(chat.text)
        start, end = (
            (float(told[1]), float(told[2])) if told else (min(times, default=0), max(times, default=0))
        )
        for time, picture in chat.shown:
            if not self.shows(picture, time):
                self._wrong(f"the picture at [{time} s] shows another moment")
            if not start - _ROUNDED <= time <= end + _ROUNDED:
                self._wrong(f"[{time} s] lies outside of {start} to {end}")
        if times != sorted(set(times)):
            self._wrong(f"the clocks do not run forward: {times}")
        return View(_kind(chat), start, end, tuple(times))

    def _seen(self, view: View) -> list[Part]:
        """The parts of which a picture was shown, as far as the stretch goes."""
        return [
            part
            for part in self.truth.within(view.start, view.end)
            if any(part.start - _ROUNDED <= time < part.end + _ROUNDED for time in view.times)
        ]

    def _said(self, view: View) -> tuple[Part, ...]:
        return clipped(self.truth.said, view.start, view.end)

    def _segments(self, chat: Chat, seen: Sequence[Part]) -> dict[str, Any]:
        wanted = (chat.schema or {}).get("properties", {})
        only = _ONLY.findall(chat.question)
        found = {}
        for place, (name, schema) in enumerate(wanted.items()):
            ranges = (
                [(float(a), float(b)) for a, b in _RANGE.findall(only[place])] if place < len(only) else []
            )
            inside = seen if not ranges else [p for a, b in ranges for p in clipped(seen, a, b)]
            found[name] = fill(schema, inside, ())
        return found

    def _wrong(self, words: str) -> None:
        self.mistakes.append(words)


def _kind(chat: Chat) -> Kind:
    if chat.question.startswith("Find all segments"):
        return "segments"
    if chat.question.startswith("Describe this part of a longer video"):
        return "map"
    if chat.question.startswith("Join these accounts"):
        return "join"
    return "answer"


def uncovered(stretches: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """The seconds from `start` to `end` that lie in none of the stretches."""
    missing, reached = 0.0, start
    for first, last in sorted(stretches):
        missing += max(0.0, min(first, end) - reached)
        reached = max(reached, last)
    return missing + max(0.0, end - reached)


def right(parts: Sequence[Part], truth: Sequence[Part], slack: float) -> float:
    """The share of the true parts that stand in the answer with their title and both times within `slack` seconds."""
    whole = joined(parts)
    found = sum(
        any(
            one.title == part.title
            and abs(one.start - part.start) <= slack
            and abs(one.end - part.end) <= slack
            for one in whole
        )
        for part in truth
    )
    return found / len(truth)

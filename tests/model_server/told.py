"""Reads back from notes in words what they tell about the parts of a clip, with the times they tell."""

import re
from collections.abc import Sequence

from tests.model_server.truth import Part

_TIME = r"(\d+:\d\d:\d\d(?:\.\d+)?|\d+(?:\.\d+)?)"
_SPAN = re.compile(rf"{_TIME}(?: ?s)? ?(?:-|–|to|,) ?{_TIME}")


def told_parts(notes: str, parts: Sequence[Part]) -> list[Part]:
    """A part for each line that names one, with the first two times of the line; neighbours of one name are joined."""
    found = []
    for line in notes.splitlines():
        span = _SPAN.search(line)
        if span is not None:
            start, end = _seconds(span[1]), _seconds(span[2])
            found += [Part(start, end, part.title) for part in parts if part.title in line]
    return joined(found)


def joined(parts: Sequence[Part], gap: float = 0.101) -> list[Part]:
    """The same with parts of one title that touch made into one."""
    whole: list[Part] = []
    for part in sorted(parts, key=lambda one: (one.title, one.start)):
        last = whole[-1] if whole else None
        if last is not None and last.title == part.title and part.start <= last.end + gap:
            whole[-1] = Part(last.start, max(last.end, part.end), part.title)
        else:
            whole.append(part)
    return sorted(whole, key=lambda one: one.start)


def _seconds(text: str) -> float:
    total = 0.0
    for number in text.split(":"):
        total = total * 60 + float(number)
    return total

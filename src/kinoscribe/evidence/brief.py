"""Turns notes into lines of text with times, no longer than a number of tokens, for whoever reads text."""

from collections.abc import Iterator

from kinoscribe.contract.times import hh_mm_ss
from kinoscribe.notes import Notes
from kinoscribe.tokens import count_tokens, cut_to_tokens

DEFAULT_TOKENS = 2_000


def brief(notes: Notes, most_tokens: int = DEFAULT_TOKENS) -> str:
    """The notes as text: shots, speech, screen text, things, in the order of time under each heading.

    When all of it is too long, the room is shared out among the headings by what each has.
    """
    parts = [
        list(part) for part in (_shots(notes), _speech(notes), _screen_text(notes), _things(notes)) if part
    ]
    sizes = [count_tokens("\n".join(part)) for part in parts]
    whole = sum(sizes)
    if whole <= most_tokens:
        return "\n".join(line for part in parts for line in part)
    kept = []
    for part, size in zip(parts, sizes, strict=True):
        share = max(1, most_tokens * size // whole)
        text, _ = cut_to_tokens("\n".join(_thinned(part, share, size)), share)
        kept.append(text)
    return "\n".join(kept)


def _thinned(lines: list[str], room: int, size: int) -> Iterator[str]:
    """Evenly chosen lines, so that the end of a long video is heard of too. The heading always stays."""
    step = max(1.0, size / room)
    wanted = 0.0
    for number, line in enumerate(lines):
        if number == 0 or number - 1 >= wanted:
            yield line
            wanted += step if number else 0.0


def _shots(notes: Notes) -> list[str]:
    return ["Shots:"] + [f"[{_span(s.start, s.end)}]" for s in notes.shots] if notes.shots else []


def _speech(notes: Notes) -> list[str]:
    return ["Speech:"] + [f"[{hh_mm_ss(s.start)}] {s.text}" for s in notes.speech] if notes.speech else []


def _screen_text(notes: Notes) -> list[str]:
    lines = [f"[{_span(t.start, t.end)}] {t.text}" for t in notes.screen_text]
    return ["Text on the screen:", *lines] if lines else []


def _things(notes: Notes) -> list[str]:
    lines = []
    for tag in notes.tags:
        colour = f"{tag.colour} " if tag.colour else ""
        lines.append(f"[{_span(tag.start, tag.end)}] {colour}{tag.label}, at most {tag.count} at once")
    return ["Things seen (guesses):", *lines] if lines else []


def _span(start: float, end: float) -> str:
    return f"{hh_mm_ss(start)}-{hh_mm_ss(end)}"

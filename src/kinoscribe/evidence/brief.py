"""Turns notes into lines of text with times, no longer than a number of tokens, for whoever reads text."""

from collections.abc import Callable, Iterator

from kinoscribe.contract.times import hh_mm_ss
from kinoscribe.notes import Notes
from kinoscribe.tokens import count_tokens, cut_to_tokens

DEFAULT_TOKENS = 2_000


Clock = Callable[[float], str]


def seconds_clock(seconds: float) -> str:
    """A time as it stands before the pictures that an engine is shown: seconds with one decimal."""
    return f"{seconds:.1f} s"


def brief(
    notes: Notes,
    most_tokens: int = DEFAULT_TOKENS,
    *,
    clock: Clock = hh_mm_ss,
    count: Callable[[str], int] = count_tokens,
) -> str:
    """The notes as text: shots, speech, screen text, things, in the order of time under each heading.

    When all of it is too long, the room is shared out among the headings by what each has. `count` may know some
    counts already.
    """
    told = (
        _shots(notes, clock),
        _speech(notes, clock),
        _screen_text(notes, clock),
        _things(notes, clock),
    )
    parts = [list(part) for part in told if part]
    sizes = [count("\n".join(part)) for part in parts]
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


def _shots(notes: Notes, clock: Clock) -> list[str]:
    return ["Shots:"] + [f"[{_span(s.start, s.end, clock)}]" for s in notes.shots] if notes.shots else []


def _speech(notes: Notes, clock: Clock) -> list[str]:
    return ["Speech:"] + [f"[{clock(s.start)}] {s.text}" for s in notes.speech] if notes.speech else []


def _screen_text(notes: Notes, clock: Clock) -> list[str]:
    lines = [f"[{_span(t.start, t.end, clock)}] {t.text}" for t in notes.screen_text]
    return ["Text on the screen:", *lines] if lines else []


def _things(notes: Notes, clock: Clock) -> list[str]:
    lines = []
    for tag in notes.tags:
        colour = f"{tag.colour} " if tag.colour else ""
        lines.append(f"[{_span(tag.start, tag.end, clock)}] {colour}{tag.label}, at most {tag.count} at once")
    return ["Things seen (guesses):", *lines] if lines else []


def _span(start: float, end: float, clock: Clock) -> str:
    return f"{clock(start)}-{clock(end)}"

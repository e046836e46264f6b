"""Writes seconds as people write them in an answer, and reads times back from a prompt."""

import re

_CLOCK = re.compile(r"\b(?:(\d{1,2}):)?(\d{1,2}):(\d{2})(?:\.(\d{1,3}))?\b")


def clock(seconds: float) -> str:
    """`m:ss`, or `h:mm:ss` from an hour on; the second that has begun."""
    whole = max(0, int(seconds + 1e-6))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def span(start: float, end: float) -> str:
    """A time, or two with a dash when they differ by a second or more."""
    first, last = clock(start), clock(end)
    return first if first == last else f"{first}–{last}"


def hms(seconds: float, thousandths: bool = False) -> str:
    """`hh:mm:ss` or `hh:mm:ss.fff`."""
    milliseconds = max(0, round(seconds * 1000)) if thousandths else max(0, int(seconds + 1e-6)) * 1000
    whole, rest = divmod(milliseconds, 1000)
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{rest:03d}" if thousandths else text


def say_length(seconds: float) -> str:
    """A length in words: `1 minute 25 seconds`."""
    if seconds < 10 and abs(seconds - round(seconds)) > 0.05:
        return f"{seconds:.1f} seconds"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (second, "second")]
    said = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n]
    return " ".join(said) or "0 seconds"


def read_clocks(text: str) -> list[float]:
    """Every `1:05` or `0:01:05` in a text, in seconds."""
    found = []
    for hours, minutes, seconds, fraction in _CLOCK.findall(text):
        value = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
        found.append(value + (int(fraction) / 10 ** len(fraction) if fraction else 0.0))
    return found

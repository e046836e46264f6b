"""Turns what a model was shown, as a receipt has it, into lines that people read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

# So many windows are told one by one; of more only those that nobody could look at.
_MOST_WINDOWS = 24
_HOW = {
    "asked": "asked for this answer",
    "resumed": "kept by an earlier attempt",
    "cached": "kept from an earlier question",
    "missing": "nobody could look at it",
}


def looked_at_lines(looked_at: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of a name and what is said of it. A receipt of an older version may lack some of them."""
    cache = looked_at.get("cache", {})
    if cache.get("answer"):
        yield "looked at", "nothing: the answer was kept from an earlier question"
    yield from _frames(looked_at.get("frames", {}))
    yield from _windows(looked_at.get("windows", ()))
    close = looked_at.get("looked_at_closely", ())
    if close:
        yield "  closely", ", ".join(_stretch(start, end) for start, end in close)
    for stage, asked in looked_at.get("asks", {}).items():
        tokens = f"{asked['input_tokens']} tokens in, {asked['output_tokens']} out"
        yield f"  for {stage}", f"{_number(asked['count'], 'question')} to the model, {tokens}"
    if looked_at.get("contexts_too_long"):
        lengths = ", ".join(map(str, looked_at["contexts_too_long"]))
        yield "  too long", f"the server could not read {lengths} tokens at once; fewer were tried"
    for name, said in looked_at.get("notes", {}).items():
        yield f"  {name}", str(said)
    yield from _servers(looked_at.get("servers", ()), looked_at.get("tried_again", 0))
    for missed in looked_at.get("asked_in_vain", ()):
        yield f"  server {missed['server'] or ''}".rstrip(), _missed(missed)


def _frames(frames: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    used = frames.get("used", 0)
    if not used:
        return
    said = [_number(used, "picture"), f"of {' and '.join(frames['sizes'])}"]
    times = frames.get("times", ())
    if times:
        said.append(f"from {_stretch(min(times), max(times))}")
    more = [f"{frames['tokens']} tokens"] if frames.get("tokens") else []
    if frames.get("dropped"):
        more.append(f"{frames['dropped']} like the one before left out")
    if frames.get("from_cache"):
        more.append(f"{_number(frames['from_cache'], 'stretch', 'stretches')} kept from before")
    yield "looked at", "; ".join([" ".join(said), *more])


def _windows(windows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if not windows:
        return
    counts = {how: sum(one["how"] == how for one in windows) for how in _HOW}
    told = ", ".join(f"{count} {_HOW[how]}" for how, count in counts.items() if count)
    yield "  windows", f"{len(windows)}: {told}"
    for one in _worth_telling(windows):
        reason = f": {one['reason']}" if one.get("reason") else ""
        pictures = f", {_number(one['frames'], 'picture')}" if one.get("frames") else ""
        how = _HOW.get(one["how"], one["how"])
        yield f"    {_clock(one['start'])}", f"to {_clock(one['end'])}{pictures}, {how}{reason}"


def _worth_telling(windows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    if len(windows) <= _MOST_WINDOWS:
        return windows
    return [one for one in windows if one["how"] == "missing"][:_MOST_WINDOWS]


def _servers(servers: Sequence[str], again: int) -> Iterator[tuple[str, str]]:
    if servers:
        tried = f"; {_number(again, 'question')} asked again" if again else ""
        yield "  answered", f"by server {' and '.join(servers)} of the list{tried}"


def _missed(missed: Mapping[str, Any]) -> str:
    times = "" if missed["count"] == 1 else f", {missed['count']} times"
    waited = missed["waited_seconds"]
    if not missed["asked_again"]:
        return f"{missed['reason']}{times}"
    after = f" after {waited:.1f} s" if waited else ""
    return f"{missed['reason']}{times}; asked again{after}"


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _stretch(start: float, end: float) -> str:
    return f"{_clock(start)} to {_clock(end)}"


def _clock(seconds: float) -> str:
    """A time of the video as `1:02:03.5`; the tenth only where there is one."""
    tenths = round(abs(seconds) * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and tenths else ""
    told = f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
    return f"{sign}{told}.{tenth}" if tenth else f"{sign}{told}"

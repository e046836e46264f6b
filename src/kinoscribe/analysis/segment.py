"""Turns evidence and segment definitions into the segments of every definition, window by window (contract 9)."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.merge import Limits, Part, Piece, merged
from kinoscribe.analysis.pictures import images_for, name_in, words_of
from kinoscribe.analysis.said import in_full, parts
from kinoscribe.analysis.segment_text import Nonsense, Raw, read_cut, read_raw, read_segments
from kinoscribe.analysis.segment_values import write_time, write_values
from kinoscribe.analysis.tools import Tools
from kinoscribe.analysis.windows import Edges, Window, edges, longest_window, windows
from kinoscribe.contract.errors import AnalysisFailed, EngineFailed
from kinoscribe.contract.events import Ended, Event, Progress
from kinoscribe.contract.limits import RULES, context_window
from kinoscribe.contract.segments import Definition, DefinitionField, Segmentation
from kinoscribe.contract.times import TimeStyle
from kinoscribe.contract.warnings import partial
from kinoscribe.engines.engine import Ask, SegmentField, SegmentWish
from kinoscribe.evidence.brief import DEFAULT_TOKENS
from kinoscribe.notes import Notes, within
from kinoscribe.tokens import count_tokens

_STEPS: dict[TimeStyle, float] = {"seconds": 0.001, "hh:mm:ss.fff": 0.001, "hh:mm:ss": 1.0}
# An engine that sees a picture a second is off by half of that, and a little for what it takes to notice.
_REACH = 0.75
# No token of the bundled tokenizer is longer on average; what runs on is not read to its end.
_CHARACTERS_A_TOKEN = 8
_TOO_LONG = "the answer is longer than max_tokens allows"


@dataclass(slots=True)
class _Found:
    """What the windows brought: parts by definition, and the windows that brought nothing, with the reason."""

    parts: dict[str, list[Part]]
    missing: dict[str, str] = field(default_factory=dict)
    reach: float = 0.0


def segment(job: Job, notes: Notes, tools: Tools) -> Generator[Event, None, Ended]:
    """Yields Progress and TextPart events and returns the end.

    Raises `AnalysisFailed` when a limit is reached and nothing partial is wanted, and what the engine raises.
    """
    asked = job.request.segmentation
    assert asked is not None
    whole = (job.looked.start, job.looked.end)
    wishes = tuple(_wish(place, one, asked, whole) for place, one in enumerate(asked.definitions))
    moments = edges(notes)
    lenient = tools.settings.partial_segments or asked.max_tokens is None
    found = yield from _look(job, notes, wishes, moments, lenient=lenient)
    pieces = {wish.id: _settled(wish, found, moments, asked.time_style) for wish in wishes}
    job.spent.output_tokens = 0
    text, cut = _fitting(job, asked, wishes, pieces, whole, lenient=lenient)
    job.spent.output_tokens = count_tokens(text)
    yield from parts(text)
    incomplete = {**found.missing, **cut}
    ids = [wish.id for wish in wishes if wish.id in incomplete]
    warning = partial(ids, next(iter(incomplete.values()))) if ids else None
    return Ended(job.generation_id, "stop", job.spent.usage(), warning=warning)


def _wish(place: int, definition: Definition, asked: Segmentation, whole: tuple[float, float]) -> SegmentWish:
    return SegmentWish(
        id=definition.id,
        description=words_of(place, definition),
        fields=tuple(_field(one) for one in definition.fields),
        ranges=definition.ranges or (whole,),
        shortest=asked.shortest,
        longest=asked.longest,
        images=tuple(name_in(place, source.name) for source in definition.media_sources),
    )


def _field(one: DefinitionField) -> SegmentField:
    return SegmentField(
        name=one.name,
        type=one.type,
        description=one.description,
        enum=one.enum,
        items=one.items,
        format=one.format,
        fields=tuple(_field(inner) for inner in one.fields),
    )


def _look(
    job: Job, notes: Notes, wishes: tuple[SegmentWish, ...], moments: Edges, *, lenient: bool
) -> Generator[Event, None, _Found]:
    """Asks about every window, all definitions at once; those that an earlier attempt finished are not asked again."""
    context = min(context_window(job.request.rules), job.engine.context_tokens)
    cuts = windows(
        (r for wish in wishes for r in wish.ranges), moments, longest_window(context, DEFAULT_TOKENS)
    )
    found = _Found({wish.id: [] for wish in wishes})
    for number, window in enumerate(cuts):
        yield Progress("answer", number / len(cuts))
        job.cancel.check()
        mine = tuple(w for w in (_inside(wish, window) for wish in wishes) if w.ranges)
        try:
            raw, exact = _window(job, notes, window, mine)
        except Nonsense as error:
            nothing_yet = not any(found.parts.values())
            if not lenient or (nothing_yet and not error.rest and window == cuts[-1]):
                raise _failure(str(error), window) from error
            raw, exact = error.rest, False
            found.missing |= {
                w.id: f"from {window.start:.1f} to {window.end:.1f} seconds {error}" for w in mine
            }
        found.reach = found.reach if exact else _REACH
        for wish in mine:
            segments = read_segments(raw.get(wish.id, []), wish, window.start, window.end)
            found.parts[wish.id].append(Part(window.start, window.end, segments))
    return found


def _inside(wish: SegmentWish, window: Window) -> SegmentWish:
    clipped = ((max(a, window.start), min(b, window.end)) for a, b in wish.ranges)
    return replace(wish, ranges=tuple((a, b) for a, b in clipped if a < b))


def _failure(reason: str, window: Window) -> AnalysisFailed | EngineFailed:
    if reason == _TOO_LONG:
        return AnalysisFailed(
            reason=f"{reason}. Raise max_tokens, or ask for fewer definitions or fields, or about a shorter window."
        )
    return EngineFailed(reason=f"from {window.start:.1f} to {window.end:.1f} seconds, asked twice, {reason}.")


def _window(job: Job, notes: Notes, window: Window, wishes: tuple[SegmentWish, ...]) -> tuple[Raw, bool]:
    """The raw segments of a window, and whether their times are exact. Raises `Nonsense` after one repair round."""
    engine = job.engine
    key = f"{engine.name} {engine.version} {window.start:.3f} {window.end:.3f}"
    kept = job.kept.get(key)
    if kept is not None:
        body = json.loads(kept)
        return body["segments"], body["exact"]
    ask = Ask(
        prompt="",
        facts=job.looked.facts,
        notes=within(notes, window.start, window.end),
        start=window.start,
        end=window.end,
        model_name=job.request.model_name,
        temperature=job.request.temperature,
        max_tokens=job.request.max_tokens,
        segments=wishes,
        images=images_for(job.engine, job.pictures),
    )
    try:
        raw, exact = _asked(job, ask)
    except Nonsense as error:
        raw, exact = _asked(job, replace(ask, prompt=f"Your last answer cannot be used: {error}."))
    job.kept.put(key, json.dumps({"exact": exact, "segments": raw}))
    return raw, exact


def _asked(job: Job, ask: Ask) -> tuple[Raw, bool]:
    text, finished = in_full(job, ask, _CHARACTERS_A_TOKEN * context_window(job.request.rules))
    job.spent.input_tokens += finished.input_tokens or 0
    if finished.reason == "length":
        raise Nonsense(_TOO_LONG, read_cut(text, ask.segments))
    return read_raw(text, ask.segments), finished.notes.get("times") == "exact"


def _settled(wish: SegmentWish, found: _Found, moments: Edges, style: TimeStyle) -> tuple[Piece, ...]:
    limits = Limits(wish.shortest, wish.longest, _STEPS[style], found.reach)
    return merged(found.parts[wish.id], wish.ranges, moments, limits)


def _fitting(
    job: Job,
    asked: Segmentation,
    wishes: tuple[SegmentWish, ...],
    pieces: Mapping[str, tuple[Piece, ...]],
    whole: tuple[float, float],
    *,
    lenient: bool,
) -> tuple[str, dict[str, str]]:
    """The JSON text within the tokens allowed, and the definitions that lost segments, with the reason.

    What does not fit is left out from the end of the video on, of all definitions alike.
    """
    most = _most_tokens(job)
    text = _written(asked, wishes, pieces, whole)
    tokens = count_tokens(text)
    if tokens <= most:
        return text, {}
    if not lenient:
        raise AnalysisFailed(
            reason=f"the segments take {tokens} tokens and max_tokens is {most}. Raise max_tokens, or ask for fewer "
            "definitions or fields, or about a shorter window."
        )
    ends = sorted(piece.end for list_ in pieces.values() for piece in list_)
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        tried = _until(pieces, ends[middle - 1])
        low, high = (
            (middle, high)
            if count_tokens(_written(asked, wishes, tried, whole)) <= most
            else (low, middle - 1)
        )
    kept = _until(pieces, ends[low - 1]) if low else {wish.id: () for wish in wishes}
    limit = "max_tokens" if asked.max_tokens is not None else "the context limit"
    lost = {wish.id: f"{limit} was reached" for wish in wishes if len(kept[wish.id]) < len(pieces[wish.id])}
    return _written(asked, wishes, kept, whole), lost


def _until(pieces: Mapping[str, tuple[Piece, ...]], end: int) -> dict[str, tuple[Piece, ...]]:
    return {name: tuple(p for p in found if p.end <= end) for name, found in pieces.items()}


def _most_tokens(job: Job) -> int:
    """The tokens that the segments may take: `max_tokens`, and without a limit what the model's window leaves."""
    asked, rules = job.request.segmentation, RULES[job.request.rules]
    if asked is not None and asked.max_tokens is not None:
        return asked.max_tokens
    return max(0, rules.window_tokens - job.spent.input_tokens)


def _written(
    asked: Segmentation,
    wishes: tuple[SegmentWish, ...],
    pieces: Mapping[str, tuple[Piece, ...]],
    whole: tuple[float, float],
) -> str:
    style = asked.time_style
    step = _STEPS[style]
    body = {
        wish.id: [
            {
                "start_time": write_time(piece.start * step, style),
                "end_time": write_time(piece.end * step, style),
                "metadata": write_values(
                    piece.values, wish.fields, style, (piece.start, piece.end), step, whole
                ),
            }
            for piece in pieces[wish.id]
        ]
        for wish in wishes
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

"""Turns evidence and segment definitions into the segments of every definition, window by window (contract 9)."""

import json
from collections.abc import Generator, Mapping
from dataclasses import replace

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.merge import Limits, Piece, merged
from kinoscribe.analysis.pictures import name_in, words_of
from kinoscribe.analysis.said import parts
from kinoscribe.analysis.scene import scene_of, shrinking
from kinoscribe.analysis.segment_look import Found, Looker
from kinoscribe.analysis.segment_values import write_time, write_values
from kinoscribe.analysis.tools import Tools
from kinoscribe.analysis.windows import Edges, edges
from kinoscribe.contract.errors import AnalysisFailed
from kinoscribe.contract.events import Ended, Event
from kinoscribe.contract.limits import RULES
from kinoscribe.contract.segments import Definition, DefinitionField, Segmentation
from kinoscribe.contract.times import TimeStyle
from kinoscribe.contract.warnings import partial
from kinoscribe.engines.engine import SegmentField, SegmentWish
from kinoscribe.notes import Notes
from kinoscribe.tokens import count_tokens

_STEPS: dict[TimeStyle, float] = {"seconds": 0.001, "hh:mm:ss.fff": 0.001, "hh:mm:ss": 1.0}


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
    plain = Looker(job, notes, wishes, moments, lenient)
    scene = scene_of(job, notes, tools)
    found = yield from (
        plain.look() if scene is None else shrinking(scene, lambda it: replace(plain, scene=it).look())
    )
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


def _settled(wish: SegmentWish, found: Found, moments: Edges, style: TimeStyle) -> tuple[Piece, ...]:
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

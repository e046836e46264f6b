"""Turns segment definitions into JSON text with the segments that the evidence shows, one after another."""

import json
from collections.abc import Iterator

from kinoscribe.engines.embedded.material import Material
from kinoscribe.engines.embedded.segment_fields import fill_fields
from kinoscribe.engines.embedded.segment_spans import find_spans, needs_topics
from kinoscribe.engines.embedded.segment_topics import reading
from kinoscribe.engines.embedded.segment_wishes import Wanted, read_wish
from kinoscribe.engines.engine import Ask, SegmentWish

_SLIVER = 0.3  # what of a segment lies in a range by less than this many seconds is no segment of that range


def segments(ask: Ask, material: Material) -> Iterator[str]:
    """An object with an array for every definition, in pieces of a segment at a time.

    White space before it says that the work goes on.
    """
    if any(needs_topics(read_wish(wish)) for wish in ask.segments):
        for _ in reading(material):
            yield " "
    for place, wish in enumerate(ask.segments):
        yield ("," if place else "{") + json.dumps(wish.id, ensure_ascii=False) + ":["
        for number, found in enumerate(_of(wish, ask, material)):
            yield ("," if number else "") + json.dumps(found, ensure_ascii=False)
        yield "]"
    yield "}"


def _of(wish: SegmentWish, ask: Ask, material: Material) -> Iterator[dict[str, object]]:
    wanted = read_wish(wish)
    for start, end in _inside(find_spans(wanted, material, wish.shortest or 0.0), wish, ask):
        values = _values(wish, wanted, material, start, end)
        yield {"start_time": round(start, 3), "end_time": round(end, 3), "metadata": values}


def _values(
    wish: SegmentWish, wanted: Wanted, material: Material, start: float, end: float
) -> dict[str, object]:
    return fill_fields(wish.fields, wanted, material.inside(start, end)) if wish.fields else {}


def _inside(spans: list[tuple[float, float]], wish: SegmentWish, ask: Ask) -> list[tuple[float, float]]:
    ranges = wish.ranges or ((ask.start, ask.end),)
    clipped = [(max(a, low), min(b, high), b - a) for low, high in ranges for a, b in spans]
    return sorted((a, b) for a, b, whole in clipped if b - a >= min(_SLIVER, whole) and b > a)

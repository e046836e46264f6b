"""Turns the segment definitions of a request into the segments and fields that are wanted (contract 9)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, cast

from kinoscribe.contract.errors import ParameterInvalid, TokenLimitExceeded
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import (
    DEFINITION_FIELDS,
    DEFINITIONS,
    END_TOLERANCE,
    FIELD_VALUES,
    LONGEST_PROMPT,
    ROUNDING,
    RULES,
    SCHEMA_NAME,
    SHORTEST_RANGE,
)
from kinoscribe.contract.prompts import MediaSource, read_media_sources
from kinoscribe.contract.shown import show
from kinoscribe.contract.times import TIME_STYLES, TimeStyle
from kinoscribe.contract.video import VideoFacts

FieldType = Literal["string", "boolean", "number", "integer", "array", "timestamp", "time_array"]
ItemType = Literal["string", "number", "boolean", "integer"]
Span = tuple[float, float]

TYPES: tuple[FieldType, ...] = ("string", "boolean", "number", "integer", "array", "timestamp")
EVENT_TYPES: tuple[FieldType, ...] = ("string", "boolean", "number", "integer", "array")
ITEM_TYPES: tuple[ItemType, ...] = ("string", "number", "boolean", "integer")
RESERVED = ("start_time", "end_time", "metadata")

_DEFINITIONS = "response_format.segment_definitions"
_FORMAT = f"{_DEFINITIONS}.fields.format"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class DefinitionField:
    """One value wanted for every segment.

    `format` goes with `timestamp`; `items` is the type of an array's elements; `fields` are what each event of a
    `time_array` holds beside its times. `enum` is empty where every value is accepted.
    """

    name: str
    type: FieldType
    description: str
    enum: tuple[str, ...] = ()
    items: ItemType | None = None
    format: TimeStyle | None = None
    fields: tuple["DefinitionField", ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of segment. `ranges` are absolute seconds, sorted by start; without any, the whole window is meant."""

    id: str
    description: str
    fields: tuple[DefinitionField, ...] = ()
    media_sources: tuple[MediaSource, ...] = ()
    ranges: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What is wanted of a video cut into segments, in the order it was sent.

    `time_style` is how boundaries are written, `shortest` and `longest` the seconds a segment may last.
    `max_tokens` of None is `unlimited`.
    """

    definitions: tuple[Definition, ...]
    time_style: TimeStyle = "seconds"
    shortest: float | None = None
    longest: float | None = None
    max_tokens: int | None = None

    @property
    def has_ranges(self) -> bool:
        return any(definition.ranges for definition in self.definitions)

    @property
    def words(self) -> str:
        """All words of the client in it, one a line."""
        return "\n".join(_words(self.definitions))


def read_definitions(
    given: Fields, model_name: str, *, allow_http_images: bool
) -> tuple[tuple[Definition, ...], TimeStyle]:
    """The definitions and the time style of a `response_format` of that type. Raises what section 9 says."""
    given.required("segment_definitions")
    parts = given.inners("segment_definitions") or []
    if not 1 <= len(parts) <= DEFINITIONS:
        reason = f"{len(parts)} were given; 1 to {DEFINITIONS} are accepted."
        raise ParameterInvalid(p=given.at("segment_definitions"), reason=reason)
    definitions: list[Definition] = []
    for part in parts:
        definition = _read_definition(part, model_name, allow_http_images=allow_http_images)
        if definition.id in {earlier.id for earlier in definitions}:
            reason = f"{show(definition.id)} is the id of more than one definition."
            raise ParameterInvalid(p=part.at("id"), reason=reason)
        definitions.append(definition)
    if sum(map(len, _words(definitions))) > LONGEST_PROMPT:
        raise TokenLimitExceeded
    style = given.choice("segment_time_format", TIME_STYLES) or "seconds"
    return tuple(definitions), cast("TimeStyle", style)


def check_ranges(segmentation: Segmentation, facts: VideoFacts) -> Segmentation:
    """The same with every range clamped to the video. Raises `ParameterInvalid` for one that lies outside of it."""
    if not segmentation.has_ranges:
        return segmentation
    definitions = tuple(
        replace(definition, ranges=tuple(_inside(span, facts, place) for span in definition.ranges))
        for place, definition in enumerate(segmentation.definitions)
    )
    return replace(segmentation, definitions=definitions)


def _read_definition(given: Fields, model_name: str, *, allow_http_images: bool) -> Definition:
    name = _read_name(given, "id")
    description = given.needed_text("description")
    fields = _read_fields(given, "fields", _types(model_name))
    sources = read_media_sources(given, allow_http=allow_http_images)
    return Definition(name, description, fields, sources, _read_ranges(given))


def _types(model_name: str) -> tuple[FieldType, ...]:
    return (*TYPES, "time_array") if RULES[model_name].time_arrays else TYPES


def _read_fields(given: Fields, name: str, types: tuple[FieldType, ...]) -> tuple[DefinitionField, ...]:
    parts = given.inners(name) or []
    if len(parts) > DEFINITION_FIELDS:
        reason = f"{len(parts)} were given; at most {DEFINITION_FIELDS} are accepted."
        raise ParameterInvalid(p=given.at(name), reason=reason)
    fields: list[DefinitionField] = []
    for part in parts:
        field = _read_field(part, types)
        if field.name in {earlier.name for earlier in fields}:
            reason = f"{show(field.name)} is the name of more than one field."
            raise ParameterInvalid(p=part.at("name"), reason=reason)
        fields.append(field)
    return tuple(fields)


def _read_field(given: Fields, types: tuple[FieldType, ...]) -> DefinitionField:
    name = _read_name(given, "name")
    if name in RESERVED:
        reason = f"{show(name)} is reserved, as are {', '.join(RESERVED)}."
        raise ParameterInvalid(p=given.at("name"), reason=reason)
    given.required("type")
    kind = cast("FieldType", given.choice("type", types))
    description = given.needed_text("description")
    style = _read_style(given, kind, in_event=types is EVENT_TYPES)
    items, fields = _read_items(given, kind)
    enum = _read_enum(given, kind, items, in_event=types is EVENT_TYPES)
    return DefinitionField(name, kind, description, enum, items, style, fields)


def _read_style(given: Fields, kind: FieldType, *, in_event: bool) -> TimeStyle | None:
    """The `format` of a timestamp. Its path is written as upstream writes it, without places in the arrays."""
    path = given.at("format") if in_event else _FORMAT
    style = given.raw("format")
    if kind != "timestamp":
        if style is not None:
            raise ParameterInvalid(p=path, reason=f"It is only accepted with the type timestamp, not {kind}.")
        return None
    if not isinstance(style, str) or style not in TIME_STYLES:
        listed = ", ".join(TIME_STYLES)
        told = "" if style is None else f" {show(style)} was given."
        reason = f"format is required for timestamp type; allowed values: {listed}.{told}"
        raise ParameterInvalid(p=path, reason=reason)
    return style


def _read_items(given: Fields, kind: FieldType) -> tuple[ItemType | None, tuple[DefinitionField, ...]]:
    """What an array holds: the type of its elements, or for a `time_array` the fields of its events."""
    if kind not in ("array", "time_array"):
        if given.has("items"):
            raise ParameterInvalid(p=given.at("items"), reason=f"It is not accepted with the type {kind}.")
        return None, ()
    given.required("items")
    items = given.inner("items")
    assert items is not None
    items.required("type")
    if kind == "array":
        scalar = cast("ItemType", items.choice("type", ITEM_TYPES))
        if items.has("fields"):
            raise ParameterInvalid(p=items.at("fields"), reason="It is not accepted with the type array.")
        return scalar, ()
    items.choice("type", ("object",))
    items.required("fields")
    fields = _read_fields(items, "fields", EVENT_TYPES)
    if not fields:
        raise ParameterInvalid(p=items.at("fields"), reason="It must not be empty.")
    return None, fields


def _read_enum(given: Fields, kind: FieldType, items: ItemType | None, *, in_event: bool) -> tuple[str, ...]:
    """The values of a string, or of every element of an array of strings; no other value can be one of them."""
    values = given.texts("enum")
    if not values:
        return ()
    if kind != "string" and (in_event or items != "string"):
        told = f"array of {items}" if items else kind
        reason = f"Its values are strings; it is not accepted with the type {told}."
        raise ParameterInvalid(p=given.at("enum"), reason=reason)
    if len(values) > FIELD_VALUES:
        reason = f"{len(values)} were given; at most {FIELD_VALUES} are accepted."
        raise ParameterInvalid(p=given.at("enum"), reason=reason)
    return tuple(dict.fromkeys(values))


def _read_name(given: Fields, key: str) -> str:
    name = given.needed_text(key)
    if len(name) > SCHEMA_NAME:
        reason = f"It has {len(name)} characters; at most {SCHEMA_NAME} are accepted."
        raise ParameterInvalid(p=given.at(key), reason=reason)
    if _CONTROL.search(name):
        raise ParameterInvalid(p=given.at(key), reason=f"{show(name)} holds a control character.")
    return name


def _read_ranges(given: Fields) -> tuple[Span, ...]:
    spans: list[tuple[Span, Fields]] = []
    for part in given.inners("time_ranges") or []:
        for key in ("start_time", "end_time"):
            part.required(key)
        start, end = part.number("start_time"), part.number("end_time")
        assert start is not None
        assert end is not None
        if start < 0:
            reason = f"{show(start)} was given; it must not be negative."
            raise ParameterInvalid(p=part.at("start_time"), reason=reason)
        if end - start < SHORTEST_RANGE - ROUNDING:
            reason = f"{_told((start, end))} was given; at least {SHORTEST_RANGE:g} seconds are accepted."
            raise ParameterInvalid(p=part.path, reason=reason)
        spans.append(((start, end), part))
    spans.sort(key=lambda one: one[0])
    for (before, _), (after, part) in pairwise(spans):
        if after[0] < before[1] - ROUNDING:
            reason = f"{_told(after)} overlaps {_told(before)}."
            raise ParameterInvalid(p=part.path, reason=reason)
    return tuple(span for span, _ in spans)


def _inside(span: Span, facts: VideoFacts, place: int) -> Span:
    start, end = max(span[0], facts.start), min(span[1], facts.end)
    beyond = span[1] > facts.end + END_TOLERANCE or end - start < SHORTEST_RANGE - END_TOLERANCE
    if beyond:
        video = _told((facts.start, facts.end))
        reason = f"{_told(span)} was given; the video runs {video}."
        raise ParameterInvalid(p=f"{_DEFINITIONS}[{place}].time_ranges", reason=reason)
    return start, end


def _told(span: Span) -> str:
    return " to ".join(f"{round(seconds, 3):.12g}" for seconds in span) + " seconds"


def _words(parts: Iterable[Definition | DefinitionField]) -> Iterator[str]:
    for part in parts:
        yield from (part.id if isinstance(part, Definition) else part.name, part.description)
        if isinstance(part, DefinitionField):
            yield from part.enum
        yield from _words(part.fields)

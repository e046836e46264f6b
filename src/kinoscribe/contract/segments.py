"""Turns the segment definitions of a request into the segments and fields that are wanted (contract 9)."""

from dataclasses import dataclass
from typing import Literal

from kinoscribe.contract.fields import Fields
from kinoscribe.contract.prompts import MediaSource
from kinoscribe.contract.times import TimeStyle
from kinoscribe.contract.video import VideoFacts

FieldType = Literal["string", "boolean", "number", "integer", "array", "timestamp", "time_array"]
ItemType = Literal["string", "number", "boolean", "integer"]


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
    ranges: tuple[tuple[float, float], ...] = ()


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


def read_definitions(
    given: Fields, model_name: str, *, allow_http_images: bool
) -> tuple[tuple[Definition, ...], TimeStyle]:
    """The definitions and the time style of a `response_format` of that type. Raises what section 9 says."""
    raise NotImplementedError


def check_ranges(segmentation: Segmentation, facts: VideoFacts) -> Segmentation:
    """The same with every range clamped to the video. Raises `ParameterInvalid` for one that lies outside of it."""
    raise NotImplementedError

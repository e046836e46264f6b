"""The words between the analysis and an engine: an Ask goes in, Pieces come out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kinoscribe.cancel import Cancel
from kinoscribe.contract.video import VideoFacts
from kinoscribe.notes import Notes


@dataclass(frozen=True, slots=True)
class SegmentField:
    """One value to fill in for every segment. `items` is the type of an array's elements.

    `format` goes with `timestamp`, `enum` with strings, `fields` with `time_array`: what each of its events holds.
    """

    name: str
    type: str
    description: str
    enum: tuple[str, ...] = ()
    items: str | None = None
    format: str | None = None
    fields: tuple["SegmentField", ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentWish:
    """One kind of segment to find inside `ranges` (absolute seconds), with the lengths it may have."""

    id: str
    description: str
    fields: tuple[SegmentField, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    shortest: float | None = None
    longest: float | None = None
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the video as a JPEG, upright and with square pixels; `time` in absolute seconds."""

    time: float
    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Sight:
    """What pictures an engine wants: at most `most` in one ask, none with a longer side than `max_side` pixels.

    A picture of `width` by `height` pixels takes `tokens(width, height)` of its context. `numbered`: the time of
    each picture, in seconds, is to be painted into its corner. `at_once`: about so many parts of a long video it is
    best asked at the same time.
    """

    most: int
    max_side: int
    tokens: Callable[[int, int], int]
    numbered: bool = False
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Missed:
    """A server that was asked in vain, by its place in the operator's list, empty where there is none.

    `reason` is a part of a sentence about the server, in our own words. `again` after `wait` seconds it or another one
    was asked.
    """

    server: str
    reason: str
    again: bool = False
    wait: float = 0.0


def untold(_what: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about one video.

    `notes` hold the evidence of the asked window only (`start` to `end`, absolute seconds). `json_schema` is
    the shape the answer must have, or None for free text. `max_tokens` is a hint: the analysis cuts anyway.
    `images` are (name, bytes) of reference pictures the prompt points at with `<@name>`.

    With `stills` there is no video: each of the client's pictures, by name, stood still from the one second to the
    other, and the answer speaks of pictures by their names and not of times.

    With `segments` the answer is JSON text of an object: for every wish's id an array of
    `{"start_time": seconds, "end_time": seconds, "metadata": {field: value}}`, all times in absolute seconds;
    `prompt` is then empty.

    An engine with a `Sight` gets `frames` of the window in the order of time, and `brief`, the evidence of the window
    as text. `content` is the SHA-256 of the video, by which asks about one video find the same server; `salt` keeps
    the caches of accounts apart and tells nothing about them. `missed` is told of each server that was asked in vain,
    `begun` the place of the one whose first words have come.
    """

    prompt: str
    facts: VideoFacts
    notes: Notes
    start: float
    end: float
    model_name: str
    temperature: float
    max_tokens: int
    json_schema: dict[str, Any] | None = None
    images: tuple[tuple[str, bytes], ...] = ()
    segments: tuple[SegmentWish, ...] = ()
    stills: tuple[tuple[str, float, float], ...] = ()
    frames: tuple[Frame, ...] = ()
    brief: str = ""
    content: str = ""
    salt: str = ""
    missed: Callable[[Missed], None] = field(default=untold, compare=False, repr=False)
    begun: Callable[[str], None] = field(default=untold, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """The next part of the answer, split anywhere between characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last piece. Token counts are None where the engine does not count; then the bundled tokenizer does."""

    reason: Literal["stop", "length"] = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    notes: dict[str, str] = field(default_factory=dict)


Piece = Text | Finished


@dataclass(frozen=True, slots=True)
class EngineState:
    """Whether an engine can answer now, and if not, a sentence that says why and what to do.

    `about` tells what is known of the server behind the engine, for receipts and `/models`, `missed` which servers of
    one that is not ready were looked for in vain.
    """

    ready: bool
    reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    missed: tuple[Missed, ...] = ()


class Engine(Protocol):
    """`name` is what the operator chose, `model` the true name of what answers, for receipts and `/models`.

    An engine that `sees_pictures` gets the reference pictures of a request; for another one they are looked for in
    the video, and where they are seen stands in the notes. `sight` is None for one that looks at no pictures of the
    video itself. `context_tokens` and `sight` may change when a server behind the engine is asked what it can.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def sees_pictures(self) -> bool: ...

    @property
    def sight(self) -> Sight | None: ...

    def generate(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        """Yields at least one `Text` and ends with `Finished`, or raises an `ApiError` or `Canceled`.

        Closing the iterator ends the work.
        """
        ...

    def state(self) -> EngineState: ...

    def close(self) -> None: ...

"""The words for what was perceived in a video: shots, speech, screen text, tags and looks.

All times are seconds on the container's own clock. Collectors make these, the store keeps them as JSON,
engines read them. They are plain frozen dataclasses that `msgspec` can encode and decode.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of pictures between two transitions; shots touch and cover the video."""

    start: float
    end: float
    begins_with: Literal["start", "cut", "dissolve"] = "cut"


@dataclass(frozen=True, slots=True)
class Word:
    start: float
    end: float
    text: str
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A spoken sentence. `words` may be empty when a recogniser gives no word times."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    language: str | None = None
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in shares (0..1) of the displayed picture, from its top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class ScreenText:
    """One line of text that stood on the screen from `start` to `end`."""

    start: float
    end: float
    text: str
    role: Literal["headline", "body", "caption"] = "body"
    box: Box = field(default_factory=lambda: Box(0.0, 0.0, 1.0, 1.0))
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Tag:
    """An object class seen from `start` to `end`: a machine's guess from a closed list of words.

    `count` is the largest number seen at once, `sightings` the number of pictures it was seen in.
    `colour` is the plain English name of the main colour inside its boxes, when one stands out.
    """

    start: float
    end: float
    label: str
    score: float
    count: int = 1
    sightings: int = 1
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class ColourShare:
    """A plain English colour name and the share (0..1) of the picture it fills."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Look:
    """How one shot looks: its main colours, its brightness (0..1), whether it is grey, how much moves (0..1)."""

    start: float
    end: float
    colours: tuple[ColourShare, ...]
    brightness: float
    monochrome: bool
    motion: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """A stretch in which a reference picture was recognised; `score` is how alike (0..1) the best match was."""

    start: float
    end: float
    name: str
    score: float
    box: Box = field(default_factory=lambda: Box(0.0, 0.0, 1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Sought:
    """A reference picture, in how many pictures of the video it was looked for, and the class of thing it shows."""

    name: str
    looks: int
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """What one collector did: `nothing` means it worked and there was nothing to work on (no sound track)."""

    name: str
    version: str
    state: Literal["done", "failed", "off", "nothing"]
    seconds: float = 0.0
    items: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """Everything perceived in one video, or in one window of it. Every tuple is sorted by start."""

    content: str
    start: float
    end: float
    has_sound: bool = False
    language: str | None = None
    shots: tuple[Shot, ...] = ()
    speech: tuple[Sentence, ...] = ()
    screen_text: tuple[ScreenText, ...] = ()
    tags: tuple[Tag, ...] = ()
    looks: tuple[Look, ...] = ()
    reports: tuple[CollectorReport, ...] = ()
    pictures_read: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    sought: tuple[Sought, ...] = ()

    def report(self, collector: str) -> CollectorReport | None:
        return next((r for r in self.reports if r.name == collector), None)

    def worked(self, collector: str) -> bool:
        """Whether silence of this collector means absence: it ran to its end, or had nothing to work on."""
        found = self.report(collector)
        return found is not None and found.state in ("done", "nothing")


_Spanned = TypeVar("_Spanned", Shot, ScreenText, Tag, Look, Sighting)


def within(notes: Notes, start: float, end: float) -> Notes:
    """The part of the notes inside a window.

    Spoken words are kept when their middle lies inside; other notes are clipped to the window.
    """
    return replace(
        notes,
        start=start,
        end=end,
        shots=_clip(notes.shots, start, end),
        speech=tuple(s for s in (_cut_sentence(s, start, end) for s in notes.speech) if s is not None),
        screen_text=_clip(notes.screen_text, start, end),
        tags=_clip(notes.tags, start, end),
        looks=_clip(notes.looks, start, end),
        sightings=_clip(notes.sightings, start, end),
        pictures_read=tuple(t for t in notes.pictures_read if start <= t <= end),
    )


def _clip(items: tuple[_Spanned, ...], start: float, end: float) -> tuple[_Spanned, ...]:
    return tuple(
        replace(item, start=max(item.start, start), end=min(item.end, end))
        for item in items
        if item.start < end and item.end > start
    )


def _cut_sentence(sentence: Sentence, start: float, end: float) -> Sentence | None:
    if sentence.start >= start and sentence.end <= end:
        return sentence
    inside = tuple(w for w in sentence.words if start <= (w.start + w.end) / 2 <= end)
    if not inside:
        return None
    return replace(
        sentence,
        start=inside[0].start,
        end=inside[-1].end,
        text=" ".join(w.text.strip() for w in inside),
        words=inside,
    )

"""Makes the work of each collector: what it does with an item, how it ends, what it has to know to go on.

`known` is what the same collector knew when another process stopped; the model is loaded when the work begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kinoscribe.evidence.lines import Work
from kinoscribe.evidence.looks import LookKeeper
from kinoscribe.evidence.screen_text import ScreenReader
from kinoscribe.evidence.shots import ShotFinder
from kinoscribe.evidence.speech import Ear, Heeded, Listener
from kinoscribe.evidence.thumbs import Planes
from kinoscribe.evidence.trail import Trail
from kinoscribe.evidence.visual_tags import TagKeeper
from kinoscribe.evidence.vocabulary import Vocabulary
from kinoscribe.media.freeze import freeze, thaw

if TYPE_CHECKING:
    from kinoscribe.evidence.detector import Detector
    from kinoscribe.evidence.reader import Reader


@dataclass(frozen=True, slots=True)
class ThumbItem:
    time: float
    planes: Planes


@dataclass(frozen=True, slots=True)
class LookItem:
    """A picture and what led to it."""

    time: float
    since: float
    picture: NDArray[np.uint8]
    trail: Trail | None


@dataclass(frozen=True, slots=True)
class SoundItem:
    """A second of sound and the number of pictures that came before it."""

    time: float
    samples: NDArray[np.float32]
    pictures: int


@dataclass(frozen=True, slots=True)
class _WasRead:
    """What is known of the text on the screen: the lines, the words on each picture, and the last picture's looks."""

    keeper: ScreenReader
    words: list[tuple[str, ...]]
    lately: bytes


def finding_shots(known: bytes | None) -> Work:
    """Thumbnails into shots."""
    finder = thaw(known, ShotFinder) if known else ShotFinder()
    return Work(lambda thumb: finder.feed(thumb.time, thumb.planes), lambda: finder, lambda: freeze(finder))


def keeping_looks(known: bytes | None) -> Work:
    """Thumbnails into how each shot looks."""
    keeper = thaw(known, LookKeeper) if known else LookKeeper()
    return Work(lambda thumb: keeper.feed(thumb.time, thumb.planes), lambda: keeper, lambda: freeze(keeper))


def listening(ear: Callable[[], Ear], vocabulary: Vocabulary, known: bytes | None) -> Work:
    """Sound into sentences; names that were read on the screen help."""
    heeded = thaw(known, Heeded) if known else None
    listener = Listener(ear(), vocabulary.after, heeded)

    def work(sound: SoundItem) -> None:
        listener.feed(sound.time, sound.samples, sound.pictures)

    return Work(work, listener.finish, lambda: freeze(listener.heeded))


def reading(load: Callable[[], Reader], vocabulary: Vocabulary, known: bytes | None) -> Work:
    """Pictures into lines of text; their words go into the vocabulary."""
    reader, was_read = load(), thaw(known, _WasRead) if known else None
    keeper = was_read.keeper if was_read else ScreenReader()
    reader.begin(was_read.lately if was_read else None)
    for words in was_read.words if was_read else ():
        vocabulary.remember(words)

    def work(look: LookItem) -> None:
        lines = reader.read(look.picture)
        vocabulary.note(lines)
        keeper.feed(look.time, look.since, lines, look.trail)

    return Work(work, lambda: keeper, lambda: freeze(_WasRead(keeper, vocabulary.pictures, reader.lately())))


def tagging(load: Callable[[], Detector], known: bytes | None) -> Work:
    """Pictures into tags of the things that are seen."""
    detector, keeper = load(), thaw(known, TagKeeper) if known else TagKeeper()

    def work(look: LookItem) -> None:
        keeper.feed(look.time, look.since, detector.look(look.picture))

    return Work(work, lambda: keeper, lambda: freeze(keeper))

"""Looks for reference pictures in a video, inside a process of its own: one decode pass for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from kinoscribe import clock
from kinoscribe.child import Handler
from kinoscribe.contract.errors import VideoFileBroken
from kinoscribe.evidence.picture_match import LOOK_SIDE, Look, Match, Reference
from kinoscribe.evidence.picture_record import Broken, Course, Found, Search, SearchConfig, Told, encode
from kinoscribe.evidence.sightings import Looked, sightings
from kinoscribe.media.changes import came_up
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.pieces import Cutout, Picture, ReadPlan
from kinoscribe.weights.check import Weights
from kinoscribe.weights.registry import SSD_MOBILENET

if TYPE_CHECKING:
    from kinoscribe.evidence.detector import Detector

_PLAN = ReadPlan(sound=False, thumbs=False, min_gap=0.5, max_gap=2.0, most_pictures=600, max_side=LOOK_SIDE)
_TINY = (32, 18)
_SAME = 1.5
"""Mean difference of brightness (of 255) up to which two pictures show the same."""
_TELL_EVERY = 0.5


def serve(config: bytes) -> Handler:
    """The handler of a search process, for `kinoscribe.child`."""
    chosen = msgspec.msgpack.decode(config, type=SearchConfig)
    cv2.setNumThreads(1)
    decoders = Decoders(
        most=1, memory=chosen.decode_memory, seconds=chosen.decode_seconds, max_pixels=chosen.max_pixels
    )
    names = _Names(Weights(Path(chosen.weights)))

    def answer(body: bytes) -> Iterator[bytes]:
        wanted = msgspec.msgpack.decode(body, type=Search)
        with contextlib.closing(search(wanted, decoders, names)) as told:
            for one in told:
                yield encode(one)

    return answer


def search(wanted: Search, decoders: Decoders, names: _Names) -> Generator[Told, None, None]:
    """Yields how far the search is, then what was found of each reference. Close it to stop."""
    references = [Reference(name, _pixels(cutout)) for name, cutout in wanted.references]
    looks: list[list[Looked]] = [[] for _ in references]
    before: NDArray[np.float32] | None = None
    facts, told = wanted.facts, clock.steady()
    plan = msgspec.structs.replace(_PLAN, length=facts.duration)
    try:
        with contextlib.closing(decoders.read(Path(wanted.path), plan)) as pieces:
            for piece in pieces:
                if not isinstance(piece, Picture):
                    continue
                pixels = np.frombuffer(piece.pixels, np.uint8).reshape(piece.height, piece.width, 3)
                tiny = cv2.resize(pixels, _TINY, interpolation=cv2.INTER_AREA).astype(np.float32)
                same = before is not None and float(np.abs(tiny - before).mean()) < _SAME and _alike(looks)
                if not same:
                    before = tiny
                found = [seen[-1].match for seen in looks] if same else _look(references, pixels)
                for seen, match in zip(looks, found, strict=True):
                    seen.append(Looked(piece.time, match, _changed(piece, seen[-1] if seen else None, match)))
                if clock.steady() - told >= _TELL_EVERY:
                    told = clock.steady()
                    yield Course(min(1.0, max(0.0, (piece.time - facts.start) / max(facts.duration, 0.1))))
    except VideoFileBroken as error:
        yield Broken(error.message)
        return
    for reference, (name, cutout), seen in zip(references, wanted.references, looks, strict=True):
        spans = sightings(name, seen, facts.start, facts.end)
        kind = None if spans else names.of(_pixels(cutout))
        yield Found(reference.name, spans, len(seen), kind)


def _changed(picture: Picture, before: Looked | None, match: Match | None) -> float | None:
    """When the reference came or went, for the picture in which it has."""
    if before is None or (match is None) == (before.match is None):
        return None
    there = match or before.match
    assert there is not None, "one of the two pictures shows it"
    box = there.box
    return came_up(picture, (box.left, box.top, box.width, box.height), before.time)


def _alike(looks: list[list[Looked]]) -> bool:
    """A picture in which nothing was found may have gained something small: it is looked at again."""
    return all(seen and seen[-1].match is not None for seen in looks)


def _look(references: list[Reference], pixels: NDArray[np.uint8]) -> list[Match | None]:
    look = Look(pixels)
    return [reference.find(look) for reference in references]


def _pixels(cutout: Cutout) -> NDArray[np.uint8]:
    return np.frombuffer(cutout.pixels, np.uint8).reshape(cutout.height, cutout.width, 4)


class _Names:
    """Says what a reference shows, where a model for that is at hand; checks and loads it when it is first needed."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._detector: Detector | None = None

    def of(self, pixels: NDArray[np.uint8]) -> str | None:
        """The class of the one thing that fills much of a picture; None when there is no such thing."""
        if self._detector is None:
            if not self._weights.have(SSD_MOBILENET.name):
                return None
            from kinoscribe.evidence.detector import Detector

            self._detector = Detector(self._weights.genuine(SSD_MOBILENET.name))
        seen = self._detector.look(np.ascontiguousarray(pixels[..., :3]))
        large = [one for one in seen if one.box.width * one.box.height >= 0.2]
        return max(large, key=lambda one: one.score).label if large else None

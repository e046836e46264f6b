"""Holds the models of a perception process, and puts together the collectors for one video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kinoscribe.evidence.collectors import (
    LookItem,
    SoundItem,
    ThumbItem,
    finding_shots,
    keeping_looks,
    listening,
    reading,
    tagging,
)
from kinoscribe.evidence.lines import Line, Work
from kinoscribe.evidence.milestone import Marker, read_milestone
from kinoscribe.evidence.record import Collected, PerceptionConfig, Reached, Stage, Wanted
from kinoscribe.evidence.speech import Ear
from kinoscribe.evidence.thumbs import planes
from kinoscribe.evidence.trail import TrailKeeper
from kinoscribe.evidence.versions import VERSIONS
from kinoscribe.evidence.vocabulary import Vocabulary
from kinoscribe.media import pieces as media
from kinoscribe.notes import CollectorReport, Notes, Shot
from kinoscribe.weights.check import Weights

if TYPE_CHECKING:
    from kinoscribe.evidence.detector import Detector
    from kinoscribe.evidence.reader import Reader

_THUMB_QUEUE = 200
_SOUND_QUEUE = 60
_PICTURE_QUEUE = 4
_MARKERS = 3
_HEARD = frozenset({"speech"})
_SEEN = frozenset({"shots", "looks", "screen_text", "visual_tags"})
_STAGES = {"shots": "look", "looks": "look"}
# Whoever has asked this process to stop ends it long before.
_PATIENCE = 600.0

_Item = ThumbItem | LookItem | SoundItem | Marker


class Perception:
    """Loads each model when it is first needed and keeps it."""

    def __init__(self, config: PerceptionConfig) -> None:
        self.config = config
        self._weights = Weights(Path(config.weights))
        self._ear: Ear | None = None
        self._reader: Reader | None = None
        self._detector: Detector | None = None

    @contextmanager
    def of(self, wanted: Wanted) -> Iterator[Collecting]:
        """The collectors for one video; what still runs when the block is left is abandoned."""
        collecting = Collecting(wanted, self)
        try:
            yield collecting
        finally:
            collecting.abandon()

    def ear(self) -> Ear:
        """The speech recogniser."""
        if self._ear is None:
            from kinoscribe.evidence.recogniser import Recogniser

            folder = self._weights.genuine(f"whisper-{self.config.speech_model}")
            self._ear = Recogniser(folder, self.config.threads)
        return self._ear

    def reader(self) -> Reader:
        """The reader of text in pictures."""
        if self._reader is None:
            from kinoscribe.evidence.reader import Reader

            self._reader = Reader(self._weights.genuine("rapidocr"), max(1, self.config.threads // 2))
        return self._reader

    def detector(self) -> Detector:
        """The finder of things in pictures."""
        if self._detector is None:
            from kinoscribe.evidence.detector import Detector

            self._detector = Detector(self._weights.genuine("ssd-mobilenet-v2"))
        return self._detector


class Collecting:
    """All collectors of one video: takes pieces in order, says how far it is, and makes the notes.

    With a milestone in what is wanted, the pieces of `plan` begin there, and so do the collectors.
    """

    def __init__(self, wanted: Wanted, perception: Perception) -> None:
        self._wanted = wanted
        self._wants = frozenset(perception.config.collectors)
        self._part = perception.config.part_seconds
        self._off = frozenset(() if wanted.facts.has_audio else _HEARD)
        if not wanted.facts.has_pictures:
            self._off |= _SEEN
        self._since = read_milestone(wanted.milestone, self._wants - self._off)
        since = self._since
        self._read: media.Read | None = None
        self._pictures = list(since.pictures) if since else []
        self._trail = since.trail if since else TrailKeeper()
        self._vocabulary = Vocabulary()
        self._at = dict.fromkeys(VERSIONS, since.time if since else wanted.facts.start)
        self._markers: list[Marker] = []
        self._lines: dict[str, Line[Any, Any]] = {}
        self._add("shots", finding_shots, _THUMB_QUEUE)
        self._add("looks", keeping_looks, _THUMB_QUEUE)
        self._add("speech", lambda known: listening(perception.ear, self._vocabulary, known), _SOUND_QUEUE)
        self._add(
            "screen_text", lambda known: reading(perception.reader, self._vocabulary, known), _PICTURE_QUEUE
        )
        self._add("visual_tags", lambda known: tagging(perception.detector, known), _PICTURE_QUEUE)
        if "screen_text" not in self._lines:
            self._vocabulary.close()
        self._open = list(self._lines.values())
        self._running = list(self._lines.values())
        self._waiting: tuple[_Item, list[Line[Any, Any]]] | None = None

    @property
    def plan(self) -> media.ReadPlan:
        """What one pass over the video has to bring."""
        return media.ReadPlan(
            thumbs=bool(self._lines.keys() & {"shots", "looks"}),
            pictures=bool(self._lines.keys() & {"screen_text", "visual_tags"}),
            sound="speech" in self._lines,
            border_every=self._part,
            resume=self._since.decoding if self._since else None,
            alone=not self._wanted.facts.has_pictures,
        )

    def take(self, piece: media.Piece) -> bool:
        """Hands a piece to whoever wants it; False when a queue was full and it has to be offered again."""
        match piece:
            case media.Thumb():
                return self._offer(lambda: self._thumb(piece), ("shots", "looks"))
            case media.Picture():
                return self._offer(lambda: self._look(piece), ("screen_text", "visual_tags"))
            case media.Sound():
                samples = np.frombuffer(piece.samples, dtype="<f4")
                return self._offer(lambda: SoundItem(piece.time, samples, len(self._pictures)), ("speech",))
            case media.Border():
                return self._offer(lambda: self._mark(piece), tuple(self._lines))
            case media.Read():
                self._read = piece
                return True

    def news(self, *, ended: bool = False) -> Iterator[Reached | Stage]:
        """The latest milestone that all collectors have passed, and how far each of them is."""
        passed = [marker for marker in self._markers if marker.complete]
        if passed and not ended:
            del self._markers[: self._markers.index(passed[-1]) + 1]
            yield Reached(passed[-1].time, passed[-1].milestone())
        yield from self._stages(ended=ended)

    def _stages(self, *, ended: bool) -> Iterator[Stage]:
        """How far each collector is."""
        facts = self._wanted.facts
        for name in self._lines:
            if name == "looks" and "shots" in self._lines:
                continue
            done = (self._at[name] - facts.start) / max(facts.duration, 1e-3)
            yield Stage(_STAGES.get(name, name), 1.0 if ended else round(min(max(done, 0.0), 0.99), 3))

    def settled(self, seconds: float) -> bool:
        """After the last piece: waits for the collectors to end, at most `seconds` for each."""
        self._open = [line for line in self._open if not line.close()]
        self._running = [line for line in self._running if not line.join(seconds)]
        return not self._running

    def abandon(self) -> None:
        """Ends what still runs. Waits for it: two videos never share a model at the same time."""
        for line in self._lines.values():
            line.abandon()
        for line in self._lines.values():
            line.join(_PATIENCE)

    def collected(self) -> Collected:
        """The notes, once settled."""
        facts = self._wanted.facts
        end = facts.end
        finder, looker = self._result("shots"), self._result("looks")
        shots_found = finder.finish(facts.start, end) if finder else ()
        whole = (Shot(facts.start, end, "start"),)
        looks_found = looker.finish(shots_found or whole) if looker else ()
        heard, language = self._result("speech") or ((), None)
        cuts = [shot.start for shot in shots_found[1:]]
        reader, tagger = self._result("screen_text"), self._result("visual_tags")
        texts = reader.finish(cuts, facts.start, end) if reader else ()
        tags = tagger.finish(cuts, facts.start, end) if tagger else ()
        found = {
            "shots": shots_found,
            "looks": looks_found,
            "speech": heard,
            "screen_text": texts,
            "visual_tags": tags,
        }
        return Collected(
            Notes(
                content=self._wanted.content,
                start=facts.start,
                end=end,
                has_sound=facts.has_audio,
                language=language,
                shots=shots_found,
                looks=looks_found,
                speech=heard,
                screen_text=texts,
                tags=tags,
                reports=tuple(self._report(name, len(items)) for name, items in found.items()),
                pictures_read=tuple(self._pictures),
                warnings=self._read.warnings if self._read else (),
            )
        )

    def _add(self, name: str, make: Callable[[bytes | None], Work], size: int) -> None:
        if name in self._wants - self._off:
            known = self._since.lines[name] if self._since else None
            memory, worked = (known.memory, known.seconds) if known else (None, 0.0)
            ended = self._vocabulary.close if name == "screen_text" else None
            self._lines[name] = Line(
                name, VERSIONS[name], lambda: make(memory), size, self._reach, ended, worked
            )

    def _reach(self, name: str, time: float) -> None:
        self._at[name] = time

    def _thumb(self, thumb: media.Thumb) -> ThumbItem:
        tiny = planes(thumb.pixels)
        if "screen_text" in self._lines:
            self._trail.feed(thumb.time, tiny[0].astype(np.uint8))
        return ThumbItem(thumb.time, tiny)

    def _look(self, picture: media.Picture) -> LookItem:
        self._pictures.append(picture.time)
        pixels = np.frombuffer(picture.pixels, dtype=np.uint8).reshape(picture.height, picture.width, 3)
        return LookItem(picture.time, picture.since, pixels, self._trail.take())

    def _mark(self, border: media.Border) -> Marker:
        marker = Marker(border.time, border.state, self._pictures, self._trail, self._lines)
        self._markers = [*self._markers[-_MARKERS:], marker]
        return marker

    def _offer(self, make: Callable[[], _Item], names: tuple[str, ...]) -> bool:
        if self._waiting is None:
            self._waiting = make(), [self._lines[name] for name in names if name in self._lines]
        item, lines = self._waiting
        lines = [line for line in lines if not line.offer(item)]
        self._waiting = (item, lines) if lines else None
        return not lines

    def _result(self, name: str) -> Any:
        line = self._lines.get(name)
        return None if line is None else line.result

    def _report(self, name: str, items: int) -> CollectorReport:
        line = self._lines.get(name)
        if line is not None:
            return line.report(items)
        if name in self._wants:
            reason = "There is no sound." if name in _HEARD else "There are no pictures."
            return CollectorReport(name, VERSIONS[name], "nothing", reason=reason)
        return CollectorReport(name, VERSIONS[name], "off")

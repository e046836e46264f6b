"""One pass over a video feeds all collectors; one that fails costs only its own notes."""

import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.media_truth import BLUE, RED, Track, beep, cards, make_video

from kinoscribe.contract.video import sound_facts
from kinoscribe.evidence.perception import Perception
from kinoscribe.evidence.record import Collected, PerceptionConfig, Reached, Unreadable, Wanted
from kinoscribe.evidence.screen_text import Line
from kinoscribe.evidence.speech import Heard
from kinoscribe.evidence.visual_tags import Seen
from kinoscribe.evidence.worker import perceive
from kinoscribe.media.decoders import Decoders
from kinoscribe.media.pieces import Border
from kinoscribe.notes import Box, Notes, Word

ALL = ("shots", "looks", "speech", "screen_text", "visual_tags")
See = Callable[..., tuple[Notes, list[Any]]]
BOX = Box(0.1, 0.1, 0.5, 0.1)


class FakeEar:
    def voices(self, sound: np.ndarray) -> list[tuple[float, float]]:
        loud = np.flatnonzero(np.abs(sound) > 0.1)
        return [(loud[0] / 16_000, loud[-1] / 16_000)] if loud.size else []

    def languages(self, sound: np.ndarray) -> list[tuple[str, float]]:
        return [("en", 1.0)]

    def hear(self, sound: np.ndarray, language: str, **how: Any) -> Heard:
        return Heard((Word(0.0, sound.size / 16_000, f" {how['names']}"),), language, False)


class FakeReader:
    def begin(self, _lately: bytes | None) -> None:
        pass

    def lately(self) -> bytes:
        return b""

    def read(self, picture: np.ndarray) -> list[Line]:
        red = picture[..., 0].mean() > picture[..., 2].mean()
        return [Line("Rosso" if red else "Azzurro", 0.99, BOX)]


class FakeDetector:
    def look(self, picture: np.ndarray) -> list[Seen]:
        return [Seen("cat", 0.95, BOX)]


class Broken:
    def begin(self, _lately: bytes | None) -> None:
        raise RuntimeError("the model is not itself today")

    def look(self, picture: np.ndarray) -> list[Seen]:
        raise RuntimeError("the model is not itself today")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "cards.mp4"
    tone = Track(beep((1.0, 2.0), seconds=6.0))
    return make_video(path, cards((0.0, RED), (3.0, BLUE)), seconds=6.0, sound=(tone,))


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(Perception, "ear", lambda _: FakeEar())
    monkeypatch.setattr(Perception, "reader", lambda _: FakeReader())
    monkeypatch.setattr(Perception, "detector", lambda _: FakeDetector())
    return monkeypatch


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(most=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def wanted(video: Path, decoders: Decoders) -> Wanted:
    return Wanted(str(video), "c" * 64, decoders.probe(video))


def perception(collectors: tuple[str, ...]) -> Perception:
    return Perception(PerceptionConfig(collectors, "/nowhere", "base", 3 << 30, 60.0, 64_000_000, 1))


@pytest.fixture
def see(wanted: Wanted, decoders: Decoders) -> See:
    def run(collectors: tuple[str, ...] = ALL) -> tuple[Notes, list[Any]]:
        *told, last = perceive(wanted, perception(collectors), decoders)
        assert isinstance(last, Collected)
        return last.notes, told

    return run


@pytest.mark.usefixtures("models")
def test_every_collector_has_its_notes(see: See) -> None:
    notes, told = see()
    assert [(s.start, s.begins_with) for s in notes.shots] == [(0.0, "start"), (3.0, "cut")]
    assert [look.colours[0].name for look in notes.looks] == ["red", "blue"]
    assert [(t.text, t.start, t.end) for t in notes.screen_text] == [
        ("Rosso", 0.0, 3.0),
        ("Azzurro", 3.0, notes.end),
    ]
    assert [(t.label, t.start) for t in notes.tags] == [("cat", 0.0)]
    [sentence] = notes.speech
    assert sentence.start == pytest.approx(1.0, abs=0.05)
    assert sentence.text.startswith("Rosso")
    assert {r.state for r in notes.reports} == {"done"}
    assert {stage.stage for stage in told if stage.done == 1.0} == {
        "look",
        "speech",
        "screen_text",
        "visual_tags",
    }


@pytest.mark.usefixtures("models")
def test_the_same_video_gives_the_same_notes(see: See) -> None:
    first, second = (see()[0] for _ in range(2))
    assert [first.shots, first.looks, first.speech, first.screen_text, first.tags] == [
        second.shots,
        second.looks,
        second.speech,
        second.screen_text,
        second.tags,
    ]


@pytest.mark.parametrize(
    ("model", "name"), [("ear", "speech"), ("reader", "screen_text"), ("detector", "visual_tags")]
)
def test_a_collector_that_fails_costs_only_its_own_notes(
    models: pytest.MonkeyPatch, see: See, model: str, name: str
) -> None:
    models.setattr(Perception, model, lambda _: Broken())
    notes, _ = see()
    states = {r.name: r.state for r in notes.reports}
    assert states == {n: "failed" if n == name else "done" for n in ALL}
    report = notes.report(name)
    assert report is not None
    assert report.reason
    assert not notes.worked(name)
    assert len(notes.shots) == 2


def test_shots_and_looks_need_no_model(see: See) -> None:
    notes, _ = see(("shots", "looks"))
    assert len(notes.shots) == 2
    assert {r.name for r in notes.reports if r.state == "off"} == {"speech", "screen_text", "visual_tags"}
    assert notes.pictures_read == ()


def test_weights_that_are_not_genuine_fail_their_collector(see: See) -> None:
    notes, _ = see(("shots", "speech"))
    report = notes.report("speech")
    assert report is not None
    assert report.state == "failed"
    assert "models get" in (report.reason or "")


def test_a_file_of_which_nothing_decodes_is_told_so(
    wanted: Wanted, decoders: Decoders, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all" * 1000)
    lost = msgspec.structs.replace(wanted, path=str(broken))
    *_, last = perceive(lost, perception(("shots",)), decoders)
    assert isinstance(last, Unreadable)


@pytest.mark.usefixtures("models")
def test_work_that_nobody_waits_for_stops(wanted: Wanted, decoders: Decoders) -> None:
    pieces = perceive(wanted, perception(ALL), decoders)
    next(pieces)
    pieces.close()
    assert not [t.name for t in threading.enumerate() if t.name in ALL]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Wanted:
    """Seven seconds without pictures; a tone from 1 to 2 and from 5 to 6."""
    path = tmp_path_factory.mktemp("sounds") / "tones.wav"
    tones = beep((1.0, 2.0), (5.0, 6.0), seconds=7.0, rate=16_000)[0]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((tones * 32_000).astype("<i2").tobytes())
    return Wanted(str(path), "d" * 64, sound_facts("audio/wav", 7.0, path.stat().st_size))


@pytest.mark.usefixtures("models")
def test_of_a_file_without_pictures_the_speech_is_heard_and_nothing_else_is_looked_for(
    sound: Wanted, decoders: Decoders
) -> None:
    *told, last = perceive(sound, perception(ALL), decoders)
    assert isinstance(last, Collected)
    notes = last.notes
    assert [round(sentence.start, 1) for sentence in notes.speech] == [1.0]
    assert (notes.start, notes.end, notes.has_sound, notes.language) == (0.0, 7.0, True, "en")
    assert (notes.shots, notes.looks, notes.screen_text, notes.tags, notes.pictures_read) == ((),) * 5
    states = {report.name: (report.state, report.reason) for report in notes.reports}
    unseen = ("nothing", "There are no pictures.")
    assert states == {name: ("done", None) if name == "speech" else unseen for name in ALL}
    assert {stage.stage for stage in told} == {"speech"}


@pytest.mark.usefixtures("models")
def test_hearing_goes_on_at_a_milestone(sound: Wanted, decoders: Decoders) -> None:
    config = msgspec.structs.replace(perception(ALL).config, part_seconds=2.0)
    *_, whole = perceive(sound, Perception(config), decoders)
    assert isinstance(whole, Collected)
    again = msgspec.structs.replace(sound, milestone=_milestone(sound, Perception(config), decoders))
    *_, last = perceive(again, Perception(config), decoders)
    assert isinstance(last, Collected)
    assert last.notes.speech == whole.notes.speech


def _milestone(wanted: Wanted, perception: Perception, decoders: Decoders) -> bytes:
    """The first one, when everybody has come to it."""
    until = time.monotonic() + 60
    with perception.of(wanted) as collecting:
        pieces = decoders.read(Path(wanted.path), collecting.plan)
        for piece in pieces:
            while not collecting.take(piece):
                continue
            while isinstance(piece, Border) and time.monotonic() < until:
                for told in collecting.news():
                    if isinstance(told, Reached):
                        pieces.close()
                        return told.milestone
                time.sleep(0.01)
    raise AssertionError("there is none")


def test_without_a_collector_that_hears_there_is_nothing_to_be_found_in_a_sound(
    sound: Wanted, decoders: Decoders
) -> None:
    *_, last = perceive(sound, perception(("shots", "looks")), decoders)
    assert isinstance(last, Collected)
    assert last.notes.speech == ()
    assert {report.state for report in last.notes.reports} == {"nothing", "off"}

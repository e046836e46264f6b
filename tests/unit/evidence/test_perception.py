"""One pass over a video feeds all collectors; one that fails costs only its own notes."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.media_truth import BLUE, RED, Track, beep, cards, make_video

from kinoscribe.evidence.perception import Perception
from kinoscribe.evidence.record import Collected, PerceptionConfig, Unreadable, Wanted
from kinoscribe.evidence.screen_text import Line
from kinoscribe.evidence.speech import Heard
from kinoscribe.evidence.visual_tags import Seen
from kinoscribe.evidence.worker import perceive
from kinoscribe.media.decoders import Decoders
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

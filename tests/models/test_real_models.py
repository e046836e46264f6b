"""The real models on clips whose truth is known: words, texts, cuts and things, with thresholds below the best seen."""

import json
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.media_truth import CLIPS, REAL, SHARED, TRUTH

from kinoscribe.evidence.perception import Perception
from kinoscribe.evidence.record import Collected, PerceptionConfig, Wanted
from kinoscribe.evidence.worker import perceive
from kinoscribe.media.decoders import Decoders
from kinoscribe.notes import Notes
from kinoscribe.settings import Settings
from kinoscribe.weights.check import Weights

pytestmark = [pytest.mark.models, pytest.mark.shared, pytest.mark.slow]

COLLECTORS = ("shots", "looks", "speech", "screen_text", "visual_tags")
See = Callable[[Path], Notes]


@pytest.fixture(scope="module")
def metrics() -> Any:
    sys.path.insert(0, str(SHARED / "eval"))
    try:
        import metrics

        return metrics
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def see() -> Iterator[See]:
    decoders = Decoders(most=1)
    folder = Settings().weights_dir
    perception = Perception(PerceptionConfig(COLLECTORS, str(folder), "base", 3 << 30, 600.0, 64_000_000, 2))
    known: dict[Path, Notes] = {}

    def run(path: Path) -> Notes:
        if path not in known:
            *_, last = perceive(Wanted(str(path), "c" * 64, decoders.probe(path)), perception, decoders)
            assert isinstance(last, Collected)
            assert {r.state for r in last.notes.reports} <= {"done", "nothing"}
            known[path] = last.notes
        return known[path]

    yield run
    decoders.close()


def truth(name: str) -> dict[str, Any]:
    folder = TRUTH if (TRUTH / f"{name}.json").exists() else REAL / "truth"
    return json.loads((folder / f"{name}.json").read_bytes())


def spoken(notes: Notes) -> str:
    return " ".join(sentence.text for sentence in notes.speech)


def test_the_weights_are_genuine() -> None:
    weights = Weights(Settings().weights_dir)
    for name in ("whisper-base", "ssd-mobilenet-v2", "minilm", "rapidocr"):
        assert weights.verify(name) == ()


@pytest.mark.parametrize(("clip", "most"), [("ad", 0.25), ("voice_only", 0.15), ("sports", 0.3)])
def test_english_is_heard(see: See, metrics: Any, clip: str, most: float) -> None:
    notes = see(CLIPS / f"{clip}.mp4")
    assert metrics.wer(truth(clip)["transcript"], spoken(notes))["wer"] <= most
    assert notes.language == "en"


def test_a_human_voice_is_heard_and_its_words_are_in_time(see: See, metrics: Any) -> None:
    notes = see(REAL / "jfk_11s.mp4")
    assert metrics.wer(truth("jfk")["transcript"], spoken(notes))["wer"] <= 0.1
    words = [word for sentence in notes.speech for word in sentence.words]
    assert all(a.start <= b.start for a, b in pairwise(words))
    assert all(0 <= w.start <= w.end <= notes.end for w in words)


def test_word_times_are_right(see: See) -> None:
    heard = {
        w.text.strip(".,").lower(): w.start for s in see(CLIPS / "voice_only.mp4").speech for w in s.words
    }
    said = {w["w"]: w["start"] for part in truth("voice_only")["speech"] for w in part["words"]}
    both = [abs(heard[w] - said[w]) for w in heard.keys() & said.keys()]
    assert len(both) >= 15
    assert sorted(both)[len(both) // 2] <= 0.25


@pytest.mark.parametrize("clip", ["bunny_5s", "cars_30s"])
def test_nothing_is_heard_where_nobody_speaks(see: See, clip: str) -> None:
    assert see(REAL / f"{clip}.mp4").speech == ()


@pytest.mark.parametrize("clip", ["ad", "sports", "silent", "bilingual"])
def test_text_on_the_screen_is_read_and_its_times_are_right(see: See, metrics: Any, clip: str) -> None:
    notes, wanted = see(CLIPS / f"{clip}.mp4"), truth(clip)["screen_text"]
    found = metrics.ocr_recall([t["text"] for t in wanted], "\n".join(t.text for t in notes.screen_text))
    assert found["fuzzy"] >= 0.9
    for text in wanted:
        near = [t for t in notes.screen_text if t.text == text["text"]]
        assert min((abs(t.start - text["start"]) for t in near), default=0.0) <= 0.5
        assert min((abs(t.end - text["end"]) for t in near), default=0.0) <= 0.8


@pytest.mark.parametrize("clip", ["bottles_40s", "flower_5s", "friday_6s", "bunny_5s"])
def test_no_text_is_read_where_there_is_none(see: See, clip: str) -> None:
    assert [t.text for t in see(REAL / f"{clip}.mp4").screen_text] == []


@pytest.mark.parametrize("clip", ["ad", "silent", "bilingual", "sports"])
def test_cuts_are_found(see: See, metrics: Any, clip: str) -> None:
    wanted, notes = truth(clip), see(CLIPS / f"{clip}.mp4")
    cuts = [shot.start for shot in notes.shots[1:]]
    assert metrics.shot_f1(cuts, wanted["cuts"], 0.25, wanted["gradual"])["f1"] == 1.0


def test_cuts_of_a_real_film_are_found(see: See, metrics: Any) -> None:
    cuts = [shot.start for shot in see(REAL / "toys_50s.mp4").shots[1:]]
    assert metrics.shot_f1(cuts, truth("toys")["cuts"], 0.25)["f1"] >= 0.9


def test_things_are_seen(see: See) -> None:
    assert "bottle" in {tag.label for tag in see(REAL / "bottles_40s.mp4").tags}
    assert "person" in {tag.label for tag in see(REAL / "friday_6s.mp4").tags}
    assert see(REAL / "friday_6s.mp4").looks[0].monochrome

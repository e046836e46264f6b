"""The model that truly looks says what it was shown and nothing else, and notices pictures that are not what their clocks tell."""

import base64
import json
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from tests.media_truth import CLIPS, TRUTH
from tests.model_server.chat import read_chat
from tests.model_server.coded import Coded
from tests.model_server.seeing import Seer, right, uncovered
from tests.model_server.told import told_parts
from tests.model_server.truth import Part

CLIP = Coded(60, card=20, fps=2)


def jpegs(path: Path, times: list[float], side: int = 160) -> list[tuple[float, bytes]]:
    """The pictures of a video at those times, made small."""
    found: list[tuple[float, bytes]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if times and (frame.time or 0.0) >= times[0] - 1e-6:
                pixels = frame.to_ndarray(format="bgr24")
                height = side * pixels.shape[0] // pixels.shape[1]
                ok, content = cv2.imencode(
                    ".jpg", cv2.resize(pixels, (side, height), interpolation=cv2.INTER_AREA)
                )
                assert ok
                found.append((times.pop(0), content.tobytes()))
    return found


def ask(
    shown: list[tuple[float, bytes]],
    question: str,
    start: float,
    end: float,
    schema: Any = None,
    notes: str = "",
) -> bytes:
    parts: list[dict[str, Any]] = [
        {
            "type": "text",
            "text": f"The part of the video from {start:.1f} s to {end:.1f} s.\n<notes>\n{notes}\n</notes>",
        }
    ]
    for time, content in shown:
        url = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
        parts += [
            {"type": "text", "text": f"[{time:.1f} s]"},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    body: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": question}]}],
    }
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return json.dumps(body).encode()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CLIP.make(tmp_path_factory.mktemp("coded") / "coded.mp4")


def test_it_tells_what_was_shown_and_not_what_was_not(clip: Path) -> None:
    seer = Seer.of_coded(CLIP)
    said = seer(read_chat(ask(jpegs(clip, [5.0, 25.0]), "What happens?", 0, 60)))
    assert said == "From 0.000 s to 20.000 s: CARD 001 LANTERN.\nFrom 20.000 s to 40.000 s: CARD 002 COMET."
    assert not seer.mistakes


def test_it_sees_no_further_than_the_stretch(clip: Path) -> None:
    seer = Seer.of_coded(CLIP)
    schema = {"type": "object", "properties": {"cards": {"type": "array", "items": {"type": "object", "properties": {
        "start_time": {"type": "number"}, "end_time": {"type": "number"},
        "metadata": {"type": "object", "properties": {"title": {"type": ["string", "null"]}}},
    }}}}}  # fmt: skip
    said = seer(read_chat(ask(jpegs(clip, [12.0, 22.0]), "Find all segments of it", 10, 30, schema)))
    assert json.loads(said) == {
        "cards": [
            {"start_time": 10, "end_time": 20, "metadata": {"title": "CARD 001 LANTERN"}},
            {"start_time": 20, "end_time": 30, "metadata": {"title": "CARD 002 COMET"}},
        ]
    }


@pytest.mark.parametrize("off", [-1.5, 1.5, 30.0])
def test_it_notices_a_picture_that_is_from_another_moment(clip: Path, off: float) -> None:
    seer = Seer.of_coded(CLIP)
    shown = [(time + off, content) for time, content in jpegs(clip, [10.0, 20.0])]
    seer(read_chat(ask(shown, "What?", 0, 60)))
    assert len(seer.mistakes) == 2


def test_it_notices_clocks_that_do_not_run_forward_or_leave_the_stretch(clip: Path) -> None:
    seer = Seer.of_coded(CLIP)
    seer(read_chat(ask(jpegs(clip, [10.0, 20.0])[::-1], "What?", 0, 15)))
    assert ["forward" in one or "outside" in one for one in seer.mistakes] == [True, True]


def test_it_takes_the_times_of_what_it_was_only_told_from_the_notes(clip: Path) -> None:
    seer = Seer.of_coded(CLIP)
    notes = "[41.0-50.0 s] It shows CARD 003 SADDLE.\n[50.0-59.0 s] It shows CARD 003 SADDLE."
    said = seer(read_chat(ask(jpegs(clip, [5.0]), "What?", 0, 60, notes=notes)))
    assert said.splitlines()[1] == "From 41.000 s to 59.000 s: CARD 003 SADDLE."


def test_the_score_counts_parts_that_are_right_in_title_and_times() -> None:
    truth = CLIP.truth.parts
    assert right(truth, truth, 0.1) == 1
    assert right([Part(0, 10, truth[0].title), Part(10, 20, truth[0].title), *truth[1:]], truth, 0.1) == 1
    assert right([Part(0, 19, truth[0].title), *truth[1:]], truth, 0.1) == pytest.approx(2 / 3)
    assert told_parts("00:00:20 to 00:00:40 CARD 002 COMET", truth) == [truth[1]]


def test_seconds_that_no_stretch_covers_are_counted() -> None:
    assert uncovered([(0, 10), (12, 20), (15, 30)], 0, 31) == pytest.approx(3)


@pytest.mark.shared
def test_it_knows_the_pictures_of_a_made_clip() -> None:
    seer = Seer.of_clip(CLIPS / "news.mp4", TRUTH / "news.json")
    shown = jpegs(CLIPS / "news.mp4", [2.0, 12.0, 30.0, 52.0, 77.0])
    said = seer(read_chat(ask(shown, "What?", 0, 84.6)))
    assert not seer.mistakes
    assert "From 20.750 s to 44.333 s: Coffee prices climb." in said
    seer(read_chat(ask([(time + 20, content) for time, content in shown[:3]], "What?", 0, 84.6)))
    assert len(seer.mistakes) == 3

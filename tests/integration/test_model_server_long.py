"""A long video is looked at in windows that miss nothing, once each, whatever dies in between."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.beside import beside
from tests.conformance.exact import Answer
from tests.conformance.wire import ended_task, make_task
from tests.model_server.coded import Coded
from tests.model_server.script import Nature, Script
from tests.model_server.seeing import Seer, right, uncovered
from tests.model_server.server import ModelServer
from tests.model_server.told import told_parts

CLIP = Coded(720, card=45, fps=1, size=(480, 360))
CONTEXT = 16_384
QUESTION = "What happens, and from when to when?"
AT_ONCE = 4  # as vLLM takes it best
SLACK = 0.11  # the account tells times to a tenth of a second


@pytest.fixture
def looking() -> Iterator[tuple[ModelServer, Seer]]:
    """A model server with a small context, whose model truly looks."""
    seer = Seer.of_coded(CLIP)
    with ModelServer("vllm", Nature(context=CONTEXT, key="a-key-of-the-model-server")) as server:
        server.otherwise = Script(text=seer)
        yield server, seer
        assert server.problems() == []
        assert seer.mistakes == []


def parts_right(answer: str) -> float:
    return right(told_parts(answer, CLIP.truth.parts), CLIP.truth.parts, SLACK)


def asked_again(seer: Seer) -> int:
    """How often a part of the video was looked at that had been before."""
    maps = [(view.start, view.end) for view in seer.views if view.kind == "map"]
    return len(maps) - len(set(maps))


def maps(seer: Seer) -> int:
    return sum(view.kind == "map" for view in seer.views)


def test_every_second_is_looked_at_once_and_told_with_its_time(
    looking: tuple[ModelServer, Seer], tmp_path: Path
) -> None:
    server, seer = looking
    with beside(tmp_path / "data", server, clip=CLIP) as one:
        answer = one.wire.post("analyze", json=one.body(QUESTION, stream=False), timeout=280)
        assert parts_right(Answer.model_validate_json(answer.content).data) == 1
        stretches = seer.stretches("map")
        assert len(stretches) > 1, "the video does not fit the context"
        assert uncovered(stretches, 0, CLIP.seconds) < SLACK
        assert sum(end - start for start, end in stretches) == pytest.approx(CLIP.seconds, abs=SLACK)
        assert asked_again(seer) == 0
        for view in seer.views:
            if view.kind == "map":
                seen = [view.start, *view.times, view.end]
                assert max(b - a for a, b in itertools.pairwise(seen)) <= 10.1, (
                    "one picture in ten seconds at least"
                )
        before = maps(seer)
        again = one.stream(one.body("And what else is there to say about it?"))
        assert parts_right(again.text) == 1
        assert maps(seer) == before, "a second question uses what the first has found"


def test_a_killed_worker_loses_nothing_and_asks_nothing_twice(
    looking: tuple[ModelServer, Seer], tmp_path: Path
) -> None:
    server, seer = looking
    server.otherwise = Script(text=seer, first=0.2)
    with beside(tmp_path / "data", server, clip=CLIP) as one:
        task_id = make_task(one.wire, one.body(QUESTION))
        server.wait_for(
            lambda _: any(v.kind == "map" and v.end > CLIP.seconds / 2 for v in list(seer.views)), 120
        )
        killed = one.served.child("work")
        killed.kill()
        killed.wait(20)
        finished = maps(seer)
        ended = ended_task(one.wire, task_id, seconds=240)
        assert ended.result is not None, ended
        assert parts_right(ended.result.data) == 1
        assert uncovered(seer.stretches("map"), 0, CLIP.seconds) < SLACK
        assert finished < maps(seer), "the kill came before the end"
        assert asked_again(seer) <= AT_ONCE, "only what was under way is asked again"


def test_segments_of_a_long_video_join_where_windows_meet(
    looking: tuple[ModelServer, Seer], tmp_path: Path
) -> None:
    server, seer = looking
    wanted = {"id": "cards", "description": "A card with a number and a word", "fields": [
        {"name": "title", "type": "string", "description": "The text of the card"},
    ]}  # fmt: skip
    with beside(tmp_path / "data", server, clip=CLIP) as one:
        body = one.body(
            analysis_mode="time_based_metadata",
            response_format={"type": "segment_definitions", "segment_definitions": [wanted]},
        )
        del body["prompt"]
        ended = ended_task(one.wire, make_task(one.wire, body), seconds=240)
    assert ended.result is not None, ended
    found = json.loads(ended.result.data)["cards"]
    assert len(seer.stretches("segments")) > 1
    assert [(s["start_time"], s["end_time"], s["metadata"]["title"]) for s in found] == [
        (part.start, part.end, part.title) for part in CLIP.truth.parts
    ]

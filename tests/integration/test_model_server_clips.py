"""The made clips, asked about through a model that truly looks: whatever windows, times and merges lose is ours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.conformance.beside import KEY, SHAPE, Beside, beside, new_asset
from tests.conformance.wire import Json, ended_task, make_task
from tests.media_truth import CLIPS, TRUTH
from tests.model_server.script import Nature, Script
from tests.model_server.seeing import Seer, right
from tests.model_server.server import ModelServer
from tests.model_server.told import joined, told_parts
from tests.model_server.truth import Part, clipped

NAMES = ("news", "lecture", "ad", "sports", "silent", "bilingual", "voice_only")
CONTEXTS = {"small": 6_000, "large": 131_072}
SLACK = 0.11
DEFINITION = {
    "id": "parts",
    "description": "A part of the video with a subject of its own",
    "fields": [{"name": "title", "type": "string", "description": "Its subject"}],
}

pytestmark = pytest.mark.shared


@dataclass(frozen=True)
class Asked:
    """One clip behind a model server, and the model that truly looks at it."""

    beside: Beside
    seer: Seer

    def body(self, prompt: str, **more: object) -> Json:
        return self.beside.body(prompt, **more)

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.seer.truth.parts


@pytest.fixture(scope="module", params=CONTEXTS)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    nature = Nature(key=KEY, context=CONTEXTS[request.param])
    with (
        ModelServer("vllm", nature) as server,
        beside(tmp_path_factory.mktemp("clips") / "data", server) as found,
    ):
        yield found


@pytest.fixture(params=NAMES)
def asked(kept: Beside, request: pytest.FixtureRequest) -> Iterator[Asked]:
    seer = Seer.of_clip(CLIPS / f"{request.param}.mp4", TRUTH / f"{request.param}.json")
    kept.server.forget()
    kept.server.otherwise = Script(text=seer)
    own = Beside(kept.served, kept.server, kept.wire, new_asset(kept.wire, CLIPS / f"{request.param}.mp4"))
    yield Asked(own, seer)
    assert kept.server.problems() == []
    assert seer.mistakes == []


def test_a_question_is_answered_with_every_part_and_its_times(asked: Asked) -> None:
    answer = asked.beside.stream(asked.body("What happens, and from when to when?"))
    assert right(told_parts(answer.text, asked.parts), asked.parts, SLACK) == 1, answer.text


def test_json_has_every_part_and_its_times(asked: Asked) -> None:
    shape = {"type": "json_schema", "json_schema": SHAPE}
    answer = asked.beside.stream(asked.body("List the parts.", response_format=shape))
    cards = json.loads(answer.text)["cards"]
    found = joined([Part(card["start"], card["end"], card["title"]) for card in cards])
    assert right(found, asked.parts, SLACK) == 1, answer.text


def test_segments_have_the_times_of_the_parts(asked: Asked) -> None:
    body = asked.body(
        "",
        analysis_mode="time_based_metadata",
        response_format={"type": "segment_definitions", "segment_definitions": [DEFINITION]},
    )
    del body["prompt"]
    ended = ended_task(asked.beside.wire, make_task(asked.beside.wire, body), seconds=120)
    assert ended.result is not None, ended
    found = json.loads(ended.result.data)["parts"]
    parts = [Part(s["start_time"], s["end_time"], s["metadata"]["title"]) for s in found]
    assert right(parts, asked.parts, SLACK) == 1, ended.result.data
    assert len(parts) == len(asked.parts), "windows leave no seams"


def test_a_window_is_answered_in_the_time_of_the_whole(asked: Asked) -> None:
    start, end = 1.0, round(asked.seer.truth.duration - 1, 1)
    answer = asked.beside.stream(asked.body("And within the window?", start_time=start, end_time=end))
    inside = clipped(asked.parts, start, end)
    assert right(told_parts(answer.text, asked.parts), inside, SLACK) == 1, answer.text
    assert all(start <= view.start and view.end <= end for view in asked.seer.views)

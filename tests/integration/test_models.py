"""Names of models that an operator gives away: who answers to them, and what becomes of them when servers go and come."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.served import Served, serve
from tests.conformance.wire import base64_video
from tests.model_server.script import Script
from tests.model_server.server import ModelServer

PATIENCE = 60.0
WORDS = "A red card and a blue card are shown."


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer("vllm") as started:
        started.otherwise = Script(WORDS)
        yield started


@pytest.fixture(scope="module")
def served(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("models")
    file = folder / "models.toml"
    file.write_text(
        f'[engines.seeing]\nurls = ["{server.url}"]\n'
        '[engines.away]\nurls = ["http://127.0.0.1:9/v1"]\n'
        '[models.own]\nengines = ["away", "seeing", "scripted"]\nrules = "pegasus1.6"\n'
        '[models.alone]\nengines = ["away"]\n'
    )
    with serve(folder / "data", models_file=file, log_level="warning") as started:
        yield started


def body(**more: Any) -> dict[str, Any]:
    video = base64_video(clip("plain.mp4"))
    return {"video": video, "prompt": "What is shown?", "stream": False, "max_tokens": 600, **more}


def models(wire: httpx2.Client) -> dict[str, dict[str, Any]]:
    return {row["model_name"]: row for row in wire.get("models").json()["data"]}


def until_answered_by(wire: httpx2.Client, engine: str) -> None:
    end = time.monotonic() + PATIENCE
    while models(wire)["own"]["engine"]["name"] != engine:
        assert time.monotonic() < end, models(wire)["own"]
        time.sleep(0.1)


def test_an_own_name_is_answered_by_the_first_engine_that_is_ready(served: Served) -> None:
    with served.client() as wire:
        until_answered_by(wire, "seeing")
        answer = wire.post("analyze", json=body(model_name="own"))
        receipt = wire.get(answer.headers["x-receipt"].removeprefix("/v1.3/")).json()
        row = models(wire)["own"]
    assert answer.json()["data"] == WORDS
    assert (receipt["model_name"], receipt["engine"]["name"]) == ("own", "seeing")
    assert receipt["engine"]["server"]["profile"] == "vllm"
    assert (row["rules"], row["answered_by"]) == ("pegasus1.6", "scripted-vl")
    assert row["engines"] == ["away", "seeing", "scripted"]
    assert row["engine"]["sees_video"] is True


def test_a_task_for_an_own_name_is_answered_by_its_engine(served: Served) -> None:
    asked = body(model_name="own")
    del asked["stream"]
    with served.client() as wire:
        until_answered_by(wire, "seeing")
        task = wire.post("analyze/tasks", json=asked).json()["task_id"]
        end = time.monotonic() + PATIENCE
        while (found := wire.get(f"analyze/tasks/{task}").json())["status"] not in ("ready", "failed"):
            assert time.monotonic() < end, found
            time.sleep(0.1)
    assert found["status"] == "ready", found
    assert found["result"]["data"] == WORDS


def test_names_of_the_api_are_answered_as_ever(served: Served) -> None:
    with served.client() as wire:
        answer = wire.post("analyze", json=body(model_name="pegasus1.5"))
        receipt = wire.get(answer.headers["x-receipt"].removeprefix("/v1.3/")).json()
    assert receipt["engine"]["name"] == "scripted"


def test_a_name_whose_servers_are_away_is_refused_for_now(served: Served) -> None:
    with served.client() as wire:
        answer = wire.post("analyze", json=body(model_name="alone"))
        row = models(wire)["alone"]
    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["message"]
    assert "127.0.0.1" not in answer.text
    assert row["ready"] is False


def test_a_name_that_is_not_there_is_refused_with_those_that_are(served: Served) -> None:
    with served.client() as wire:
        answer = wire.post("analyze", json=body(model_name="other"))
    assert answer.status_code == 400
    assert "pegasus1.2, pegasus1.5, pegasus1.6, own, alone." in answer.json()["message"]


def test_the_next_engine_answers_while_a_server_is_away(served: Served, server: ModelServer) -> None:
    with served.client() as wire:
        until_answered_by(wire, "seeing")
        server.down()
        try:
            # The first question finds out; from then on the next engine of the list answers.
            end = time.monotonic() + PATIENCE
            while (answer := wire.post("analyze", json=body(model_name="own"))).status_code != 200:
                assert time.monotonic() < end, answer.text
                time.sleep(0.2)
            assert answer.json()["data"] != WORDS
            until_answered_by(wire, "scripted")
        finally:
            server.up()
        until_answered_by(wire, "seeing")

"""A whole analysis through a served Kinoscribe, with a real model server behind it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conformance.served import ROOT, Served, serve
from tests.real_servers.servers import CONTEXT, MODEL, RealServer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

CLIP = ROOT / "examples" / "reel.mp4"
PATIENCE = 300.0


@pytest.fixture(scope="module")
def served(server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    file = folder / "models.toml"
    file.write_text(f'[engines.tiny]\nurls = ["{server.url}"]\n[models.{MODEL}]\nengines = ["tiny"]\n')
    with serve(
        folder / "data",
        engine="openai",
        engine_url=server.url,
        models_file=file,
        collectors="shots,looks",
    ) as started:
        yield started


@pytest.fixture(scope="module")
def asset(served: Served) -> str:
    with served.client() as client, CLIP.open("rb") as video:
        answer = client.post("assets", data={"method": "direct"}, files={"file": (CLIP.name, video)})
        asset_id = str(answer.json()["_id"])
        until = time.monotonic() + PATIENCE
        while client.get(f"assets/{asset_id}").json()["status"] != "ready":
            assert time.monotonic() < until
            time.sleep(0.2)
    return asset_id


def body(asset: str, **more: Any) -> dict[str, Any]:
    video = {"type": "asset_id", "asset_id": asset}
    return {"model_name": MODEL, "video": video, "prompt": "What is seen?", "max_tokens": 512, **more}


def test_the_list_of_models_tells_what_truly_answers(served: Served, server: RealServer) -> None:
    with served.client() as client:
        rows = {row["model_name"]: row for row in client.get("models").json()["data"]}
    assert {"pegasus1.5", MODEL} <= set(rows)
    assert rows[MODEL]["answered_by"] == MODEL
    assert rows[MODEL]["engine"]["sees_video"] is True
    assert rows[MODEL]["engine"]["context_tokens"] == CONTEXT
    assert rows[MODEL]["engine"]["server"]["profile"] == server.kind


def test_a_question_is_answered_in_a_stream_and_its_receipt_names_the_server(
    served: Served, asset: str, server: RealServer
) -> None:
    with served.client() as client:
        answer = client.post("analyze", json=body(asset), timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        lines = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
        receipt = client.get(answer.headers["x-receipt"].removeprefix("/v1.3/")).json()
    assert [line["event_type"] for line in (lines[0], lines[-1])] == ["stream_start", "stream_end"]
    assert any(line["event_type"] == "text_generation" for line in lines)
    assert (receipt["model_name"], receipt["engine"]["model"]) == (MODEL, MODEL)
    assert receipt["engine"]["server"]["profile"] == server.kind
    assert receipt["tokens"]["input_tokens"] > 0


def test_json_is_as_the_schema_wants_it(served: Served, asset: str) -> None:
    """Random weights would write a number without an end, so there is none in it."""
    schema = {
        "type": "object",
        "properties": {
            "indoors": {"type": "boolean"},
            "kind": {"type": "string", "enum": ["film", "lesson", "news"]},
        },
        "required": ["indoors", "kind"],
    }
    wanted = {"type": "json_schema", "json_schema": schema}
    with served.client() as client:
        asked = body(asset, stream=False, temperature=0, response_format=wanted)
        answer = client.post("analyze", json=asked, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["finish_reason"] == "stop"
    found = json.loads(answer.json()["data"])
    assert isinstance(found["indoors"], bool)
    assert found["kind"] in ("film", "lesson", "news")


def test_a_task_comes_to_an_end(served: Served, asset: str) -> None:
    with served.client() as client:
        task = client.post("analyze/tasks", json=body(asset)).json()["task_id"]
        until = time.monotonic() + PATIENCE
        while (found := client.get(f"analyze/tasks/{task}").json())["status"] not in ("ready", "failed"):
            assert time.monotonic() < until, found
            time.sleep(0.2)
    assert found["status"] == "ready", found
    assert found["result"]["data"]


def test_doctor_tells_what_it_found(served: Served, server: RealServer) -> None:
    told = served.command("doctor", "--json")
    assert "keeps to a JSON schema" in told
    assert f"profile {server.kind}" in told

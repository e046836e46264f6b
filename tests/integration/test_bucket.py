"""An api and a worker with nothing in common but a database and a bucket: what one takes in, the other does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.served import PROGRAM
from tests.conformance.wire import Json, base64_video
from tests.object_store import REGION, Bucket, Trouble, Way

from kinoscribe.storage.listing import below

KEY = "a-key-for-the-bucket-tests-0123456789"
SECONDS = 120


@dataclass
class Machines:
    """Two folders that stand for two machines, with a process on each."""

    url: str
    folder: Path
    environment: dict[str, str]
    worker: subprocess.Popen[bytes]

    def client(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=f"{self.url}/v1.3/", headers={"x-api-key": KEY}, timeout=60, trust_env=False
        )

    def get(self, path: str) -> Json:
        with self.client() as client:
            response = client.get(path)
            assert response.status_code == 200, response.text
            return dict(response.json())

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, "KINOSCRIBE_DATA_DIR": str(self.folder / "api")}
        return subprocess.run(
            [*PROGRAM, *words], env=environment, capture_output=True, text=True, timeout=120, check=False
        )


def begin(folder: Path, environment: dict[str, str], name: str, *more: str) -> subprocess.Popen[bytes]:
    own = folder / name
    own.mkdir(parents=True, exist_ok=True)
    with (own / "log").open("ab") as log:
        return subprocess.Popen(
            [*PROGRAM, *more],
            env={**environment, "KINOSCRIBE_DATA_DIR": str(own)},
            stdout=log,
            stderr=log,
            cwd=own,
        )


@pytest.fixture
def machines(tmp_path: Path, bucket: Bucket, way: Way) -> Iterator[Machines]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KINOSCRIBE_")}
    environment |= {
        "KINOSCRIBE_ENGINE": "scripted",
        "KINOSCRIBE_API_KEY": KEY,
        "KINOSCRIBE_DATABASE_URL": f"sqlite:///{tmp_path / 'common.db'}",
        "KINOSCRIBE_STORE_URL": bucket.url,
        "KINOSCRIBE_STORE_ENDPOINT": way.endpoint,
        "KINOSCRIBE_STORE_REGION": REGION,
        "KINOSCRIBE_LEASE_SECONDS": "3",
        "KINOSCRIBE_RETRY_SECONDS": "0.5",
        # Nobody brings a video to the other machine before a test has it do so.
        "KINOSCRIBE_EVIDENCE_ON_UPLOAD": "false",
    }
    with ExitStack() as held:
        port = _free_port()
        api = begin(tmp_path, environment, "api", "api", "--host", "127.0.0.1", "--port", str(port))
        held.callback(_end, api)
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url) or api.poll() is not None)
        assert api.poll() is None, (tmp_path / "api" / "log").read_text()
        worker = begin(tmp_path, environment, "worker", "work")
        made = Machines(url, tmp_path, environment, worker)
        held.callback(lambda: _end(made.worker))
        yield made


def until(condition: Callable[[], object], seconds: float = SECONDS) -> bool:
    end = time.monotonic() + seconds
    while not (found := bool(condition())) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def upload(machines: Machines, name: str = "silent.mp4") -> str:
    with machines.client() as client, clip(name).open("rb") as file:
        response = client.post("assets", data={"method": "direct"}, files={"file": (name, file, "video/mp4")})
    assert response.status_code == 201, response.text
    return str(response.json()["_id"])


def ask(machines: Machines, video: Json) -> str:
    body = {"model_name": "pegasus1.5", "video": video, "prompt": "What is it?"}
    with machines.client() as client:
        response = client.post("analyze/tasks", json=body)
    assert response.status_code == 202, response.text
    return str(response.json()["task_id"])


def ended(machines: Machines, task: str) -> Json:
    found: Json = {}

    def has_ended() -> bool:
        found.update(machines.get(f"analyze/tasks/{task}"))
        return found["status"] in {"ready", "failed"}

    assert until(has_ended), found
    return found


def test_what_one_machine_takes_in_another_does(machines: Machines, bucket: Bucket) -> None:
    asset = upload(machines)
    by_asset, by_body = (
        ask(machines, {"type": "asset_id", "asset_id": asset}),
        ask(machines, base64_video(clip("silent.mp4"))),
    )
    assert ended(machines, by_asset)["status"] == "ready"
    assert ended(machines, by_body)["status"] == "ready"
    assert len([key for key in bucket.names() if key.startswith("media/")]) == 1
    assert [key for key in bucket.names() if key.startswith("evidence/")] != []
    assert not list((machines.folder / "worker" / "media").rglob("*"))
    with machines.client() as client:
        assert client.delete(f"assets/{asset}").status_code == 204
    assert until(lambda: bucket.names() == ["pepper"]), bucket.names()


def test_a_question_at_once_is_answered_with_the_eyes_of_another_machine(
    machines: Machines, bucket: Bucket
) -> None:
    video = base64_video(clip("silent.mp4"))
    body = {"model_name": "pegasus1.5", "video": video, "prompt": "What is it?", "stream": False}
    with machines.client() as client:
        response = client.post("analyze", json=body, timeout=SECONDS)
    assert response.status_code == 200, response.text
    assert not [key for key in bucket.names() if key.startswith(("media/", "lent/"))]


def test_a_store_that_fails_in_the_middle_costs_an_attempt_and_no_more(
    machines: Machines, bucket: Bucket, way: Way
) -> None:
    asset = upload(machines)
    assert until(lambda: machines.get(f"assets/{asset}")["status"] == "ready")
    _forget_copies(machines)
    way.trouble = Trouble("cut", lambda method, path: method == "GET" and "/media/" in path, times=5)
    task = ask(machines, {"type": "asset_id", "asset_id": asset})
    assert ended(machines, task)["status"] == "ready"
    assert way.trouble.met == 5


def test_a_store_that_is_away_is_told_and_kept_from_nothing_else(
    machines: Machines, bucket: Bucket, way: Way
) -> None:
    way.trouble = Trouble("500", lambda method, _path: method in {"PUT", "POST"})
    with machines.client() as client, clip("silent.mp4").open("rb") as file:
        response = client.post("assets", data={"method": "direct"}, files={"file": ("x", file, "video/mp4")})
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert response.json()["code"] == "service_unavailable"
        assert bucket.name not in response.text
        assert client.get("assets").json()["data"] == []
    way.trouble = None
    assert machines.get(f"assets/{upload(machines)}")["status"] in {"processing", "ready"}


def test_a_worker_that_is_killed_while_it_reads_leaves_the_task_to_another(
    machines: Machines, bucket: Bucket, way: Way
) -> None:
    asset = upload(machines)
    assert until(lambda: machines.get(f"assets/{asset}")["status"] == "ready")
    _forget_copies(machines)
    way.trouble = Trouble("slow", lambda method, path: method == "GET" and "/media/" in path, seconds=30.0)
    task = ask(machines, {"type": "asset_id", "asset_id": asset})
    assert until(lambda: way.trouble is not None and way.trouble.met > 0)
    machines.worker.kill()
    machines.worker.wait(20)
    way.trouble = None
    machines.worker = begin(machines.folder, machines.environment, "worker", "work")
    assert ended(machines, task)["status"] == "ready"
    assert list((machines.folder / "worker" / "media-cache" / "files").iterdir()) != []


def test_an_account_is_erased_also_in_the_bucket(machines: Machines, bucket: Bucket) -> None:
    asset = upload(machines)
    assert ended(machines, ask(machines, {"type": "asset_id", "asset_id": asset}))["status"] == "ready"
    refused = machines.command("accounts", "erase", "default", "--yes")
    assert "KINOSCRIBE_API_KEY" in refused.stderr
    del machines.environment["KINOSCRIBE_API_KEY"]
    erased = machines.command("accounts", "erase", "default", "--yes", "--json")
    assert erased.returncode == 0, erased.stderr
    assert json.loads(erased.stdout)["assets"] == 1
    assert bucket.names() == ["pepper"]


def _forget_copies(machines: Machines) -> None:
    for name in ("api", "worker"):
        for copy in below(machines.folder, name, "media-cache", "files", "*"):
            copy.unlink(missing_ok=True)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)

"""Rules about many tasks and about time: order, places, limits of the queue, restarts; on both databases."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import both_shapes
from tests.conformance.exact_tasks import canceled, created, task, task_page
from tests.conformance.file_server import FileServer
from tests.conformance.scripted import prompt, write_scripts
from tests.conformance.served import Served, serve
from tests.conformance.wire import (
    Json,
    base64_video,
    connect,
    ended_task,
    finished,
    head,
    make_task,
    new_key,
    task_in,
    upload,
)

OPEN = {"url_allow": "127.0.0.1", "url_ports": 0, "glance_seconds": 0, "retry_seconds": 0.2}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that works on one task after the other and does not look at URLs before it does."""
    folder = tmp_path_factory.mktemp("single")
    with serve(
        folder / "data",
        scripted_file=write_scripts(folder),
        worker_slots=1,
        task_attempts=2,
        queue_most=200,
        queue_most_account=120,
        large_bodies=2,
        **OPEN,
    ) as started:
        yield started


@pytest.fixture
def alone(single: Served, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    """A client of an account of its own on that server; what it leaves behind is canceled."""
    account = "".join(c for c in request.node.name if c.isalnum())[:60]
    with single.client(new_key(single, account)) as client:
        yield client
        for found in task_page(client.get("analyze/tasks?page_limit=50")).data:
            client.post(f"analyze/tasks/{found.task_id}/cancel")


def total(wire: httpx2.Client, **query: str) -> int:
    return task_page(wire.get("analyze/tasks", params={"page_limit": 1, **query})).page_info.total_results


@pytest.mark.rule("C104", "C107", "C110", "C092")
def test_a_queued_task_that_is_deleted_or_canceled_never_runs(
    alone: httpx2.Client, task_body: Json, files: FileServer
) -> None:
    working = make_task(alone, {**task_body, "prompt": prompt("long work")})
    task_in(alone, working, "processing")
    unseen = {**task_body, "video": {"type": "url", "url": files.url("plain.mp4?unseen")}}
    deleted, stopped, kept = (make_task(alone, {**unseen, "custom_id": n}) for n in ("d", "s", "k"))
    assert [task(alone.get(f"analyze/tasks/{i}")).status for i in (deleted, stopped, kept)] == ["queued"] * 3
    assert total(alone, status="queued") == 3
    assert alone.delete(f"analyze/tasks/{deleted}").status_code == 204
    both_shapes(alone.get(f"analyze/tasks/{deleted}"), 404, "resource_not_exist")
    canceled(alone.post(f"analyze/tasks/{stopped}/cancel"))
    first = task(alone.get(f"analyze/tasks/{stopped}"))
    assert (first.status, first.progress) == ("canceled", None)
    assert "/plain.mp4?unseen" not in files.asked
    canceled(alone.post(f"analyze/tasks/{working}/cancel"))
    assert ended_task(alone, kept).status == "ready"
    assert files.asked.count("/plain.mp4?unseen") == 1, "only the task that was kept has fetched"
    assert task(alone.get(f"analyze/tasks/{stopped}")) == first


@pytest.mark.rule("C108", "C107")
def test_canceled_work_frees_its_place_soon(alone: httpx2.Client, task_body: Json) -> None:
    working = make_task(alone, {**task_body, "prompt": prompt("long work")})
    waiting = make_task(alone, task_body)
    task_in(alone, working, "processing")
    assert task(alone.get(f"analyze/tasks/{waiting}")).status == "queued"
    canceled(alone.post(f"analyze/tasks/{working}/cancel"))
    assert ended_task(alone, waiting, seconds=10).status == "ready"


@pytest.mark.rule("C107", "C108")
def test_a_task_is_canceled_while_it_waits_for_its_video(
    alone: httpx2.Client, task_body: Json, files: FileServer
) -> None:
    hanging = make_task(alone, {**task_body, "video": {"type": "url", "url": files.url("hang")}})
    task_in(alone, hanging, "pending")
    waiting = make_task(alone, task_body)
    canceled(alone.post(f"analyze/tasks/{hanging}/cancel"))
    assert ended_task(alone, waiting, seconds=10).status == "ready"
    assert task(alone.get(f"analyze/tasks/{hanging}")).status == "canceled"


@pytest.mark.rule("C111", "C094")
@pytest.mark.parametrize("path", ["nothing.mp4", "page", "text.mp4", "320x240.mp4", "error"])
def test_a_url_that_is_bad_at_fetch_time_fails_the_task(
    alone: httpx2.Client, task_body: Json, files: FileServer, path: str
) -> None:
    asked = {**task_body, "video": {"type": "url", "url": files.url(path)}}
    ended = ended_task(alone, make_task(alone, asked))
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error.message
    assert (ended.video_source.url, ended.result) == (files.url(path), None)


@pytest.mark.rule("C111")
def test_a_url_that_goes_away_between_creation_and_fetch_fails_the_task(
    alone: httpx2.Client, task_body: Json, files: FileServer
) -> None:
    working = make_task(alone, {**task_body, "prompt": prompt("long work")})
    task_in(alone, working, "processing")
    url = files.url("later/silent.mp4")
    task_id = make_task(alone, {**task_body, "video": {"type": "url", "url": url}})
    files.gone.add("later/silent.mp4")
    canceled(alone.post(f"analyze/tasks/{working}/cancel"))
    ended = ended_task(alone, task_id)
    assert (ended.status, ended.error is not None) == ("failed", True)
    files.gone.discard("later/silent.mp4")


@pytest.mark.rule("C204", "C091", "C103")
def test_a_hundred_creations_at_once_are_a_hundred_tasks(single: Served, alone: httpx2.Client) -> None:
    video = base64_video(clip("4.0s.mp4"))
    key = alone.headers["x-api-key"]

    def send(number: int) -> str:
        body = {"video": video, "prompt": f"Question {number}", "custom_id": f"n{number}"}
        with single.client(key) as client:
            return created(client.post("analyze/tasks", json=body))

    with ThreadPoolExecutor(100) as pool:
        made = list(pool.map(send, range(100)))
    assert len(set(made)) == 100
    assert total(alone) == 100
    for task_id in made:
        assert ended_task(alone, task_id).status == "ready"
    assert total(alone, status="ready") == 100
    ids: list[str] = []
    for page in (1, 2, 3):
        found = task_page(alone.get("analyze/tasks", params={"page": page, "page_limit": 50}))
        ids += [row.task_id for row in found.data]
    assert sorted(ids) == sorted(made)


@pytest.mark.rule("C091")
def test_a_full_queue_is_503_and_creates_nothing(tmp_path: Path, task_body: Json) -> None:
    settings = {"scripted_file": write_scripts(tmp_path), "queue_most_account": 2, "queue_most": 3}
    with serve(tmp_path / "data", worker_slots=1, **settings, **OPEN) as full, full.client() as client:
        first = make_task(client, {**task_body, "prompt": prompt("long work")})
        make_task(client, task_body)
        once = {"Idempotency-Key": "k"}
        refused = client.post("analyze/tasks", json=task_body, headers=once)
        both_shapes(refused, 503, "service_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert total(client) == 2
        with full.client(new_key(full, "other")) as other:
            make_task(other, task_body)
            both_shapes(other.post("analyze/tasks", json=task_body), 503, "service_unavailable")
        canceled(client.post(f"analyze/tasks/{first}/cancel"))
        again = client.post("analyze/tasks", json=task_body, headers=once)
        assert created(again)
        assert "idempotent-replayed" not in again.headers


@pytest.mark.rule("C011")
def test_large_bodies_are_bounded_and_small_ones_pass(single: Served, alone: httpx2.Client) -> None:
    whole = json.dumps({"prompt": "x" * 1_200_000, "temperature": 5}).encode()
    key = alone.headers["x-api-key"]
    with connect(single) as one, connect(single) as two:
        for raw in (one, two):
            raw.send(head(single, "POST", "/v1.3/analyze/tasks", len(whole)) + whole[:1_100_000])
        refused = _until_status(lambda: alone.post("analyze/tasks", content=whole), 503)
        both_shapes(refused, 503, "service_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        with single.client(key) as client:
            grown = client.post("analyze", content=iter([whole[:600_000], whole[600_000:]]))
            assert (grown.status_code, grown.json()["code"]) == (503, "service_unavailable")
        both_shapes(alone.post("analyze/tasks", json={"prompt": "x"}), 400, "parameter_not_provided")
        one.send(whole[1_100_000:])
        assert b" 400 " in one.receive_until(b"\r\n")
        assert alone.post("analyze/tasks", content=whole).status_code == 400, "a place is free again"
    assert _until_status(lambda: alone.post("analyze/tasks", content=whole), 400)


def _until_status(send: Callable[[], httpx2.Response], status: int) -> httpx2.Response:
    until = time.monotonic() + 10
    while (response := send()).status_code != status:
        assert time.monotonic() < until, response.text
        time.sleep(0.05)
    return response


RESTART = {"api_key": "of-all", "worker_slots": 1, "lease_seconds": 1, "drain_seconds": 0.2, **OPEN}


@pytest.mark.rule("C109", "C110", "C092")
@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_work_and_queue_survive_a_restart(
    tmp_path: Path, task_body: Json, files: FileServer, database_url: str, ending: str
) -> None:
    """The task at work begins anew, and the queued ones follow in their order, each once."""
    settings = {**RESTART, "scripted_file": write_scripts(tmp_path), "database_url": database_url}
    with serve(tmp_path / "data", **settings) as first, first.client() as client:
        working = make_task(client, {**task_body, "prompt": prompt("a while")})
        inline = {**task_body, "video": base64_video(clip("silent.mp4"))}
        queued = [make_task(client, inline)] + [make_task(client, task_body) for _ in range(4)]
        task_in(client, working, "processing")
        getattr(first, ending)()
    with serve(tmp_path / "data", **settings) as second, second.client() as client:
        assert total(client) == 6
        ended = [ended_task(client, task_id) for task_id in (working, *queued)]
        assert [found.status for found in ended] == ["ready"] * 6
        times = [found.completed_at for found in ended]
        assert times == sorted(times, key=str), "in the order in which they were created"
        generations = {found.result.generation_id for found in ended if found.result is not None}
        assert len(generations) == 6
        time.sleep(1.5)
        assert [task(client.get(f"analyze/tasks/{found.task_id}")) for found in ended] == ended


@pytest.mark.rule("C091", "C092", "C102", "C103", "C104", "C107", "C021", "C024")
def test_the_tasks_of_a_server_on_postgresql(
    tmp_path: Path, task_body: Json, files: FileServer, postgresql_url: str
) -> None:
    settings = {**RESTART, "scripted_file": write_scripts(tmp_path), "database_url": postgresql_url}
    once = {"Idempotency-Key": "the same"}
    with serve(tmp_path / "data", **settings) as served, served.client() as client:
        made = created(client.post("analyze/tasks", json=task_body, headers=once))
        assert created(client.post("analyze/tasks", json=task_body, headers=once)) == made
        changed = client.post("analyze/tasks", json={**task_body, "temperature": 1}, headers=once)
        both_shapes(changed, 422, "idempotency_key_reused")
        assert ended_task(client, made).status == "ready"
        asset = finished(client, upload(client, clip("plain.mp4")).json()["_id"])
        by_asset = {**task_body, "video": {"type": "asset_id", "asset_id": asset.id}}
        second = make_task(client, by_asset)
        assert ended_task(client, second).video_source.asset_id == asset.id
        long = make_task(client, {**task_body, "prompt": prompt("long work"), "custom_id": "long"})
        task_in(client, long, "processing")
        both_shapes(client.delete(f"analyze/tasks/{long}"), 409, "task_cannot_be_deleted")
        waiting = make_task(client, task_body)
        assert client.delete(f"analyze/tasks/{waiting}").status_code == 204
        canceled(client.post(f"analyze/tasks/{long}/cancel"))
        page = task_page(client.get("analyze/tasks"))
        assert [found.task_id for found in page.data] == [long, second, made]
        assert total(client, status="canceled") == 1
        assert total(client, asset_id=asset.id, status="ready") == 1
        served.kill()
    with serve(tmp_path / "data", **settings) as again, again.client() as client:
        assert created(client.post("analyze/tasks", json=task_body, headers=once)) == made
        assert total(client) == 3

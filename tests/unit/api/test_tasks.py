"""The handlers of tasks on a real server and real rows; a claim stands for the worker."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.api.running import Running, running

from kinoscribe.contract.errors import EngineFailed, StorageFull
from kinoscribe.storage.task_queue import Outcome
from kinoscribe.storage.task_rows import Task, TaskRows

URL = "http://127.0.0.1:9/v.mp4"
BODY = {"model_name": "pegasus1.5", "video": {"type": "url", "url": URL}, "prompt": "What is said?"}
NOBODY = "0123456789abcdef01234567"
DONE = Outcome("a-generation", "The answer.", "stop", input_tokens=7, output_tokens=3)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, glance_seconds=0, queue_most_account=3, queue_most=4, large_bodies=1) as started:
        yield started


@pytest.fixture
def client(server: Running) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def make(client: httpx2.Client, headers: dict[str, str] | None = None, **more: Any) -> str:
    response = client.post("analyze/tasks", json={**BODY, **more}, headers=headers)
    assert response.status_code == 202, response.text
    assert set(response.json()) == {"task_id", "status"}
    assert response.json()["status"] == "queued"
    task_id: str = response.json()["task_id"]
    return task_id


def shown(client: httpx2.Client, task_id: str) -> dict[str, Any]:
    response = client.get(f"analyze/tasks/{task_id}")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def claimed(server: Running) -> Task:
    (task,) = server.queue.claim("me", 1)
    return task


def code(response: httpx2.Response) -> tuple[int, str]:
    body = response.json()
    assert body["error"] == {"code": body["code"], "message": body["message"]}
    return response.status_code, body["code"]


def test_a_task_is_shown_on_its_whole_way(server: Running, client: httpx2.Client) -> None:
    task_id = make(client, custom_id="mine")
    first = shown(client, task_id)
    assert (first["status"], first["custom_id"]) == ("queued", "mine")
    assert first["video_source"] == {"type": "url", "url": URL}
    assert first["request_params"]["prompt"] == BODY["prompt"]
    assert not {"progress", "result", "error", "completed_at", "webhooks"} & set(first)
    claim = claimed(server).claim
    assert shown(client, task_id)["status"] == "pending"
    assert server.queue.begin(claim, 8.0)
    assert server.queue.progress(claim, "listen", 0.25)
    at_work = shown(client, task_id)
    assert (at_work["status"], at_work["progress"]) == (
        "processing",
        {"stage": "listen", "fraction": 0.25, "attempt": 1},
    )
    assert at_work["video_source"]["system_metadata"] == {"duration": 8}
    assert server.queue.finish(claim, DONE)
    response = client.get(f"analyze/tasks/{task_id}")
    ended = response.json()
    assert ended["status"] == "ready"
    assert ended["result"] == {
        "generation_id": "a-generation",
        "data": "The answer.",
        "finish_reason": "stop",
        "usage": {"output_tokens": 3, "input_tokens": 7},
    }
    assert not {"progress", "error", "webhooks"} & set(ended)
    assert response.headers["x-receipt"] == "/v1.3/receipts/a-generation"


def test_why_an_attempt_failed_is_shown_only_when_it_was_the_last(
    server: Running, client: httpx2.Client
) -> None:
    task_id = make(client)
    assert server.queue.again(claimed(server).claim, 0, EngineFailed(reason="no power."), strike=True)
    assert "error" not in shown(client, task_id)
    task = claimed(server)
    assert (task.attempt, shown(client, task_id)["progress"]["attempt"]) == (2, 2)
    error = EngineFailed(reason="no power.")
    error.receipt = "a-generation"
    assert server.queue.fail(task.claim, error)
    ended = shown(client, task_id)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "internal_server_error")
    assert "no power" in ended["error"]["message"]
    assert "result" not in ended
    assert client.get(f"analyze/tasks/{task_id}").headers["x-receipt"] == "/v1.3/receipts/a-generation"


def test_a_video_inside_the_body_is_looked_at_kept_and_not_shown(
    server: Running, client: httpx2.Client
) -> None:
    text = base64.b64encode(b"VIDEO and so on").decode()
    task_id = make(client, video={"type": "base64_string", "base64_string": text})
    assert shown(client, task_id)["video_source"] == {
        "type": "base64_string",
        "system_metadata": {"duration": 8},
    }
    (file,) = server.tasks.files(task_id)
    assert server.blobs.path(file.content).read_bytes() == b"VIDEO and so on"
    assert server.incoming() == []
    other = base64.b64encode(b"TEXT").decode()
    refused = client.post(
        "analyze/tasks", json={**BODY, "video": {"type": "base64_string", "base64_string": other}}
    )
    assert code(refused) == (400, "video_file_broken")
    assert server.incoming() == []
    assert list(server.blobs.kept()) == [file.content]


def test_the_list_is_paged_narrowed_and_shortened(server: Running, client: httpx2.Client) -> None:
    first = make(client, prompt="x" * 40)
    second = make(client, custom_id="b")
    body = client.get("analyze/tasks").json()
    assert [row["task_id"] for row in body["data"]] == [second, first]
    assert body["data"][1]["request_params"]["prompt"] == "x" * 30
    assert shown(client, first)["request_params"]["prompt"] == "x" * 40
    page = client.get("analyze/tasks?page=2&page_limit=1&status=queued").json()
    assert [row["task_id"] for row in page["data"]] == [first]
    assert page["page_info"] == {"limit_per_page": 1, "page": 2, "total_page": 2, "total_results": 2}
    for query in ("status=ready", "video_url=http://a.example/", f"asset_id={NOBODY}", "video_id=x"):
        assert client.get(f"analyze/tasks?{query}").json()["data"] == [], query
    assert len(client.get(f"analyze/tasks?video_url={URL}&analysis_mode=general").json()["data"]) == 2
    for query in ("status=done", "page=0", "page_limit=51"):
        assert code(client.get(f"analyze/tasks?{query}")) == (400, "parameter_invalid")


def test_deleting_and_canceling_follow_the_state(server: Running, client: httpx2.Client) -> None:
    task_id = make(client)
    claim = claimed(server).claim
    assert server.queue.begin(claim, None)
    assert code(client.delete(f"analyze/tasks/{task_id}")) == (409, "task_cannot_be_deleted")
    for _ in range(2):
        canceled = client.post(f"analyze/tasks/{task_id}/cancel")
        assert (canceled.status_code, canceled.json()) == (200, {"task_id": task_id, "status": "canceled"})
    assert not server.queue.finish(claim, DONE)
    assert shown(client, task_id)["error"]["code"] == "user_canceled"
    gone = client.delete(f"analyze/tasks/{task_id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert code(client.get(f"analyze/tasks/{task_id}")) == (404, "resource_not_exist")
    assert code(client.delete(f"analyze/tasks/{task_id}")) == (404, "resource_not_exist")
    ready = make(client)
    assert server.queue.finish(claimed(server).claim, DONE)
    assert code(client.post(f"analyze/tasks/{ready}/cancel")) == (409, "task_cannot_be_canceled")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"/{NOBODY}", (404, "resource_not_exist")),
        ("DELETE", f"/{NOBODY}", (404, "resource_not_exist")),
        ("POST", f"/{NOBODY}/cancel", (404, "resource_not_exist")),
        ("GET", "/x", (404, "resource_not_exist")),
        ("DELETE", "/x", (404, "resource_not_exist")),
        ("POST", "/x/cancel", (400, "parameter_invalid")),
        ("PUT", f"/{NOBODY}", (405, "method_not_allowed")),
        ("GET", f"/{NOBODY}/cancel", (405, "method_not_allowed")),
        ("GET", f"/{NOBODY}/more", (404, "route_not_found")),
    ],
)
def test_what_is_not_there_is_refused_in_both_shapes(
    client: httpx2.Client, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert code(client.request(method, f"analyze/tasks{path}")) == expected


def test_another_account_sees_nothing(server: Running, client: httpx2.Client) -> None:
    task_id = make(client)
    with server.client(server.keys.create("b")[0]) as other:
        assert code(other.get(f"analyze/tasks/{task_id}")) == (404, "resource_not_exist")
        assert code(other.delete(f"analyze/tasks/{task_id}")) == (404, "resource_not_exist")
        assert code(other.post(f"analyze/tasks/{task_id}/cancel")) == (404, "resource_not_exist")
        assert other.get("analyze/tasks").json()["data"] == []
    assert shown(client, task_id)["status"] == "queued"


def test_a_key_makes_one_task_and_its_answer_is_given_again(server: Running, client: httpx2.Client) -> None:
    key = {"Idempotency-Key": "once"}
    task_id = make(client, key)
    again = client.post("/analyze/tasks", content=json.dumps(BODY, indent=2), headers=key)
    assert (again.status_code, again.json()) == (202, {"task_id": task_id, "status": "queued"})
    assert again.headers["idempotent-replayed"] == "true"
    assert code(client.post("analyze/tasks", json={**BODY, "temperature": 1}, headers=key)) == (
        422,
        "idempotency_key_reused",
    )
    long = {"Idempotency-Key": "x" * 256}
    assert code(client.post("analyze/tasks", json=BODY, headers=long)) == (400, "parameter_invalid")
    with server.client(server.keys.create("b")[0]) as other:
        assert make(other, key) != task_id
    assert client.get("analyze/tasks").json()["page_info"]["total_results"] == 1


def test_a_replay_asks_no_host_and_needs_no_room(server: Running, client: httpx2.Client) -> None:
    key = {"Idempotency-Key": "once"}
    task_id = make(client, key)
    make(client)
    make(client)
    assert code(client.post("analyze/tasks", json=BODY)) == (503, "service_unavailable")
    assert make(client, key) == task_id


def test_a_failed_call_leaves_its_key_free(client: httpx2.Client) -> None:
    key = {"Idempotency-Key": "once"}
    refused = client.post("analyze/tasks", json={**BODY, "temperature": 5}, headers=key)
    assert code(refused) == (400, "parameter_invalid")
    assert make(client, key)


def test_eight_at_once_make_one_task(server: Running, client: httpx2.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: make(client, {"Idempotency-Key": "once"}), range(8)))
    assert len(made) == 1
    assert client.get("analyze/tasks").json()["page_info"]["total_results"] == 1


def test_a_full_queue_is_503_with_a_time_to_come_back(server: Running, client: httpx2.Client) -> None:
    for _ in range(3):
        make(client)
    refused = client.post("analyze/tasks", json=BODY)
    assert code(refused) == (503, "service_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert "this account" in refused.json()["message"]
    with server.client(server.keys.create("b")[0]) as other:
        make(other)
        full = other.post("analyze/tasks", json=BODY)
        assert code(full) == (503, "service_unavailable")
        assert "this server" in full.json()["message"]


def test_a_full_disk_is_507_and_keeps_nothing(
    server: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageFull

    monkeypatch.setattr(TaskRows, "submit", full)
    text = base64.b64encode(b"VIDEO").decode()
    body = {**BODY, "video": {"type": "base64_string", "base64_string": text}}
    assert code(client.post("analyze/tasks", json=body)) == (507, "storage_full")
    assert server.incoming() == []
    assert list(server.blobs.kept()) == []


def test_a_bug_behind_the_handler_tells_nothing(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("/secret")

    monkeypatch.setattr(TaskRows, "submit", bug)
    response = client.post("analyze/tasks", json=BODY)
    assert code(response) == (500, "internal_server_error")
    assert "secret" not in response.text


def test_large_bodies_are_bounded_while_they_come_in(server: Running, client: httpx2.Client) -> None:
    head = (
        f"POST /v1.3/analyze/tasks HTTP/1.1\r\nHost: a\r\nx-api-key: {server.key}\r\n"
        "Content-Length: 2000000\r\n\r\n"
    ).encode()
    large = json.dumps({**BODY, "prompt": "x" * 1_100_000, "temperature": 9})
    with server.connect() as raw:
        raw.sendall(head + b"{")
        assert server.settled(lambda: server.house.bodies.taken == 1, 20.0)
        refused = client.post("analyze/tasks", content=large)
        assert code(refused) == (503, "service_unavailable")
        assert "large bodies" in refused.json()["message"]
        grown = client.post("analyze", content=iter([large[:600_000].encode(), large[600_000:].encode()]))
        assert (grown.status_code, grown.json()["code"]) == (503, "service_unavailable")
        make(client)
    assert server.settled(lambda: client.post("analyze/tasks", content=large).status_code == 400)


def test_creations_that_wait_for_a_host_hold_up_no_reads(
    server: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there are threads for creations, and some more."""
    server.looks.go.clear()
    text = base64.b64encode(b"VIDEO").decode()
    body = {**BODY, "video": {"type": "base64_string", "base64_string": text}, "custom_id": "waits"}
    task_id = make(client)
    limiter = server.house.creations
    with ThreadPoolExecutor(70) as pool:
        waiting = [pool.submit(httpx2_post, server, body) for _ in range(70)]
        assert server.settled(lambda: limiter.available_tokens == 0, 20)
        assert shown(client, task_id)["status"] == "queued"
        assert client.get("assets").status_code == 200
        server.looks.go.set()
        statuses = sorted(future.result().status_code for future in waiting)
    assert statuses == [202] * 2 + [503] * 68


def httpx2_post(server: Running, body: dict[str, Any]) -> httpx2.Response:
    with server.client() as client:
        return client.post("analyze/tasks", json=body)


LIMITED = {"rate_limits": "analyze:rpm=2,analyze:dph=1,upload:rpm=1", "glance_seconds": 0}


def told(response: httpx2.Response, what: str = "request") -> tuple[int, int]:
    return tuple(int(response.headers[f"x-ratelimit-{what}-{name}"]) for name in ("limit", "remaining"))  # type: ignore[return-value]


def test_calls_are_counted_before_their_body_is_read_and_told_on_every_answer(tmp_path: Path) -> None:
    with running(tmp_path, **LIMITED) as server, server.client() as client:
        bad = client.post("analyze/tasks", content=b"no")
        assert (code(bad), told(bad)) == ((400, "parameter_invalid"), (2, 1))
        good = client.post("analyze/tasks", json=BODY)
        assert (good.status_code, told(good)) == (202, (2, 0))
        over = client.post("analyze/tasks", content=b"no")
        assert (code(over), told(over)) == ((429, "too_many_requests"), (2, 0))
        assert 1 <= int(over.headers["retry-after"]) <= 60
        flat = client.post("analyze", json=BODY)
        assert (flat.status_code, flat.json()["code"], told(flat)) == (429, "too_many_requests", (2, 0))
        assert "error" not in flat.json()
        for path in ("analyze/tasks", f"analyze/tasks/{good.json()['task_id']}", "assets"):
            read = client.get(path)
            assert read.status_code == 200
            assert not [name for name in read.headers if name.startswith("x-ratelimit")]
        assert client.post(f"analyze/tasks/{good.json()['task_id']}/cancel").status_code == 200
        form = {"method": (None, "url"), "url": (None, URL)}
        uploads = [client.post("assets", files=form) for _ in range(2)]
        assert [upload.status_code for upload in uploads] == [201, 429]
        assert [told(upload) for upload in uploads] == [(1, 0), (1, 0)]


def test_minutes_of_a_video_that_is_known_are_reserved_before_the_task_is_kept(tmp_path: Path) -> None:
    text = base64.b64encode(b"VIDEO").decode()
    body = {**BODY, "video": {"type": "base64_string", "base64_string": text}}
    with (
        running(tmp_path, **{**LIMITED, "rate_limits": "analyze:dph=1"}) as server,
        server.client() as client,
    ):
        for number in range(1, 8):  # eight seconds each
            made = client.post("analyze/tasks", json=body)
            assert made.status_code == 202, number
        over = client.post("analyze/tasks", json=body)
        assert code(over) == (429, "too_many_requests")
        assert client.get("analyze/tasks").json()["page_info"]["total_results"] == 7
        part = client.post("analyze/tasks", json={**body, "start_time": 0, "end_time": 4})
        assert part.status_code == 202, "what fits is let in"
        assert told(part, "duration") == (1, 0)


def test_an_unlimited_server_tells_no_limits(server: Running, client: httpx2.Client) -> None:
    response = client.post("analyze/tasks", json=BODY)
    assert not [name for name in response.headers if name.startswith("x-ratelimit")]


@pytest.mark.parametrize(("dialect", "status"), [("strict", 422), ("wide", 202)])
def test_an_operator_may_accept_more_words_in_schemas(tmp_path: Path, dialect: str, status: int) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": schema}
    with running(tmp_path, glance_seconds=0, schema=dialect) as server, server.client() as client:
        assert client.post("analyze/tasks", json={**BODY, "response_format": form}).status_code == status

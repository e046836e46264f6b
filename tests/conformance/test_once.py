"""Rules C021 to C026: what an `Idempotency-Key` promises, on tasks and on uploads."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact import Asset, both_shapes, refusal
from tests.conformance.exact_tasks import created, task_page
from tests.conformance.sdk_environments import Sdk
from tests.conformance.served import Served, serve
from tests.conformance.wire import Json, ended_task, make_task, new_key, without


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": f"once {secrets.token_hex(8)} ~!"}


def total(wire: httpx2.Client) -> int:
    return task_page(wire.get("analyze/tasks?page_limit=1")).page_info.total_results


@pytest.mark.rule("C021")
def test_the_same_key_with_the_same_body_gives_the_same_task_once(
    served: Served, task_body: Json, key: dict[str, str]
) -> None:
    with served.client(new_key(served, "once")) as client:
        first = client.post("analyze/tasks", json=task_body, headers=key)
        task_id = created(first)
        assert "idempotent-replayed" not in first.headers
        ended_task(client, task_id)
        other_order = json.dumps(dict(reversed(task_body.items())), indent=3).encode()
        with_nulls = json.dumps({**task_body, "custom_id": None}).encode()
        for content in (json.dumps(task_body).encode(), other_order, with_nulls):
            again = client.post("analyze/tasks", content=content, headers=key)
            assert created(again) == task_id
            assert again.headers["idempotent-replayed"] == "true"
        assert total(client) == 1


@pytest.mark.rule("C021")
def test_a_key_belongs_to_its_account_and_its_route(
    wire: httpx2.Client, stranger: httpx2.Client, task_body: Json, key: dict[str, str]
) -> None:
    first = make_task(wire, task_body)
    mine = created(wire.post("analyze/tasks", json=task_body, headers=key))
    theirs = stranger.post("analyze/tasks", json=task_body, headers=key)
    assert created(theirs) not in (first, mine)
    assert "idempotent-replayed" not in theirs.headers
    uploaded = _upload(wire, key)
    assert (uploaded.status_code, "idempotent-replayed" in uploaded.headers) == (201, False)


@pytest.mark.rule("C021")
def test_a_key_means_the_same_with_the_version_in_front_and_without(
    served: Served, task_body: Json, key: dict[str, str]
) -> None:
    with served.client() as client, served.client(prefix="") as bare:
        task_id = created(client.post("analyze/tasks", json=task_body, headers=key))
        assert created(bare.post("analyze/tasks", json=task_body, headers=key)) == task_id


@pytest.mark.rule("C021")
def test_the_answer_is_kept_when_the_task_is_gone(
    wire: httpx2.Client, task_body: Json, key: dict[str, str]
) -> None:
    task_id = created(wire.post("analyze/tasks", json=task_body, headers=key))
    ended_task(wire, task_id)
    assert wire.delete(f"analyze/tasks/{task_id}").status_code == 204
    assert created(wire.post("analyze/tasks", json=task_body, headers=key)) == task_id


@pytest.mark.rule("C022")
def test_the_same_key_with_another_body_is_422(
    wire: httpx2.Client, task_body: Json, key: dict[str, str]
) -> None:
    make_task(wire, task_body, **{k.replace("-", "_"): v for k, v in key.items()})
    before = total(wire)
    changed = wire.post("analyze/tasks", json={**task_body, "temperature": 0.9}, headers=key)
    both_shapes(changed, 422, "idempotency_key_reused")
    assert total(wire) == before


@pytest.mark.rule("C022", "C204")
def test_eight_at_once_make_one_task(served: Served, task_body: Json, key: dict[str, str]) -> None:
    account = new_key(served, "eight")

    def send(_: int) -> httpx2.Response:
        with served.client(account) as client:
            return client.post("analyze/tasks", json=task_body, headers=key)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    good = [answer for answer in answers if answer.status_code == 202]
    for answer in answers:
        if answer.status_code != 202:
            both_shapes(answer, 409, "idempotency_key_in_use")
    assert len({created(answer) for answer in good}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in good) == 1
    with served.client(account) as client:
        assert total(client) == 1


@pytest.mark.rule("C023")
def test_a_key_whose_call_failed_is_free_again(
    wire: httpx2.Client, task_body: Json, key: dict[str, str]
) -> None:
    bad = {**task_body, "temperature": 5}
    both_shapes(wire.post("analyze/tasks", json=bad, headers=key), 400, "parameter_invalid")
    unknown = {**task_body, "video": {"type": "asset_id", "asset_id": "0" * 24}}
    both_shapes(wire.post("analyze/tasks", json=unknown, headers=key), 404, "resource_not_exist")
    good = wire.post("analyze/tasks", json=task_body, headers=key)
    assert created(good)
    assert "idempotent-replayed" not in good.headers


@pytest.mark.rule("C024")
def test_a_key_is_remembered_over_a_restart(tmp_path: Path, task_body: Json, key: dict[str, str]) -> None:
    settings = {"url_allow": "127.0.0.1", "url_ports": 0, "api_key": "of-both"}
    with serve(tmp_path / "data", **settings) as first, first.client() as client:
        task_id = created(client.post("analyze/tasks", json=task_body, headers=key))
        asset_id = _upload(client, key).json()["_id"]
        first.kill()
    with serve(tmp_path / "data", **settings) as second, second.client() as client:
        again = client.post("analyze/tasks", json=task_body, headers=key)
        assert (created(again), again.headers["idempotent-replayed"]) == (task_id, "true")
        assert total(client) == 1
        assert ended_task(client, task_id).status == "ready"
        uploaded = _upload(client, key)
        assert (uploaded.json()["_id"], uploaded.headers["idempotent-replayed"]) == (asset_id, "true")


@pytest.mark.rule("C025")
@pytest.mark.parametrize(
    "key", ["", "x" * 256, "tab\there", "\u00e9"], ids=["empty", "long", "tab", "accent"]
)
def test_a_key_out_of_its_form_is_400(wire: httpx2.Client, task_body: Json, key: str) -> None:
    headers = [("Idempotency-Key", key.encode("latin-1"))]
    before = total(wire)
    response = wire.post("analyze/tasks", content=json.dumps(task_body), headers=headers)  # type: ignore[arg-type]
    assert "Idempotency-Key" in both_shapes(response, 400, "parameter_invalid").message
    assert total(wire) == before
    assert created(wire.post("analyze/tasks", json=task_body, headers={"Idempotency-Key": "x" * 255}))


@pytest.mark.rule("C025")
def test_the_direct_route_ignores_a_key(wire: httpx2.Client, body: Json, key: dict[str, str]) -> None:
    for asked in (body, {**body, "temperature": 1}):
        response = wire.post("analyze", json=asked, headers=key)
        assert (response.status_code, "idempotent-replayed" in response.headers) == (200, False)


@pytest.mark.rule("C021", "C022")
def test_uploads_heed_a_key_too(wire: httpx2.Client, key: dict[str, str]) -> None:
    first = _upload(wire, key)
    assert first.status_code == 201
    again = _upload(wire, key)
    assert again.status_code == 201
    assert Asset.model_validate_json(again.content) == Asset.model_validate_json(first.content)
    assert again.headers["idempotent-replayed"] == "true"
    listed = wire.get("assets", params={"asset_ids": [first.json()["_id"]]}).json()
    assert listed["page_info"]["total_results"] == 1
    refusal(_upload(wire, key, name="silent.mp4"), 422, "idempotency_key_reused")
    refusal(_upload(wire, key, filename="other.mp4"), 422, "idempotency_key_reused")
    refusal(_upload(wire, {"Idempotency-Key": "x" * 256}), 400, "parameter_invalid", "Idempotency-Key")
    fresh = {"Idempotency-Key": secrets.token_hex(8)}
    refusal(
        wire.post("assets", files={"method": (None, "url")}, headers=fresh), 400, "parameter_not_provided"
    )
    assert _upload(wire, fresh).status_code == 201, "a failed call leaves the key free"


@pytest.mark.sdk
@pytest.mark.rule("C021", "C026")
def test_a_program_sends_the_header_through_the_sdk(served: Served, task_body: Json, sdk: Sdk) -> None:
    step = {"do": "create_task", **without(task_body, "model_name")}
    once = {"headers": {"Idempotency-Key": secrets.token_hex(8)}}
    name = "task_id" if sdk.language == "python" else "taskId"
    made = sdk.values(served.url, served.key, {**step, **once}, {**step, **once}, {**step}, {**step})
    first, same, *others = [answer[name] for answer in made]
    assert first == same
    assert len({first, *others}) == 3


def _upload(
    wire: httpx2.Client, headers: dict[str, str], *, name: str = "plain.mp4", **fields: str
) -> httpx2.Response:
    return wire.post(
        "assets",
        data={"method": "direct", **fields},
        files={"file": (name, clip(name).read_bytes(), "application/octet-stream")},
        headers=headers,
    )

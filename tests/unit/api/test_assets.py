import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.api.running import Running, running
from tests.unit.sources.hostile import answer, hostile, says

from kinoscribe.api import assets as assets_module

VIDEO = b"VIDEO" + bytes(1000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, max_upload_bytes=5_000_000) as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def upload(
    client: httpx2.Client, data: bytes = VIDEO, name: str | None = "clip.mp4", **fields: str
) -> httpx2.Response:
    file = data if name is None else (name, data)
    return client.post("assets", data={"method": "direct", **fields}, files={"file": file})


def made(response: httpx2.Response) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def check_error(response: httpx2.Response, status: int, code: str, *words: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert set(response.json()) == {"code", "message"}
    for word in words:
        assert word in response.json()["message"]


def test_an_uploaded_video_is_ready_at_once_when_that_is_quickly_known(
    client: httpx2.Client, server: Running
) -> None:
    asset = made(upload(client))
    assert re.fullmatch("[0-9a-f]{24}", asset["_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", asset["created_at"])
    expected = {
        "method": "direct",
        "status": "ready",
        "filename": "clip.mp4",
        "file_type": "video/mp4",
        "size": 1005,
    }
    assert expected.items() <= asset.items()
    assert asset["duration"] == 8
    assert asset["technical_metadata"]["video_codec"] == "h264"
    assert not {"error", "user_metadata", "hls", "thumbnail"} & set(asset)
    assert client.get(f"assets/{asset['_id']}").json() == asset
    assert server.incoming() == []


def test_an_upload_that_takes_longer_to_look_into_is_processing_first(
    client: httpx2.Client, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets_module, "_VERDICT_SECONDS", 0.2)
    server.looks.go.clear()
    asset = made(upload(client))
    assert asset["status"] == "processing"
    assert not {"size", "duration", "technical_metadata", "error"} & set(asset)
    assert client.get(f"assets/{asset['_id']}").json()["status"] == "processing"
    server.looks.go.set()
    assert server.settled(lambda: client.get(f"assets/{asset['_id']}").json()["status"] == "ready")


def test_a_broken_file_is_201_and_then_failed_with_the_reason(client: httpx2.Client, server: Running) -> None:
    asset = made(upload(client, b"hello"))
    assert asset["status"] in {"processing", "failed"}
    shown = client.get(f"assets/{asset['_id']}").json()
    assert (shown["status"], shown["error"]) == ("failed", {"message": "It is a text."})
    assert list(server.blobs.kept()) == []


def test_fields_may_stand_after_the_file_and_be_marked_as_anything(client: httpx2.Client) -> None:
    boundary = "b0undary"
    parts = [
        ('name="file"; filename="a b.mp4"', "application/octet-stream", VIDEO),
        (
            'name="user_metadata"; filename="blob"',
            "application/json",
            b'{"n": 1, "none": null, "tags": ["x"]}',
        ),
        ('name="enable_hls"', "text/plain", b"true"),
        ('name="method"', "", b"direct"),
    ]
    body = b""
    for disposition, kind, data in parts:
        body += f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n".encode()
        body += f"Content-Type: {kind}\r\n\r\n".encode() if kind else b"\r\n"
        body += data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()

    def in_chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    headers = {"content-type": f'multipart/form-data; boundary="{boundary}"'}
    asset = made(client.post("assets", content=in_chunks(), headers=headers))
    assert (asset["status"], asset["filename"], asset["size"]) == ("ready", "a b.mp4", len(VIDEO))
    assert asset["user_metadata"] == {"n": 1, "tags": ["x"]}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (None, "upload"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", "upload"),
        ("..", "upload"),
        ("a\0b.mp4", "ab.mp4"),
        ("a\r\nX-Evil: 1.mp4", "aX-Evil: 1.mp4"),
        ("\u202egpj.mp4", "gpj.mp4"),
        ("Straße ☃.mp4", "Straße ☃.mp4"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"),
        ("x" * 300, "x" * 255),
        (" ", "upload"),
    ],
)  # fmt: skip
def test_a_name_is_only_shown_and_made_harmless(
    client: httpx2.Client, server: Running, said: str | None, shown: str
) -> None:
    assert (
        made(upload(client, name="v.mp4", filename=said) if said else upload(client, name=None))["filename"]
        == shown
    )
    if said and not set(said) & set("\0\r\n"):
        assert made(upload(client, name=said))["filename"] == shown
    names = {path.name for path in server.folder.rglob("*") if path.is_file() and "rows.db" not in path.name}
    assert all(re.fullmatch(r"[0-9a-f]{64}|lock|sweep\.lock", name) for name in names)


@pytest.mark.parametrize(
    ("fields", "with_file", "code", "word"),
    [
        ({}, True, "parameter_not_provided", "method"),
        ({"method": ""}, True, "parameter_not_provided", "method"),
        ({"method": "direct"}, False, "parameter_not_provided", "file"),
        ({"method": "url"}, False, "parameter_not_provided", "url"),
        ({"method": "post"}, True, "parameter_invalid", "direct, url"),
        ({"method": "url", "url": "ftp://x/"}, False, "parameter_invalid", "url"),
        ({"method": "direct", "user_metadata": "{"}, True, "parameter_invalid", "user_metadata"),
        ({"method": "direct", "user_metadata": '{"a": {}}'}, True, "parameter_invalid", "user_metadata"),
        ({"method": "direct", "enable_hls": "maybe"}, True, "parameter_invalid", "enable_hls"),
        ({"method": "direct", "colour": "red"}, True, "parameter_unknown", "colour"),
    ],
)
def test_a_form_that_breaks_the_rules_is_refused_and_leaves_nothing(
    client: httpx2.Client, server: Running, fields: dict[str, str], with_file: bool, code: str, word: str
) -> None:
    files: dict[str, Any] = {"file": ("v.mp4", VIDEO)} if with_file else {"x": (None, "")}
    if not with_file:
        files = {name: (None, value) for name, value in fields.items()}
        response = client.post("assets", files=files)
    else:
        response = client.post("assets", data=fields, files=files)
    check_error(response, 400, code, word)
    assert server.incoming() == []
    assert list(server.blobs.kept()) == []
    assert client.get("assets").json()["page_info"]["total_results"] == 0


def test_an_empty_body_is_a_missing_method_and_never_a_failure_of_ours(client: httpx2.Client) -> None:
    check_error(client.post("assets"), 400, "parameter_not_provided", "method")
    headers = {"content-type": "multipart/form-data; boundary=x"}
    check_error(client.post("assets", headers=headers), 400, "parameter_not_provided", "method")
    check_error(client.post("assets", content=iter([b""]), headers=headers), 400, "parameter_not_provided")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"method": "direct"}'),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc'),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nabc\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 1000 + b"\r\n\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n' * 100 + b"--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="url"\r\n\r\n'
            + b"a" * 1_000_000
            + b"\r\n--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n' * 2 + b"--x--\r\n",
        ),
    ],
)
def test_a_body_that_is_no_form_is_refused_and_leaves_nothing(
    client: httpx2.Client, server: Running, content_type: str, body: bytes
) -> None:
    response = client.post("assets", content=body, headers={"content-type": content_type})
    check_error(response, 400, "parameter_invalid")
    assert server.incoming() == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    client: httpx2.Client, server: Running, announced: bool
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="v"\r\n\r\n'
    body = head + bytes(8_000_000)
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post("assets", content=body if announced else iter([body]), headers=headers)
    check_error(response, 400, "video_filesize_too_large", "5000000")
    assert server.incoming() == []


def test_a_url_is_fetched_behind_the_scenes(client: httpx2.Client, server: Running) -> None:
    with hostile(says(answer(VIDEO))) as far:
        url = f"http://127.0.0.1:{far.port}/films/My%20Clip.mp4?sig=x"
        response = client.post("assets", files={"method": (None, "url"), "url": (None, url)})
        asset = made(response)
        assert (asset["method"], asset["status"], asset["filename"]) == ("url", "processing", "My Clip.mp4")
        assert server.settled(lambda: client.get(f"assets/{asset['_id']}").json()["status"] == "ready")
    assert client.get(f"assets/{asset['_id']}").json()["size"] == len(VIDEO)


def test_a_url_that_leads_nowhere_fails_with_the_reason(client: httpx2.Client, server: Running) -> None:
    fields = {"method": (None, "url"), "url": (None, "http://10.0.0.1/v.mp4"), "filename": (None, "mine.mp4")}
    asset = made(client.post("assets", files=fields))
    assert asset["filename"] == "mine.mp4"
    assert server.settled(lambda: client.get(f"assets/{asset['_id']}").json()["status"] == "failed")
    assert "not public" in client.get(f"assets/{asset['_id']}").json()["error"]["message"]


def test_a_list_is_paged_and_narrowed(client: httpx2.Client) -> None:
    made_assets = [made(upload(client, VIDEO + bytes([n]), name=f"Clip {n}.mp4")) for n in range(3)]
    broken = made(upload(client, b"text", name="notes.txt"))
    names = [asset["_id"] for asset in [*made_assets, broken]][::-1]
    everything = client.get("assets").json()
    assert [asset["_id"] for asset in everything["data"]] == names
    assert everything["page_info"] == {"limit_per_page": 10, "page": 1, "total_page": 1, "total_results": 4}
    second = client.get("assets", params={"page": 2, "page_limit": 3}).json()
    assert [asset["_id"] for asset in second["data"]] == names[3:]
    assert client.get("assets", params={"page": 9}).json()["data"] == []
    some = client.get("assets", params=[("asset_ids", names[0]), ("asset_ids", names[2])]).json()
    assert [asset["_id"] for asset in some["data"]] == [names[0], names[2]]
    assert (
        len(client.get("assets", params=[("asset_types", "video"), ("asset_types", "image")]).json()["data"])
        == 3
    )
    assert len(client.get("assets", params={"filename": "cLIP 1"}).json()["data"]) == 1
    for query in (
        {"page": "0"},
        {"page_limit": "51"},
        {"page": "x"},
        {"asset_types": "film"},
        {"asset_ids": "x"},
    ):
        check_error(client.get("assets", params=query), 400, "parameter_invalid", next(iter(query)))
    assert client.get("assets", params={"colour": "red"}).status_code == 200


def test_a_deleted_asset_is_gone_with_its_file(client: httpx2.Client, server: Running) -> None:
    asset = made(upload(client))
    response = client.delete(f"assets/{asset['_id']}", params={"force": "true"})
    assert (response.status_code, response.content) == (204, b"")
    check_error(client.delete(f"assets/{asset['_id']}"), 404, "resource_not_exist", "assets")
    check_error(client.get(f"assets/{asset['_id']}"), 404, "resource_not_exist", asset["_id"])
    assert list(server.blobs.kept()) == []
    for name in ("x", "F" * 24, "f" * 25):
        check_error(client.get(f"assets/{name}"), 400, "parameter_invalid", "asset_id")
        check_error(client.delete(f"assets/{name}"), 400, "parameter_invalid", "asset_id")


def test_metadata_is_merged_replaced_and_cleared(client: httpx2.Client) -> None:
    asset = made(upload(client, user_metadata=json.dumps({"a": 1, "b": "x", "c": [], "d": ""})))
    path = f"assets/{asset['_id']}/user-metadata"

    def shown() -> object:
        return client.get(f"assets/{asset['_id']}").json().get("user_metadata")

    assert shown() == {"a": 1, "b": "x"}
    change = {"user_metadata": {"a": None, "b": "y", "e": True, "f": ["ü"]}}
    assert client.patch(path, json=change).status_code == 204
    assert shown() == {"b": "y", "e": True, "f": ["ü"]}
    assert client.put(path, json={"user_metadata": {"z": 2.5}}).status_code == 204
    assert shown() == {"z": 2.5}
    for body in ({}, {"user_metadata": 5}, {"user_metadata": {"a": {}}}, [1], {"other": 1}):
        for method in ("PATCH", "PUT"):
            response = client.request(method, path, json=body)
            assert response.status_code == 400, (method, body)
    assert client.put(path, json={"user_metadata": {}}).status_code == 204
    assert shown() is None
    client.put(path, json={"user_metadata": {"z": 1}})
    assert client.delete(path).status_code == 204
    assert shown() is None
    for method in ("PATCH", "PUT", "DELETE"):
        gone = client.request(method, f"assets/{'f' * 24}/user-metadata", json={"user_metadata": {"a": 1}})
        check_error(gone, 404, "resource_not_exist")


def test_another_accounts_asset_answers_like_one_that_is_not_there(
    client: httpx2.Client, server: Running
) -> None:
    asset = made(upload(client))
    path = f"assets/{asset['_id']}"
    with server.client(server.keys.create("b")[0]) as other:
        assert other.get("assets").json()["data"] == []
        assert other.get("assets", params={"asset_ids": asset["_id"]}).json()["data"] == []
        for method, where, body in (
            ("GET", path, None),
            ("DELETE", path, None),
            ("PATCH", f"{path}/user-metadata", {"user_metadata": {"x": 1}}),
            ("PUT", f"{path}/user-metadata", {"user_metadata": {"x": 1}}),
            ("DELETE", f"{path}/user-metadata", None),
        ):
            foreign = other.request(method, where, json=body)
            unknown = other.request(method, where.replace(asset["_id"], "f" * 24), json=body)
            check_error(foreign, 404, "resource_not_exist")
            assert foreign.text.replace(asset["_id"], "f" * 24) == unknown.text
    assert client.get(path).json() == asset
    with server.client(server.keys.create("a")[0]) as same_account:
        assert same_account.get(path).json() == asset


def test_a_key_lets_in_until_it_is_revoked(client: httpx2.Client, server: Running) -> None:
    key, kept = server.keys.create("a")
    with server.client(key) as other:
        assert other.get("assets").status_code == 200
        server.keys.revoke(kept.id)
        check_error(other.get("assets"), 401, "api_key_invalid")
    for wrong in ("", "ksk_wrong", "x" * 5000):
        with server.client(wrong) as stranger:
            check_error(stranger.get("assets"), 401, "api_key_invalid")
    bare = httpx2.get(f"http://127.0.0.1:{server.port}/v1.3/assets", trust_env=False)
    check_error(bare, 401, "api_key_invalid")


def test_a_stranger_cannot_upload(server: Running) -> None:
    with server.client("ksk_wrong") as stranger:
        check_error(upload(stranger), 401, "api_key_invalid")
    assert server.incoming() == []
    assert list(server.blobs.kept()) == []


def test_an_upload_with_a_key_is_added_once(client: httpx2.Client, server: Running) -> None:
    key = {"Idempotency-Key": "once"}

    def send(content: bytes, **fields: str) -> httpx2.Response:
        return client.post(
            "assets", data={"method": "direct", **fields}, files={"file": ("a.mp4", content)}, headers=key
        )

    first = send(b"VIDEO 1")
    again = send(b"VIDEO 1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert first.json()["status"] == "processing", "the answer that is kept is the one that is given"
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert client.get("assets").json()["page_info"]["total_results"] == 1
    for other in (send(b"VIDEO 2"), send(b"VIDEO 1", filename="b.mp4")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert server.settled(lambda: client.get(f"assets/{first.json()['_id']}").json()["status"] == "ready")
    assert server.incoming() == []


def test_a_key_out_of_its_form_leaves_no_file(client: httpx2.Client, server: Running) -> None:
    refused = client.post(
        "assets",
        data={"method": "direct"},
        files={"file": ("a.mp4", b"VIDEO")},
        headers={"Idempotency-Key": "x" * 256},
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "parameter_invalid")
    assert server.incoming() == []

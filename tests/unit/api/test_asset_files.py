"""Uploads over real connections where an account has a limit of bytes: refused before they come, or on the way."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.api.running import Running, running
from tests.unit.sources.hostile import answer, hostile, says

from kinoscribe.api import request_body
from kinoscribe.storage.asset_rows import AssetFilter
from kinoscribe.storage.erasure import Erasure

ROOM = 3_000_000
VIDEO = b"VIDEO" + bytes(999_995)
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="v"\r\n\r\n'
FORM = {"content-type": "multipart/form-data; boundary=x"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, asset_bytes_account=ROOM, upload_chunk_bytes=1_000_000) as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def upload(client: httpx2.Client, data: bytes = VIDEO, **headers: str) -> httpx2.Response:
    return client.post("assets", data={"method": "direct"}, files={"file": ("v.mp4", data)}, headers=headers)


def made(response: httpx2.Response) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def check_refused(response: httpx2.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (403, "storage_quota_exceeded"), response.text


def check_full(response: httpx2.Response, server: Running) -> None:
    check_refused(response)
    assert "3000000 bytes" in response.json()["message"]
    assert server.incoming() == []


def test_an_upload_for_which_there_is_no_room_is_refused_and_leaves_nothing(
    client: httpx2.Client, server: Running
) -> None:
    first = made(upload(client))
    made(upload(client))
    check_full(upload(client, VIDEO + b"x"), server)
    made(upload(client))
    check_full(upload(client, b"VIDEO"), server)
    assert client.get("assets").json()["page_info"]["total_results"] == 3
    assert client.delete(f"assets/{first['_id']}").status_code == 204
    made(upload(client))


def test_a_video_of_an_index_takes_the_room_that_was_set_aside_for_it(client: httpx2.Client) -> None:
    model = {"model_name": "pegasus1.2", "model_options": ["visual"]}
    index_id = made(client.post("indexes", json={"index_name": "i", "models": [model]}))["_id"]
    form = {"data": {"index_id": index_id}, "files": {"video_file": ("v.mp4", VIDEO * 2)}}
    answer = client.post("tasks", **form)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    check_refused(client.post("tasks", **form))  # type: ignore[arg-type]


def test_what_is_announced_as_too_large_is_refused_before_it_is_sent(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sends the head of its request alone, and hears the answer."""
    monkeypatch.setattr(request_body, "_DRAIN_SECONDS", 0.1)
    with server.connect() as connection:
        head = f"POST /assets HTTP/1.1\r\nHost: x\r\nx-api-key: {server.key}\r\nContent-Length: 9000000\r\n"
        connection.settimeout(30)
        connection.sendall((head + "Content-Type: multipart/form-data; boundary=x\r\n\r\n").encode())
        told = b""
        while b"storage_quota_exceeded" not in told:
            piece = connection.recv(65536)
            assert piece, told
            told += piece
    assert told.startswith(b"HTTP/1.1 403"), told[:200]
    assert server.incoming() == []


def test_a_file_of_unknown_length_is_cut_off_where_the_room_ends(
    client: httpx2.Client, server: Running
) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        yield HEAD
        while sent < 40_000_000:
            sent += 100_000
            yield bytes(100_000)

    check_full(client.post("assets", content=pieces(), headers=FORM), server)
    assert client.get("assets").json()["page_info"]["total_results"] == 0


def test_uploads_of_unknown_length_at_once_never_take_more_than_there_is(server: Running) -> None:
    """Both begin while there is room for either; that both end for want of it may be, that neither does may not."""
    data, together = b"VIDEO" + bytes(1_999_995), threading.Barrier(2)
    answers: list[httpx2.Response] = []

    def body() -> Iterator[bytes]:
        yield HEAD + data[:1_000_000]
        until = time.monotonic() + 20
        while len(server.incoming()) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        together.wait(20)
        yield (
            data[1_000_000:]
            + b'\r\n--x\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n--x--\r\n'
        )

    def send() -> None:
        with server.client() as client:
            answers.append(client.post("assets", content=body(), headers=FORM))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) in ([201, 403], [403, 403])
    assert server.incoming() == []
    with server.client() as client:
        taken = 2_000_000 if any(answer.status_code == 201 for answer in answers) else 0
        made(upload(client, b"VIDEO" + bytes(ROOM - taken - 5)))


@pytest.mark.parametrize("path", ["assets", "tasks"])
def test_an_upload_on_its_way_takes_the_room_it_has_announced(server: Running, path: str) -> None:
    """One client sends the head of a form of 2.5 MB and the beginning of its file, and waits; then it goes away."""
    field = "video_file" if path == "tasks" else "file"
    said = HEAD.replace(b'"file"', b'"%s"' % field.encode())
    with server.client() as client:
        with server.connect() as connection:
            head = (
                f"POST /{path} HTTP/1.1\r\nHost: x\r\nx-api-key: {server.key}\r\nContent-Length: 2500000\r\n"
            )
            connection.sendall((head + "Content-Type: multipart/form-data; boundary=x\r\n\r\n").encode())
            connection.sendall(said + bytes(1000))
            assert server.settled(lambda: server.incoming() != [], 40)
            check_refused(upload(client, b"VIDEO" + bytes(600_000)))
            session = {"filename": "v.mp4", "type": "video", "total_size": 600_000}
            check_refused(client.post("assets/multipart-uploads", json=session))
            made(upload(client, b"VIDEO" + bytes(300_000)))
        assert server.settled(lambda: upload(client, b"VIDEO" + bytes(600_000)).status_code == 201, 40)
    assert server.settled(lambda: server.incoming() == [], 40)


@pytest.mark.parametrize("path", ["assets", "tasks"])
def test_an_upload_that_ends_after_its_account_was_erased_leaves_nothing(server: Running, path: str) -> None:
    key, _ = server.keys.create("gone")
    with server.client(key) as client:
        model = {"model_name": "pegasus1.2", "model_options": ["visual"]}
        body = {"index_name": "i", "models": [model]}
        index_id = made(client.post("indexes", json=body))["_id"]
        field, name, value = (
            ("video_file", "index_id", index_id) if path == "tasks" else ("file", "method", "direct")
        )
        began, go_on = threading.Event(), threading.Event()

        def form() -> Iterator[bytes]:
            yield HEAD.replace(b'"file"', f'"{field}"'.encode()) + b"VIDEO" + bytes(600_000)
            began.set()
            go_on.wait(30)
            told = f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'
            yield f"\r\n--x\r\n{told}\r\n--x--\r\n".encode()

        answers: list[httpx2.Response] = []
        sending = threading.Thread(
            target=lambda: answers.append(client.post(path, content=form(), headers=FORM))
        )
        sending.start()
        assert began.wait(30)
        assert server.settled(lambda: server.incoming() != [], 40)
        tools = server.house.tools
        erasure = Erasure(server.database, tools.blobs, tools.tasks)
        erasure.end("gone")
        erasure.erase("gone")
        go_on.set()
        sending.join(40)
    assert answers[0].status_code in (401, 404), answers[0].text
    assert answers[0].status_code == 401 or path == "tasks", "its index has gone as well"
    assert tools.assets.page("gone", AssetFilter(), page=1, limit=9) == ((), 0)
    assert server.incoming() == []
    assert list(tools.blobs.kept()) == []
    assert tools.assets.room.held() == ()


def test_an_upload_in_chunks_is_refused_when_it_begins(client: httpx2.Client, server: Running) -> None:
    made(upload(client))
    body = {"filename": "v.mp4", "type": "video", "total_size": 2_000_001}
    check_full(client.post("assets/multipart-uploads", json=body), server)
    session = made(client.post("assets/multipart-uploads", json=body | {"total_size": 2_000_000}))
    check_full(upload(client, b"VIDEO"), server)
    assert client.put(session["upload_urls"][0]["url"], content=VIDEO).status_code == 200
    assert client.delete(f"assets/{session['asset_id']}").status_code == 204
    made(upload(client))


def test_a_repetition_with_its_key_gets_its_answer_though_the_room_is_full(
    client: httpx2.Client, server: Running
) -> None:
    whole = b"VIDEO" + bytes(ROOM - 5)
    first = upload(client, whole, **{"Idempotency-Key": "k"})
    again = upload(client, whole, **{"Idempotency-Key": "k"})
    assert made(again) == made(first)
    assert again.headers["idempotent-replayed"] == "true"
    check_full(upload(client, whole, **{"Idempotency-Key": "other"}), server)


@pytest.mark.parametrize("announced", [True, False])
def test_what_a_url_brings_is_measured_too(client: httpx2.Client, server: Running, announced: bool) -> None:
    made(upload(client))
    large = b"VIDEO" + bytes(2_500_000)
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n\r\n" + large
    with hostile(says(answer(large) if announced else plain)) as far:
        fields = {"method": (None, "url"), "url": (None, f"http://127.0.0.1:{far.port}/v.mp4")}
        asset = made(client.post("assets", files=fields))
        path = f"assets/{asset['_id']}"
        assert server.settled(lambda: client.get(path).json()["status"] == "failed", 20)
    assert "no room for" in client.get(path).json()["error"]["message"]
    assert server.settled(lambda: server.incoming() == [], 20)
    made(upload(client))
    made(upload(client))
    check_full(client.post("assets", files=fields), server)

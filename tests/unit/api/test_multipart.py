"""Chunks over real connections: cut, stalled, overtaken, on a full disk, and beyond the limits of an account."""

import errno
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from blake3 import blake3
from tests.unit.api.running import Running, running

from kinoscribe.api import request_body
from kinoscribe.storage import parts as parts_module

CONTENT = b"VIDEO" + bytes(range(256)) * 12
CHUNK = 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, upload_chunk_bytes=CHUNK) as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def begin(client: httpx2.Client, size: int = len(CONTENT)) -> dict[str, Any]:
    body = {"filename": "v.mp4", "type": "video", "total_size": size}
    answer = client.post("assets/multipart-uploads", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def url(session: dict[str, Any], number: int) -> str:
    found: str = session["upload_urls"][number - 1]["url"]
    return found


def piece(number: int) -> bytes:
    return CONTENT[(number - 1) * CHUNK : number * CHUNK]


def put_half(session: dict[str, Any], number: int) -> socket.socket:
    """A connection on which half of a chunk was sent."""
    address = urlsplit(url(session, number))
    connection = socket.create_connection((address.hostname or "", address.port or 0), 10)
    head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {CHUNK}\r\n\r\n"
    connection.sendall(head.encode() + piece(number)[: CHUNK // 2])
    return connection


def status(client: httpx2.Client, session: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = client.get(f"assets/multipart-uploads/{session['upload_id']}").json()
    return told


def report(client: httpx2.Client, session: dict[str, Any], **etags: str) -> httpx2.Response:
    chunks = [
        {
            "chunk_index": int(number[1:]),
            "proof": etag.strip('"'),
            "proof_type": "etag",
            "chunk_size": len(piece(int(number[1:]))),
        }
        for number, etag in etags.items()
    ]
    return client.post(f"assets/multipart-uploads/{session['upload_id']}", json={"completed_chunks": chunks})


def send_all(client: httpx2.Client, session: dict[str, Any]) -> httpx2.Response:
    numbers = range(1, session["total_chunks"] + 1)
    etags = {f"n{n}": client.put(url(session, n), content=piece(n)).headers["etag"] for n in numbers}
    return report(client, session, **etags)


def test_an_upload_becomes_ready_like_any_other(server: Running, client: httpx2.Client) -> None:
    session = begin(client)
    assert session["total_chunks"] == 4
    told = send_all(client, session).json()
    assert told["url"] == f"http://127.0.0.1:{server.port}/v1.3/assets/{session['asset_id']}"
    asset = f"assets/{session['asset_id']}"
    assert server.settled(lambda: client.get(asset).json()["status"] == "ready", 20)
    assert list(server.blobs.kept()) == [hashlib.sha256(CONTENT).hexdigest()]
    assert server.incoming() == []


@pytest.mark.parametrize("rude", [True, False])
def test_a_chunk_that_is_cut_off_stays_pending(server: Running, client: httpx2.Client, rude: bool) -> None:
    session = begin(client)
    connection = put_half(session, 1)
    if rude:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert {chunk["status"] for chunk in status(client, session)["uploaded_chunks"]} == {"pending"}
    etag = client.put(url(session, 1), content=piece(1)).headers["etag"]
    assert report(client, session, n1=etag).json()["total_completed"] == 1


def test_a_stalled_chunk_is_overtaken_by_the_next_attempt(server: Running, client: httpx2.Client) -> None:
    session = begin(client)
    taken = server.folder / "parts" / session["upload_id"] / "1.slot"
    with put_half(session, 1) as stalled:
        assert server.settled(taken.exists, 20), "its place is taken before the next one comes"
        etag = client.put(url(session, 1), content=piece(1)).headers["etag"]
        stalled.sendall(b"x" * (CHUNK // 2))
        assert stalled.recv(65536).startswith(b"HTTP/1.1 409 ")
    assert report(client, session, n1=etag).status_code == 200
    assert etag.strip('"') == blake3(piece(1)).hexdigest()


def test_a_chunk_that_stalls_is_given_up(
    server: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "IDLE_SECONDS", 0.3)
    with put_half(begin(client), 1) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 504 ")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_507_and_the_chunk_can_be_sent_again(
    server: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    session = begin(client)

    def full(_handle: int) -> None:
        raise OSError(number, "full")

    with monkeypatch.context() as patch:
        patch.setattr(parts_module, "to_disk", full)
        answer = client.put(url(session, 1), content=piece(1))
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert status(client, session)["uploaded_chunks"][0]["status"] == "pending"
    assert send_all(client, session).json()["total_completed"] == 4


def test_a_session_that_cannot_be_kept_leaves_no_bytes(
    server: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(server.house.tools.uploads.rows, "open", broken)
        answer = client.post(
            "assets/multipart-uploads", json={"filename": "v.mp4", "type": "video", "total_size": 5}
        )
        assert answer.status_code == 500
    assert list((server.folder / "parts").iterdir()) == []
    assert client.get("assets").json()["data"] == []


def test_lost_chunks_fail_the_asset_with_a_sentence(
    server: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise parts_module.PartsGone

    session = begin(client)
    server.house.tools.uploads.drop(session["upload_id"])
    assert client.put(url(session, 1), content=piece(1)).status_code == 404
    whole = begin(client)
    monkeypatch.setattr(server.blobs.parts, "assemble", gone)
    send_all(client, whole)
    asset = f"assets/{whole['asset_id']}"
    assert server.settled(lambda: client.get(asset).json()["status"] == "failed", 20)
    assert "no longer here" in client.get(asset).json()["error"]["message"]
    told = status(client, whole)
    assert (told["status"], told["chunks_failed"]) == ("failed", 4)
    assert report(client, whole, n1="x").json()["code"] == "parameter_invalid"


def test_sessions_are_limited_like_other_uploads(tmp_path: Path) -> None:
    body = {"filename": "v.mp4", "type": "video", "total_size": 2000}
    with running(tmp_path, rate_limits=("upload:rpm=2",)) as server, server.client() as client:
        first = client.post("assets/multipart-uploads", json=body)
        assert first.headers["x-ratelimit-request-remaining"] == "1"
        client.post("assets/multipart-uploads", json=body)
        third = client.post("assets/multipart-uploads", json=body)
        assert (third.status_code, third.json()["code"]) == (429, "too_many_requests")
        assert int(third.headers["retry-after"]) > 0
        session = first.json()
        for _ in range(5):
            assert client.put(url(session, 1), content=bytes(2000)).status_code == 200
            assert client.get("assets/multipart-uploads").status_code == 200

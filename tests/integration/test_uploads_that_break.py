"""Uploads that end badly: cut by the client, by a killed server, by a full disk. Nothing half-written stays."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.unit.api.running import Running, running

from kinoscribe.api import request_body
from kinoscribe.storage import blobs as blobs_module

VIDEO = b"VIDEO" + bytes(1000)
HEAD = b'--x\r\nContent-Disposition: form-data; name="method"\r\n\r\ndirect\r\n'
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="v.mp4"\r\n\r\n'

SERVE = """
import sys, time
from pathlib import Path
from tests.unit.api.running import running
with running(Path(sys.argv[1])) as server:
    print(server.port, server.key, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as server:
        yield server


def begin(port: int, key: str, length: int | None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 60)
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = ["POST /v1.3/assets HTTP/1.1", "Host: x", f"x-api-key: {key}", framing]
    lines.append("Content-Type: multipart/form-data; boundary=x")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def send(connection: socket.socket, data: bytes, *, chunked: bool) -> None:
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)


def file_sizes(server: Running) -> list[int]:
    return [path.stat().st_size for path in server.incoming()]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("rude", [True, False])
def test_an_upload_cut_half_way_leaves_nothing(server: Running, chunked: bool, rude: bool) -> None:
    connection = begin(server.port, server.key, None if chunked else 100_000_000)
    send(connection, HEAD + FILE, chunked=chunked)
    for _ in range(20):
        send(connection, bytes(100_000), chunked=chunked)
    assert server.settled(lambda: sum(file_sizes(server)) > 1_000_000)
    if rude:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert server.settled(lambda: server.incoming() == [])
    assert list(server.blobs.kept()) == []
    with server.client() as client:
        assert client.get("assets").json()["page_info"]["total_results"] == 0


def test_a_body_that_ends_before_its_form_leaves_nothing(server: Running) -> None:
    connection = begin(server.port, server.key, None)
    send(connection, HEAD + FILE + VIDEO, chunked=True)
    connection.sendall(b"0\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    connection.close()
    assert server.incoming() == []
    assert list(server.blobs.kept()) == []


def test_an_upload_that_stalls_is_given_up(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "IDLE_SECONDS", 0.3)
    with begin(server.port, server.key, 100_000_000) as connection:
        connection.sendall(HEAD + FILE + bytes(1_000_000))
        assert connection.recv(65536).startswith(b"HTTP/1.1 504 ")
    assert server.settled(lambda: server.incoming() == [])


def test_a_server_killed_in_the_middle_of_an_upload_leaves_nothing_after_its_next_start(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[2]
    killed = subprocess.Popen(
        [sys.executable, "-c", SERVE, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert killed.stdout is not None
    port, key = killed.stdout.readline().split()
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}/v1.3/", headers={"x-api-key": key}, timeout=60, trust_env=False
    ) as client:
        whole = client.post("assets", data={"method": "direct"}, files={"file": ("v.mp4", VIDEO)}).json()
    assert whole["status"] == "ready"
    connection = begin(int(port), key, 100_000_000)
    connection.sendall(HEAD + FILE + bytes(5_000_000))
    incoming = tmp_path / "incoming"
    until = time.monotonic() + 60
    while sum(path.stat().st_size for path in incoming.rglob("*")) <= 3_000_000 and time.monotonic() < until:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    connection.close()
    assert sum(path.stat().st_size for path in incoming.rglob("*")) > 3_000_000
    with running(tmp_path) as server:
        assert server.incoming() == []
        with server.client(key) as client:
            assert client.get("assets").json()["data"] == [whole]
        assert len(list(server.blobs.kept())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_507_with_a_sentence_and_the_next_upload_works(
    server: Running, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(_handle: int) -> None:
        raise OSError(number, "full")

    with server.client() as client, monkeypatch.context() as patch:
        patch.setattr(blobs_module.os, "fsync", full)
        response = client.post("assets", data={"method": "direct"}, files={"file": ("v.mp4", VIDEO)})
        assert (response.status_code, response.json()["code"]) == (507, "storage_full")
        assert "room" in response.json()["message"]
        patch.undo()
        assert server.incoming() == []
        assert list(server.blobs.kept()) == []
        again = client.post("assets", data={"method": "direct"}, files={"file": ("v.mp4", VIDEO)})
        assert again.json()["status"] == "ready"
        assert client.get("assets").json()["page_info"]["total_results"] == 1


def test_many_uploads_at_once_are_all_kept_apart(server: Running) -> None:
    made: dict[int, dict[str, object]] = {}

    def upload(number: int) -> None:
        with server.client() as client:
            data = VIDEO + number.to_bytes(4) * 300_000
            files = {"file": (f"{number}.mp4", data)}
            made[number] = client.post("assets", data={"method": "direct"}, files=files).json()

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asset["filename"] for asset in made.values()) == sorted(f"{n}.mp4" for n in range(12))
    assert len(list(server.blobs.kept())) == 12
    assert server.incoming() == []

"""Assets in the making outlive the processes that make them, killed at any moment."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.file_server import FileServer, start_file_server
from tests.conformance.served import Served, serve
from tests.conformance.wire import finished, upload


@pytest.fixture
def files() -> Iterator[FileServer]:
    started = start_file_server()
    yield started
    started.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    settings = {"url_allow": "127.0.0.1", "url_ports": 0, "lease_seconds": 2, "retry_seconds": 0.2}
    with serve(tmp_path / "data", **settings) as started:
        yield started


@pytest.fixture
def wire(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as client:
        yield client


def by_url(wire: httpx2.Client, url: str) -> str:
    response = wire.post("assets", files={"method": (None, "url"), "url": (None, url)})
    assert response.status_code == 201, response.text
    made: str = response.json()["_id"]
    return made


def asked(files: FileServer, times: int) -> bool:
    """Whether the file was asked for so often, within twenty seconds."""
    for _ in range(200):
        if len(files.asked) >= times:
            return True
        files.ended.wait(0.1)
    return False


def test_a_fetch_whose_worker_is_killed_is_begun_again(
    served: Served, wire: httpx2.Client, files: FileServer
) -> None:
    asset_id = by_url(wire, files.url("later/plain.mp4"))
    assert asked(files, 1)
    os.kill(served.child("work").pid, signal.SIGKILL)
    files.go.set()
    asset = finished(wire, asset_id)
    assert (asset.status, asset.filename) == ("ready", "plain.mp4")
    assert len(files.asked) == 2


def test_a_fetch_outlives_the_server_that_was_asked_for_it(
    served: Served, wire: httpx2.Client, files: FileServer
) -> None:
    asset_id = by_url(wire, files.url("later/plain.mp4"))
    assert asked(files, 1)
    os.kill(served.child("api").pid, signal.SIGKILL)
    files.go.set()
    for _ in range(200):
        try:
            wire.get(f"assets/{asset_id}")
            break
        except httpx2.TransportError:
            files.ended.wait(0.1)
    assert finished(wire, asset_id).status == "ready"


def test_an_upload_is_ready_also_where_no_worker_is(served: Served, wire: httpx2.Client) -> None:
    """A client of the synchronous time need not wait: the server looks at a small file by itself."""
    process = served.child("work")
    os.kill(process.pid, signal.SIGSTOP)
    try:
        asset = finished(wire, upload(wire, clip("plain.mp4")).json()["_id"])
        assert asset.status == "ready"
    finally:
        os.kill(process.pid, signal.SIGCONT)

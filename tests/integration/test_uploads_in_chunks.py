"""Uploads in chunks under `kill -9`: what is left is a whole asset, or an upload that can go on, and nothing else."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from tests.conformance.clips import clip
from tests.conformance.exact_uploads import reported
from tests.conformance.served import ROOT, serve
from tests.conformance.uploads import UPLOADS, begin, kept_contents, put
from tests.conformance.wire import finished
from tests.integration.dying_upload import ACCOUNT, CONTENT, STEPS, Place
from tests.object_store import REGION, Bucket

from kinoscribe.storage.asset_record import AssetFilter

KILLS = 3
CHUNKS = 40
# At so many settled chunks the server is killed; the client is never further ahead of the next kill than that.
_DUE = [kill * CHUNKS // (KILLS + 1) for kill in range(1, KILLS + 1)]
_AHEAD = 5
SERVE = """
import sys, time
from pathlib import Path
from tests.unit.api.running import running
with running(Path(sys.argv[1]), upload_chunk_bytes=1024) as server:
    print(server.port, server.key, flush=True)
    time.sleep(300)
"""


def run(folder: Path, step: str) -> int:
    """The exit status of a process that goes on with the upload until it comes to `step`."""
    command = [sys.executable, "-m", "tests.integration.dying_upload", str(folder), step]
    return subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_any_step_leaves_a_whole_asset_or_one_that_can_go_on(
    tmp_path: Path, step: str
) -> None:
    assert run(tmp_path, step) == (0 if step == "nowhere" else -signal.SIGKILL), "it came to that step"
    with closing(Place(tmp_path)) as place:
        place.uploads.sweep()
        place.assets.sweep()
        found, total = place.assets.page(ACCOUNT, AssetFilter(), page=1, limit=10)
        assert total <= 1
        for asset in found:
            assert asset.status == "processing"
            if asset.content is not None:
                assert asset.content == hashlib.sha256(CONTENT).hexdigest()
        assert set(place.blobs.kept()) == {asset.content for asset in found} - {None}
        place.go_on()
        (asset,), total = place.assets.page(ACCOUNT, AssetFilter(), page=1, limit=10)
        assert total == 1
        assert (asset.content, asset.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
        with place.blobs.borrow(asset.content or "") as path:
            assert path.read_bytes() == CONTENT


class Server:
    """The server of the unit tests in a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.key = ""
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, self._folder],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout is not None
        self.port, key = self._process.stdout.readline().split()
        self.key = self.key or key

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def client(self) -> httpx2.Client:
        base = f"http://127.0.0.1:{self.port}/v1.3/"
        return httpx2.Client(base_url=base, headers={"x-api-key": self.key}, timeout=30, trust_env=False)


class Client:
    """Sends a file in chunks and goes on by what the status says, whatever the server does meanwhile."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.body = {"filename": "a.mp4", "type": "video", "total_size": len(content)}
        self.key = {"Idempotency-Key": "the only one"}
        self.done = threading.Event()
        self.settled = 0
        self.may_settle = _DUE[0] + _AHEAD
        self.asset_id = ""

    def run(self, server: Server) -> None:
        while not self.done.is_set():
            try:
                with server.client() as wire:
                    self._attempt(wire)
            except (httpx2.TransportError, httpx2.HTTPStatusError):
                time.sleep(0.05)

    def _attempt(self, wire: httpx2.Client) -> None:
        session = wire.post(UPLOADS, json=self.body, headers=self.key).raise_for_status().json()
        self.asset_id = session["asset_id"]
        path, size = f"{UPLOADS}/{session['upload_id']}", session["chunk_size"]
        for number in range(1, session["total_chunks"] + 1):
            page = wire.get(path, params={"page": number, "page_limit": 1}).raise_for_status().json()
            if page["uploaded_chunks"][0]["status"] == "completed":
                continue
            while number > self.may_settle and not self.done.is_set():
                time.sleep(0.005)
            urls = wire.post(f"{path}/presigned-urls", json={"start": number, "count": 1})
            url = urls.raise_for_status().json()["upload_urls"][0]["url"]
            piece = self.content[(number - 1) * size : number * size]
            etag = wire.put(url, content=piece).raise_for_status().headers["etag"]
            entry = {"chunk_index": number, "proof": etag, "proof_type": "etag", "chunk_size": len(piece)}
            wire.post(path, json={"completed_chunks": [entry]}).raise_for_status()
            self.settled = number
        while wire.get(f"assets/{self.asset_id}").raise_for_status().json()["status"] == "processing":
            time.sleep(0.05)
        self.done.set()


def test_a_server_killed_again_and_again_has_the_asset_once_and_whole(tmp_path: Path) -> None:
    content = b"VIDEO" + random.Random(20_261_122).randbytes(CHUNKS * 1024)
    server, client = Server(tmp_path), Client(content)
    sending = threading.Thread(target=client.run, args=(server,), daemon=True)
    sending.start()
    try:
        for kill, due in enumerate(_DUE):
            until = time.monotonic() + 120
            while client.settled < due and time.monotonic() < until:
                time.sleep(0.005)
            assert due <= client.settled < CHUNKS, "it is killed in the middle"
            server.kill()
            client.may_settle = (*_DUE, CHUNKS)[kill + 1] + _AHEAD
            server.start()
        assert client.done.wait(120), "the upload comes to its end"
        with server.client() as wire:
            (asset,) = wire.get("assets").json()["data"]
            assert (asset["_id"], asset["status"]) == (client.asset_id, "ready")
            assert asset["size"] == len(content)
            assert wire.get(UPLOADS).json()["data"] == []
        assert kept_contents(tmp_path) == {hashlib.sha256(content).hexdigest()}
        assert list((tmp_path / "parts").iterdir()) == []
    finally:
        client.done.set()
        sending.join(60)
        server.kill()


def test_a_bucket_gets_the_chunks_once_and_no_copy_of_the_whole(tmp_path: Path, bucket: Bucket) -> None:
    content = clip("plain.mp4").read_bytes()
    settings = {"store_url": bucket.url, "store_endpoint": bucket.endpoint, "store_region": REGION}
    with serve(tmp_path / "data", upload_chunk_bytes=4096, **settings) as served, served.client() as wire:
        sending = begin(wire, content)
        wrong = put(sending.url(2), sending.piece(2)[::-1]).headers["etag"].strip('"')
        right = sending.send(2)
        assert sending.report(sending.entry(2, wrong)).status_code == 400
        entries = [sending.send(number) for number in reversed(sending.numbers()) if number != 2]
        told = reported(sending.report(right, *entries))
        assert told.url is not None
        asset = finished(wire, sending.session.asset_id)
        assert (asset.status, asset.size) == ("ready", len(content))
        chunks = [name for name in bucket.names() if name.startswith("parts/")]
        assert len(chunks) >= sending.session.total_chunks
        assert not [name for name in bucket.names() if name.startswith("media/")], "the chunks are the file"
        question = {
            "model_name": "pegasus1.5",
            "video": {"type": "asset_id", "asset_id": asset.id},
            "prompt": "What is it?",
            "stream": False,
        }
        assert wire.post("analyze", json=question).status_code == 200
        assert wire.delete(f"assets/{asset.id}").status_code == 204
        assert not [name for name in bucket.names() if name.startswith("parts/")]

"""Measures uploads: a gigabyte in chunks and in one piece against writing it with a bare loop, memory, long lists."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import insert, select
from tests.bench import wire
from tests.conformance.served import Served, serve

from kinoscribe import ids
from kinoscribe.app import build_asgi, build_tools
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.storage.tables import assets

GIGABYTE = 1_000_000_000
SMALL = 50_000_000
LISTED = 10_000
# As many as the SDKs send at once.
_AT_ONCE = 5
_BLOCK = 1 << 20
_PIECE = os.urandom(_BLOCK)


def written(folder: Path, size: int = GIGABYTE, rounds: int = 2) -> dict[str, float]:
    """Seconds for `size` bytes: a bare loop that writes them to a file, in chunks, and in one form; the best of each.

    They alternate, so that all see the same disk. `memory` is how many bytes more the server had at its peak after a
    large upload than after a small one.
    """
    taken: dict[str, list[float]] = {"bare_s": [], "chunks_s": [], "direct_s": []}
    ways: dict[str, Callable[[Served, int], str]] = {"chunks_s": in_chunks, "direct_s": in_one_piece}
    with serve(folder / "data", lease_seconds=300) as served:
        for way in ways.values():
            _remove(served, way(served, SMALL))
        before = _peak(served)
        for _ in range(rounds):
            began = time.perf_counter()
            _bare(folder / "bare", size)
            taken["bare_s"].append(time.perf_counter() - began)
            (folder / "bare").unlink()
            for name, way in ways.items():
                began = time.perf_counter()
                made = way(served, size)
                taken[name].append(time.perf_counter() - began)
                _remove(served, made)
        grown = _peak(served) - before
    best = {name: min(times) for name, times in taken.items()}
    return {
        **best,
        "ratio": best["bare_s"] / best["chunks_s"],
        "direct_ratio": best["bare_s"] / best["direct_s"],
        "memory": grown,
    }


def in_chunks(served: Served, size: int) -> str:
    """An upload as the SDKs do it: five chunks at a time, a report for ten. It ends with the last report.

    Returns the id of the asset.
    """
    with served.client() as client:
        body = {"filename": "bench.mp4", "type": "video", "total_size": size}
        session = client.post("assets/multipart-uploads", json=body).raise_for_status().json()
        path, chunk = f"assets/multipart-uploads/{session['upload_id']}", session["chunk_size"]
        numbers = list(range(1, session["total_chunks"] + 1))
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for first in range(0, len(numbers), 10):
                batch = numbers[first : first + 10]
                asked = {"start": batch[0], "count": len(batch)}
                more = client.post(f"{path}/presigned-urls", json=asked).raise_for_status().json()
                urls = [one["url"] for one in more["upload_urls"]]
                sizes = [min(chunk, size - (number - 1) * chunk) for number in batch]
                entries = list(threads.map(_put, urls, batch, sizes))
                told = client.post(path, json={"completed_chunks": entries}).raise_for_status().json()
        assert told["url"], "all chunks are in"
        return str(session["asset_id"])


def in_one_piece(served: Served, size: int) -> str:
    """A direct upload; the answer is not waited for longer than it takes to keep the file."""
    boundary = secrets.token_hex(16)  # as httpx and urllib3 make it
    disposition = f"--{boundary}\r\nContent-Disposition: form-data; name="
    head = (
        f'{disposition}"method"\r\n\r\ndirect\r\n{disposition}"file"; filename="bench.mp4"\r\n\r\n'.encode()
    )
    tail = f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=600)
    connection.putrequest("POST", "/v1.3/assets")
    connection.putheader("x-api-key", served.key)
    connection.putheader("content-type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("content-length", str(len(head) + size + len(tail)))
    connection.endheaders(head)
    _send(connection, size)
    connection.send(tail)
    answer = connection.getresponse()
    made = json.loads(answer.read())
    assert answer.status == 201, made
    connection.close()
    return str(made["_id"])


def listed(folder: Path, rounds: int = 30) -> dict[str, float]:
    """Seconds that the first page of a long list takes over HTTP, less what a server takes that says nothing."""
    folder.mkdir()
    settings = Settings(data_dir=folder, engine="scripted", api_key=wire.KEY)  # type: ignore[arg-type]
    tools = build_tools(settings)
    technical = {f"name_{n}": n for n in range(16)}
    tools.assets.add(DEFAULT_ACCOUNT, method="direct", filename="v.mp4", file_type="video/mp4")
    with tools.database.writing() as db:
        row = dict(db.execute(select(assets)).mappings().one())
        row |= {"status": "ready", "kind": "video", "size": 5, "duration": 5.0, "technical": technical}
        began = row["created_at"]
        db.execute(
            insert(assets),
            [
                {**row, "id": ids.new_object_id(), "created_at": began + timedelta(seconds=n)}
                for n in range(1, LISTED)
            ],
        )
    with wire.served(build_asgi(tools)) as ours, wire.served(wire.only_reads) as bare:
        taken = [_median(f"{url}/assets", rounds, status) for url, status in ((ours, 200), (bare, 400))]
    return {"ours_s": taken[0], "bare_s": taken[1], "own_s": taken[0] - taken[1]}


def _put(url: str, number: int, size: int) -> dict[str, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=600)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("content-length", str(size))
    connection.endheaders()
    _send(connection, size)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    etag = str(answer.getheader("etag")).strip('"')
    connection.close()
    return {"chunk_index": number, "proof": etag, "proof_type": "etag", "chunk_size": size}


def _send(connection: http.client.HTTPConnection, size: int) -> None:
    for _ in range(size // _BLOCK):
        connection.send(_PIECE)
    connection.send(_PIECE[: size % _BLOCK])


def _bare(path: Path, size: int) -> None:
    """What has to be done in any case: the bytes go to the disk."""
    with open(path, "wb", buffering=0) as file:
        for _ in range(size // _BLOCK):
            file.write(_PIECE)
        file.write(_PIECE[: size % _BLOCK])
        os.fsync(file.fileno())


def _remove(served: Served, asset: str) -> None:
    with served.client() as client:
        client.delete(f"assets/{asset}").raise_for_status()


def _peak(served: Served) -> int:
    """The most memory that the process which takes the requests has ever had, in bytes."""
    lines = Path(f"/proc/{served.child('api').pid}/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(found) * 1024


def _median(url: str, rounds: int, status: int) -> float:
    taken = []
    with httpx2.Client(trust_env=False, headers={"x-api-key": wire.KEY}) as client:
        for _ in range(rounds):
            began = time.perf_counter()
            answer = client.get(url, params={"page": 1, "page_limit": 50})
            taken.append(time.perf_counter() - began)
            assert answer.status_code == status, answer.text[:200]
    return statistics.median(taken)

"""Small words for talking to the served wire: request bodies, uploads, raw connections."""

import base64
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from tests.conformance.clips import clip
from tests.conformance.exact import Asset
from tests.conformance.exact_tasks import FINAL, ORDER, Task, created, task
from tests.conformance.served import Served

PROMPT = "What happens in this video?"

Json = dict[str, Any]


def base64_video(path: Path) -> Json:
    return {"type": "base64_string", "base64_string": base64.b64encode(path.read_bytes()).decode()}


def without(body: Json, *keys: str) -> Json:
    return {key: value for key, value in body.items() if key not in keys}


def upload(wire: httpx2.Client, path: Path, name: str | None = None, **fields: str) -> httpx2.Response:
    with path.open("rb") as file:
        return wire.post(
            "assets",
            data={"method": "direct", **fields},
            files={"file": (path.name if name is None else name, file, "application/octet-stream")},
        )


def finished(wire: httpx2.Client, asset_id: str) -> Asset:
    """The asset once it is no longer processing."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        response = wire.get(f"assets/{asset_id}")
        assert response.status_code == 200, response.text
        asset = Asset.model_validate_json(response.content)
        if asset.status != "processing":
            return asset
        time.sleep(0.1)
    raise AssertionError(f"asset {asset_id} is still processing")


def ready_asset(wire: httpx2.Client, name: str) -> Asset:
    response = upload(wire, clip(name))
    assert response.status_code == 201, response.text
    asset = finished(wire, response.json()["_id"])
    assert asset.status == "ready", asset
    return asset


def make_task(wire: httpx2.Client, body: Json, **headers: str) -> str:
    """The id of a new task; `headers` are named with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return created(wire.post("analyze/tasks", json=body, headers=named))


def ended_task(wire: httpx2.Client, task_id: str, seconds: float = 60) -> Task:
    """The task in its final state; on the way there its states may only move forward."""
    seen = "queued"
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = task(wire.get(f"analyze/tasks/{task_id}"))
        assert ORDER.index(found.status) >= ORDER.index(seen), f"{found.status} after {seen}"
        seen = found.status
        if seen in FINAL:
            return found
        time.sleep(0.05)
    raise AssertionError(f"task {task_id} is still {seen}")


def task_in(wire: httpx2.Client, task_id: str, *states: str, seconds: float = 30) -> Task:
    """The task as soon as it is in one of `states`."""
    until = time.monotonic() + seconds
    while True:
        found = task(wire.get(f"analyze/tasks/{task_id}"))
        if found.status in states:
            return found
        assert found.status not in FINAL, found
        assert time.monotonic() < until, found
        time.sleep(0.05)


@dataclass
class Raw:
    """One connection on which bytes go out exactly as given."""

    connection: socket.socket

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, content: bytes) -> None:
        self.connection.sendall(content)

    def receive_until(self, mark: bytes) -> bytes:
        got = b""
        while mark not in got:
            part = self.connection.recv(65536)
            assert part, got
            got += part
        return got

    def receive_all(self) -> bytes:
        """All that comes until the other side closes."""
        got = b""
        while True:
            try:
                part = self.connection.recv(65536)
            except ConnectionResetError:
                return got
            if not part:
                return got
            got += part


def connect(served: Served) -> Raw:
    address = urlsplit(served.url)
    connection = socket.create_connection((address.hostname or "127.0.0.1", address.port or 80), timeout=30)
    return Raw(connection)


def head(served: Served, method: str, path: str, length: int | None, kind: str = "application/json") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"x-api-key: {served.key}",
        f"Content-Type: {kind}",
    ]
    lines += ["Connection: keep-alive"] if length is None else [f"Content-Length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post_raw(served: Served, body: Json) -> Raw:
    """Sends `body` to `/analyze` on a connection of its own and leaves the answer to be read."""
    raw = connect(served)
    content = json.dumps(body).encode()
    raw.send(head(served, "POST", "/v1.3/analyze", len(content)) + content)
    return raw


def chunks(body: bytes) -> tuple[list[bytes], bool]:
    """The chunks of a chunked body and whether the ending chunk came."""
    found: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return found, True
        found.append(rest[:length])
        body = rest[length + 2 :]
    return found, False


def new_key(served: Served, account: str) -> str:
    """A key made by the operator's command."""
    return served.command("keys", "create", "--account", account).strip()

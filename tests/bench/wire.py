"""Measures what the server itself adds: to a large body before its first check, and to an engine's first token."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from kinoscribe.api.http_protocol import KinoscribeProtocol
from kinoscribe.app import build_asgi, build_tools
from kinoscribe.cancel import Cancel
from kinoscribe.engines.chosen import Engines
from kinoscribe.engines.engine import Ask, EngineState, Finished, Piece, Text
from kinoscribe.settings import Settings

KEY = "bench"
BODY_BYTES = 30_000_000


class Prompt:
    """An engine that notes when it says its first word."""

    name = model = "prompt"
    version = "1"
    context_tokens = 1_000_000

    def __init__(self) -> None:
        self.said_at: list[float] = []

    def generate(self, ask: Ask, cancel: Cancel) -> Iterator[Piece]:
        self.said_at.append(time.perf_counter())
        yield Text("first ")
        time.sleep(0.05)
        yield Text("second")
        yield Finished()

    def state(self) -> EngineState:
        return EngineState(ready=True)

    def close(self) -> None:
        """Nothing is held."""


def first_byte(video: Path, data: Path, rounds: int = 20) -> float:
    """Seconds from the engine's first token to the client's having it: the median of some rounds."""
    engine = Prompt()
    settings = Settings(data_dir=data, engine="scripted", api_key=KEY)  # type: ignore[arg-type]
    tools = replace(build_tools(settings), engines=Engines(engine))
    body = {
        "video": {"type": "base64_string", "base64_string": base64.b64encode(video.read_bytes()).decode()}
    }
    delays = []
    with (
        served(build_asgi(tools)) as url,
        httpx2.Client(headers={"x-api-key": KEY}, trust_env=False) as client,
    ):
        for _ in range(rounds):
            with client.stream("POST", f"{url}/analyze", json={**body, "prompt": "?"}, timeout=60) as answer:
                for line in answer.iter_lines():
                    if "text_generation" in line:
                        delays.append(time.perf_counter() - engine.said_at[-1])
                        break
    return sorted(delays)[len(delays) // 2]


def large_body(data: Path, rounds: int = 5) -> dict[str, float]:
    """Seconds from sending a 30 MB video in base64 to its refusal, less what a server takes that only reads it."""
    video = base64.b64encode(bytes(BODY_BYTES)).decode()
    body = json.dumps({"video": {"type": "base64_string", "base64_string": video}, "prompt": ""}).encode()
    settings = Settings(data_dir=data, engine="scripted", api_key=KEY)  # type: ignore[arg-type]
    ours, bare = [], []
    with served(build_asgi(build_tools(settings))) as url, served(only_reads) as bare_url:
        for _ in range(rounds):
            ours.append(_refused(f"{url}/analyze", body))
            bare.append(_refused(bare_url, body))
    return {"ours_s": min(ours), "bare_s": min(bare), "own_s": min(ours) - min(bare)}


def _refused(url: str, body: bytes) -> float:
    with httpx2.Client(trust_env=False) as client:
        began = time.perf_counter()
        answer = client.post(url, content=body, headers={"x-api-key": KEY}, timeout=60)
        taken = time.perf_counter() - began
    assert answer.status_code == 400, answer.text[:200]
    return taken


async def only_reads(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and refuses it: what any server must do."""
    if scope["type"] != "http":
        return
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    b"".join(parts)
    await send({"type": "http.response.start", "status": 400, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def served(application: ASGIApp) -> Iterator[str]:
    # The product names the protocol too: asyncio sends small answers at once only where it knows that it is TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(
        uvicorn.Config(application, http=KinoscribeProtocol, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)

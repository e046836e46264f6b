"""Connections on which bytes go out exactly as given, to an application served by our own protocol."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import uvicorn
from starlette.types import ASGIApp

from kinoscribe.api.http_protocol import KinoscribeProtocol

WAIT = 30.0
A = TypeVar("A", bound=ASGIApp)


class Wire:
    """One connection on which bytes go out exactly as given."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT)
        self.got = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: its status, its headers and its body."""
        head, self.got = self.until(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self.got) < length:
            self._more()
        body, self.got = self.got[:length], self.got[length:]
        return int(first.split()[1]), headers, body

    def said(self) -> Any:
        status, _, body = self.answer()
        assert status == 200, body
        return json.loads(body)

    def refused(self) -> tuple[int, Any]:
        status, headers, body = self.answer()
        assert headers["content-type"] == "application/json"
        assert headers["x-api-version"] == "v1.3"
        assert len(headers["x-request-id"]) == 16
        assert self.is_closed()
        return status, json.loads(body)

    def is_closed(self) -> bool:
        """Waits for the other side to close; false when something comes instead."""
        try:
            return self.got == b"" and self.socket.recv(100) == b""
        except ConnectionResetError:
            return True

    def until(self, mark: bytes) -> tuple[bytes, bytes]:
        while mark not in self.got:
            self._more()
        before, _, after = self.got.partition(mark)
        return before, after

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, self.got
        self.got += piece


class Served(Generic[A]):
    """An application, and the connections to it."""

    def __init__(self, app: A, grace: int | None = None) -> None:
        self.app = app
        self.wires: list[Wire] = []
        config = uvicorn.Config(
            app,
            "127.0.0.1",
            0,
            http=KinoscribeProtocol,
            log_level="critical",
            ws="none",
            timeout_graceful_shutdown=grace,
        )
        self.server = uvicorn.Server(config)

    @property
    def port(self) -> int:
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    def wire(self) -> Wire:
        self.wires.append(Wire(self.port))
        return self.wires[-1]

    def let_go(self, event: asyncio.Event) -> None:
        """Sets an event on which the application waits."""
        self.server.servers[0].get_loop().call_soon_threadsafe(event.set)

    def until(self, condition: Callable[[], object]) -> bool:
        end = time.monotonic() + WAIT
        while not (met := bool(condition())) and time.monotonic() < end:
            time.sleep(0.01)
        return met


@contextmanager
def serving(app: A, grace: int | None = None) -> Iterator[Served[A]]:
    served = Served(app, grace)
    thread = threading.Thread(target=lambda: asyncio.run(served.server.serve()))
    thread.start()
    while not served.server.started:
        time.sleep(0.01)
    try:
        yield served
    finally:
        for wire in served.wires:
            wire.socket.close()
        served.server.should_exit = True
        thread.join()

"""A tiny model server on this machine that says what a test tells it to, and keeps what it was asked."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT = 20.0


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    raw: bytes
    peer: tuple[str, int]

    @property
    def body(self) -> dict[str, Any]:
        found = json.loads(self.raw)
        assert isinstance(found, dict)
        return found


@dataclass
class ChatServer:
    """`play` answers each request, given the number of it from 1 on."""

    play: Callable[["Player", int], None]
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    gone: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    turn: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""


class Player:
    """What an answer is made of."""

    def __init__(self, handler: BaseHTTPRequestHandler, server: ChatServer) -> None:
        self._handler = handler
        self.server = server

    def status(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Type", "application/json")
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def begin(self, **headers: str) -> None:
        self._handler.send_response(200)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()
        self._handler.close_connection = True

    def raw(self, data: bytes) -> None:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def event(self, body: Any) -> None:
        self.raw(b"data: " + json.dumps(body).encode() + b"\n\n")

    def text(self, text: str) -> None:
        self.event({"choices": [{"index": 0, "delta": {"content": text}}]})

    def end(self, reason: str = "stop", usage: Any = None) -> None:
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if usage is not None:
            self.event({"choices": [], "usage": usage})
        self.raw(b"data: [DONE]\n\n")

    def hang_up(self) -> None:
        """Closes the connection that a client may think to be open; `gone` tells when its end is on its way."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)
        self.server.gone.release()

    def until_left(self) -> None:
        """Waits until whoever asked has gone."""
        self._handler.connection.settimeout(WAIT)
        if self._handler.connection.recv(1) == b"":
            self.server.left.set()


def says(*texts: str, usage: Any = None, reason: str = "stop") -> Callable[[Player, int], None]:
    def play(player: Player, _number: int) -> None:
        player.begin()
        for text in texts:
            player.text(text)
        player.end(reason, usage)

    return play


@contextmanager
def serving(play: Callable[[Player, int], None], *, tls: Path | None = None) -> Iterator[ChatServer]:
    server = ChatServer(play)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with server.turn:
                server.asked.append(Asked(self.path, headers, raw, self.client_address))
                number = len(server.asked)
            server.arrived.set()
            try:
                server.play(Player(self, server), number)
            except (BrokenPipeError, ConnectionResetError):
                server.left.set()

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is about the test."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        # The greeting is exchanged by the thread that answers, for one that fails must not end the listener.
        listener.socket = context.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    server.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{listener.server_port}/v1"
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()

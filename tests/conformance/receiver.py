"""A small receiver of webhooks on this machine: it keeps what comes, checks the signature itself, and misbehaves."""

import hashlib
import hmac
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.conformance.exact_tasks import TaskEvent

SIGNATURE = re.compile(r"t=(\d+),v1=([0-9a-f]{64})")


@dataclass(frozen=True)
class Received:
    """One request as it came; `at` is the receiver's clock in seconds since 1970."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    answered: int

    def event(self, secret: str) -> TaskEvent:
        """What it says, once the signature and the form are right."""
        assert self.headers["content-type"].split(";")[0] == "application/json"
        self.signed_at(secret)
        return TaskEvent.model_validate(json.loads(self.body))

    def signed_at(self, secret: str) -> int:
        """The time in the signature, which must verify over the bytes that came."""
        match = SIGNATURE.fullmatch(self.headers["tl-signature"])
        assert match, self.headers
        told, found = match.groups()
        expected = hmac.new(secret.encode(), f"{told}.".encode() + self.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(found, expected)
        assert abs(self.at - int(told)) < 300, "a receiver refuses more than five minutes"
        return int(told)


@dataclass
class Receiver:
    """What a path answers: `/ok/...` 200, `/never/...` 500, `/second/...` 500 and then 204, `/away/...` 302 to
    `/ok/away`, `/slow/...` nothing until the end. The rest of the path tells tests apart.
    """

    server: ThreadingHTTPServer
    got: list[Received] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://{self.server.server_address[0]!s}:{self.server.server_port}/{path}"

    def at(self, path: str) -> list[Received]:
        return [received for received in list(self.got) if received.path == f"/{path}"]

    def wait(self, path: str, count: int, seconds: float = 20) -> list[Received]:
        """What came to `path`, once that is `count` requests."""
        until = time.monotonic() + seconds
        while len(self.at(path)) < count:
            assert time.monotonic() < until, (path, len(self.at(path)))
            time.sleep(0.05)
        return self.at(path)

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


def start_receiver() -> Receiver:
    receiver: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            path = urlsplit(self.path).path
            status = self.status(path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append(Received(path, headers, body, time.time(), status))
            if path.startswith("/slow/"):
                receiver.ended.wait(60)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/ok/away")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.got.append(Received(f"GET {self.path}", {}, b"", time.time(), 200))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def status(self, path: str) -> int:
            match path.split("/")[1]:
                case "never":
                    return 500
                case "second":
                    return 204 if receiver.at(path.removeprefix("/")) else 500
                case "away":
                    return 302
            return 200

        def log_message(self, *_: object) -> None:
            """The tests read `got`."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that gives up is what some tests are about."""

    receiver = Receiver(Server(("127.0.0.1", 0), Handler))
    threading.Thread(target=receiver.server.serve_forever, daemon=True).start()
    return receiver

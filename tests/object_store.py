"""Gives tests a real S3 over HTTP, moto's on loopback, and a way to it that fails, cuts and delays on demand."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

import pytest
from obstore.store import S3Store

from kinoscribe.storage.objects import ObjectOptions, Objects

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
_numbers = count(1)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket of the test's own; the credentials for it are in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{next(_numbers)}"
    address = urlsplit(s3)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    connection.request("PUT", f"/{name}", headers={"Content-Length": "0"}, body=_WHERE)
    assert connection.getresponse().status == 200
    connection.close()
    return Bucket(s3, name)


_WHERE = (
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    f"<LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
).encode()


@dataclass(frozen=True)
class Bucket:
    """A bucket, and what it holds as its owner sees it."""

    endpoint: str
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}/kino/scribe"

    @property
    def options(self) -> ObjectOptions:
        return ObjectOptions(endpoint=self.endpoint, region=REGION)

    def objects(self, endpoint: str | None = None) -> Objects:
        return Objects(self.url, ObjectOptions(endpoint=endpoint or self.endpoint, region=REGION))

    def names(self) -> list[str]:
        """All keys, without the prefix."""
        store = S3Store(
            self.name,
            prefix="kino/scribe",
            endpoint=self.endpoint,
            region=REGION,
            client_options={"allow_http": True},
        )
        return sorted(each["path"] for chunk in store.list() for each in chunk)

    def spoil(self, key: str, body: bytes) -> None:
        self.objects().put(key, body)


@dataclass
class Trouble:
    """What a way to a store does wrong. `when` says to which requests, by method and path; `times` how often.

    `how`: `500`, `503`, `cut` (half of the answer), `drop` (the connection ends before the request was passed on),
    `lost` (it was passed on, and no answer comes), `slow` (after `seconds`).
    """

    how: str
    when: Callable[[str, str], bool] = lambda _method, _path: True
    times: int = 1_000_000
    seconds: float = 0.0
    met: int = field(default=0)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meets(self, method: str, path: str) -> bool:
        with self.lock:
            if self.met < self.times and self.when(method, path):
                self.met += 1
                return True
        return False


class Way:
    """A way to a store. Without trouble it passes everything on."""

    def __init__(self, to: str) -> None:
        self.trouble: Trouble | None = None
        self.seen: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(to).netloc))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(way: Way, to: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def _pass(self) -> None:
            body = self._body()
            way.seen.append((self.command, self.path))
            trouble = way.trouble
            met = trouble is not None and trouble.meets(self.command, self.path)
            how = trouble.how if trouble is not None and met else ""
            if how == "drop":
                self.close_connection = True
                return
            if how in {"500", "503"}:
                self._answer(int(how), [], b"<Error><Code>InternalError</Code></Error>")
                return
            if how == "slow" and trouble is not None:
                time.sleep(trouble.seconds)
            connection = http.client.HTTPConnection(to)
            # Signed over the address of this way: moto checks no signatures.
            headers = {
                k: v for k, v in self.headers.items() if k.lower() not in {"transfer-encoding", "host"}
            }
            connection.request(self.command, self.path, body=body, headers={**headers, "Host": to})
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            if how == "lost":
                self.close_connection = True
                return
            self._answer(answer.status, answer.getheaders(), data, cut=how == "cut")

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(
            self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False
        ) -> None:
            self.send_response_only(status)
            told = {name.lower() for name, _ in headers}
            for name, value in headers:
                if name.lower() not in {"connection", "transfer-encoding"}:
                    self.send_header(name, value)
            if "content-length" not in told:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    return Handler


@pytest.fixture
def way(s3: str) -> Iterator[Way]:
    way = Way(s3)
    yield way
    way.close()

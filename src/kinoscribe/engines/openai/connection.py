"""Carries requests to model servers over connections that can be left at any moment.

No proxy of the environment is used, no redirect followed, no packed answer taken.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

import httpcore2
import httpx2

from kinoscribe import clock
from kinoscribe.engines.openai.patience import GaveUp, Patience, Patient

_T = TypeVar("_T")
_LARGEST_WRITE = 64 * 1024
_KEPT_CONNECTIONS = 64
_KEPT_SECONDS = 20.0
# Nothing else goes out, whatever libraries and their environment add.
_SENT = {
    b"host",
    b"authorization",
    b"accept",
    b"accept-encoding",
    b"content-length",
    b"content-type",
    b"user-agent",
    b"x-session-id",
}


def open_pool() -> httpcore2.ConnectionPool:
    """Connections that outlive a request and serve the next one. Only `client` may use them."""
    return httpcore2.ConnectionPool(
        ssl_context=httpcore2.default_ssl_context(),
        max_connections=None,
        max_keepalive_connections=_KEPT_CONNECTIONS,
        keepalive_expiry=_KEPT_SECONDS,
        network_backend=_PatientBackend(),
    )


def client(pool: httpcore2.ConnectionPool, patience: Patience) -> httpx2.Client:
    """A client for one request. It need not be closed: the connections are the pool's."""
    return httpx2.Client(transport=_Transport(pool, patience), trust_env=False, follow_redirects=False)


class Body:
    """The bytes of a request, let go as they are sent: an answer may take long, and there may be many."""

    def __init__(self, *parts: bytes) -> None:
        self.size = sum(map(len, parts))
        self._parts = list(parts)

    def __iter__(self) -> Iterator[bytes]:
        while self._parts:
            part = memoryview(self._parts.pop(0))
            for first in range(0, len(part), _LARGEST_WRITE):
                yield bytes(part[first : first + _LARGEST_WRITE])


class _Transport(httpx2.BaseTransport):
    def __init__(self, pool: httpcore2.ConnectionPool, patience: Patience) -> None:
        self._pool = pool
        self._patience = patience

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        patient = Patient(self._patience)
        url = request.url
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=[(name, value) for name, value in request.headers.raw if name.lower() in _SENT],
                content=request.stream,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write"), patient)},
            )
        )
        assert isinstance(answer.stream, Iterable)
        response = httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer))
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            response.close()
            raise GaveUp("packed its answer, which was not asked for")
        if not response.is_success:
            self._patience.refused()
        return response


class _Body(httpx2.SyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> "Iterable[bytes]":  # type: ignore[override]
        assert isinstance(self._answer.stream, Iterable)
        return iter(self._answer.stream)

    def close(self) -> None:
        self._answer.close()


class _PatientBackend(httpcore2.NetworkBackend):
    """Opens connections whose every wait is bound by the patience of the request it is for."""

    def __init__(self) -> None:
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        patience = _patience(timeout)

        def connect() -> httpcore2.NetworkStream:
            return self._plain.connect_tcp(host, port, patience.connect, None, socket_options)

        return _PatientStream(_aside(connect, patience))

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        raise httpcore2.UnsupportedProtocol("Model servers are reached by http and https.")


class _PatientStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        patience = _patience(timeout)
        while True:
            wait = patience.slice()
            with suppress(httpcore2.ReadTimeout):
                data = self._inner.read(max_bytes, wait)
                patience.took(len(data))
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Writes in parts, for what a time-out has let through of a whole nobody could tell."""
        patience = _patience(timeout)
        socket = self._inner.get_extra_info("socket")
        view = memoryview(buffer)
        while view:
            socket.settimeout(patience.slice())
            try:
                view = view[socket.send(view[:_LARGEST_WRITE]) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore2.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: object,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        patience = _patience(timeout)

        def greet() -> httpcore2.NetworkStream:
            return self._inner.start_tls(ssl_context, server_hostname, patience.connect)  # type: ignore[arg-type]

        return _PatientStream(_aside(greet, patience))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _patience(timeout: float | None) -> Patience:
    assert isinstance(timeout, Patient)
    return timeout.patience


def _aside(opened: Callable[[], httpcore2.NetworkStream], patience: Patience) -> httpcore2.NetworkStream:
    """What `opened` gives. It cannot be interrupted, so it is left behind when nobody waits for it any more."""
    answers: SimpleQueue[httpcore2.NetworkStream | Exception] = SimpleQueue()
    left = threading.Event()

    def close_late() -> None:
        with suppress(Empty):
            late = answers.get_nowait()
            if not isinstance(late, Exception):
                late.close()

    def work() -> None:
        try:
            answers.put(opened())
        except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError, UnicodeError) as error:
            answers.put(error)
        if left.is_set():
            close_late()

    threading.Thread(target=work, daemon=True, name="connect").start()
    until = clock.steady() + patience.connect
    try:
        while clock.steady() < until:
            with suppress(Empty):
                answer = answers.get(timeout=patience.slice())
                if isinstance(answer, Exception):
                    raise answer
                return answer
        raise httpcore2.ConnectTimeout("no connection in time")
    except BaseException:
        left.set()
        close_late()
        raise

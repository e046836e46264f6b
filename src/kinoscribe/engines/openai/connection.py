"""Carries requests to model servers over connections that can be left at any moment.

No proxy of the environment is used, no redirect followed, no packed answer taken. No HTTP library stands between: with
one, a token of a stream cost several times as much as the wait for it.
"""

import base64
import select
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from socket import socket
from typing import Literal

import httpcore2
import httpx2

from kinoscribe import clock
from kinoscribe.engines.openai.patience import GaveUp, Patience
from kinoscribe.engines.openai.response import Improper, Response

_LARGEST_WRITE = 64 * 1024
_LARGEST_READ = 64 * 1024
_KEPT_CONNECTIONS = 64
_KEPT_SECONDS = 20.0
_PORTS = {"http": 80, "https": 443}


class Unreached(Exception):
    """No connection was made. `late`: nobody said so in time."""

    def __init__(self, words: str, *, late: bool = False) -> None:
        super().__init__(words)
        self.late = late


class Broken(Exception):
    """The connection broke, or what came over it was no proper HTTP."""


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


@dataclass(frozen=True, slots=True)
class Address:
    """Where a URL leads. What is asked for is added to `path`. `login` is that of the URL, where it has one."""

    secure: bool
    host: str
    port: int
    shown: str
    path: str
    query: str
    login: str

    @property
    def plain(self) -> bool:
        """Whether to reach it takes neither a name server nor TLS."""
        return not self.secure and _is_number(self.host)


class Pool:
    """Connections that outlive a request and serve the next one. May be used by many threads at once."""

    def __init__(self) -> None:
        self._open = httpcore2.SyncBackend()
        self._trust = httpcore2.default_ssl_context()
        self._lock = threading.Lock()
        self._idle: dict[tuple[bool, str, int], list[_Connection]] = {}
        self._kept = 0
        self._closed = False

    @contextmanager
    def ask(
        self,
        method: Literal["GET", "POST"],
        url: str,
        patience: Patience,
        *,
        headers: Mapping[str, str],
        body: Body | None = None,
        path: str = "",
    ) -> Generator[Response, None, None]:
        """The head of the response to one request; its body comes while the block lasts. `path` is added to the URL's.

        Raises `Unreached`, `Broken`, `GaveUp` and `Canceled`, also inside the block. Whoever leaves it early closes
        the connection.
        """
        address = address_of(url)
        head = _head(method, address, path, headers, body)
        connection = self._take(address) or self._connect(address, patience)
        response: Response | None = None
        try:
            connection.patience = patience
            connection.write(head)
            for part in body or ():
                connection.write(part)
            response = Response(connection.read)
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise GaveUp("packed its answer, which was not asked for")
            if not response.well:
                patience.refused()
            yield response
        except Improper as error:
            raise Broken(str(error)) from error
        finally:
            if response is None or not response.whole or not self._keep(address, connection):
                connection.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle = [one for many in self._idle.values() for one in many]
            self._idle.clear()
            self._kept = 0
        for connection in idle:
            connection.close()

    def _take(self, address: Address) -> "_Connection | None":
        """A connection that is still open, as far as that can be seen."""
        key = (address.secure, address.host, address.port)
        while True:
            with self._lock:
                idle = self._idle.get(key)
                if not idle:
                    return None
                connection = idle.pop()
                self._kept -= 1
            if connection.is_usable():
                return connection
            connection.close()

    def _keep(self, address: Address, connection: "_Connection") -> bool:
        connection.kept_at = clock.steady()
        with self._lock:
            if self._closed or self._kept >= _KEPT_CONNECTIONS:
                return False
            self._idle.setdefault((address.secure, address.host, address.port), []).append(connection)
            self._kept += 1
        return True

    def _connect(self, address: Address, patience: Patience) -> "_Connection":
        def connect() -> httpcore2.NetworkStream:
            opened = self._open.connect_tcp(address.host, address.port, patience.connect)
            if not address.secure:
                return opened
            return opened.start_tls(self._trust, address.host, patience.connect)

        try:
            if address.plain:  # a wait of one slice at most needs no thread
                with suppress(httpcore2.ConnectTimeout):
                    bound = min(patience.connect, patience.slice())
                    return _Connection(self._open.connect_tcp(address.host, address.port, bound))
            return _Connection(_aside(connect, patience))
        except httpcore2.TimeoutException as error:
            raise Unreached(str(error), late=True) from error
        except (httpcore2.NetworkError, OSError, UnicodeError) as error:
            raise Unreached(str(error)) from error


class _Connection:
    """A socket whose every wait is bound by the patience of the request that it is used for."""

    patience: Patience

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream
        self._socket: socket = stream.get_extra_info("socket")
        self._wait: float | None = None
        self.kept_at = 0.0

    def read(self) -> bytes:
        """What has come, as soon as there is anything; nothing at the end."""
        patience = self.patience
        while True:
            self._wait_for(patience.slice())
            try:
                data = self._socket.recv(_LARGEST_READ)
            except TimeoutError:
                continue
            except OSError as error:
                raise Broken(str(error)) from error
            patience.took(len(data))
            return data

    def write(self, data: bytes) -> None:
        """Writes in parts, for what a time-out has let through of a whole nobody could tell."""
        view = memoryview(data)
        while view:
            self._wait_for(self.patience.slice())
            try:
                view = view[self._socket.send(view[:_LARGEST_WRITE]) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise Broken(str(error)) from error

    def is_usable(self) -> bool:
        """Whether it was not kept for too long, and the server has not said anything since, not even goodbye."""
        if clock.steady() - self.kept_at > _KEPT_SECONDS:
            return False
        look = select.poll()
        look.register(self._socket, select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        self._stream.close()

    def _wait_for(self, seconds: float) -> None:
        if seconds != self._wait:  # to set it anew is a call of the system each time
            self._socket.settimeout(seconds)
            self._wait = seconds


@lru_cache(maxsize=256)
def address_of(url: str) -> Address:
    """Raises `Broken` for what is no address of a server."""
    try:
        read = httpx2.URL(url)
        host = read.raw_host.decode("ascii")
        path, _, query = read.raw_path.decode("ascii").partition("?")
        shown = read.netloc.decode("ascii")
        login = base64.b64encode(read.userinfo and f"{read.username}:{read.password}".encode()).decode()
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise Broken(str(error)) from error
    if read.scheme not in _PORTS or not host:
        raise Broken("Model servers are reached by http and https.")
    return Address(
        secure=read.scheme == "https",
        host=host,
        port=read.port or _PORTS[read.scheme],
        shown=shown,
        path=path.rstrip("/"),
        query=query and f"?{query}",
        login=login,
    )


@lru_cache(maxsize=256)
def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _head(method: str, address: Address, path: str, headers: Mapping[str, str], body: Body | None) -> bytes:
    """Raises `Broken` for what cannot stand in a header. Nothing else goes out, whatever the environment says."""
    said = {"Host": address.shown, **headers}
    if address.login:
        said["Authorization"] = f"Basic {address.login}"
    if body is not None:
        said |= {"Content-Type": "application/json", "Content-Length": str(body.size)}
    lines = [f"{method} {address.path}{path or ('' if address.path else '/')}{address.query} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in said.items()]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise Broken("A header holds what cannot be sent.")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


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

"""Turns a URL into the bytes it names, or brings it some, over connections to addresses the guard has checked.

Every connection looks its host up once, checks all addresses, and connects to one of the very addresses that
were checked; the host's name stays for TLS and the `Host` header. No proxy of the environment is used.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Protocol

import httpcore2

from kinoscribe import __version__, clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import VideoFilesizeTooLarge
from kinoscribe.sources.url_guard import Gate, Target, UrlRefused, check_addresses, follow, read_target

_SLICE = 0.25
_LINGER = 0.5
_BUSY = {408, 425, 429}
_MOVED = {301, 302, 303, 307, 308}
_PACKED = {"gzip", "x-gzip", "deflate", "compress", "br", "zstd"}

LookUp = Callable[[str, int], Sequence[str]]


class FetchFailed(Exception):
    """The text is one or two sentences for the client: what happened when the URL was fetched.

    `passes` says that the same fetch may succeed in a while: the host is down, silent or overloaded.
    """

    def __init__(self, reason: str, *, passes: bool = False) -> None:
        super().__init__(reason)
        self.passes = passes


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """`seconds` bounds a whole fetch with its redirects, `idle` the time without a byte, `connect` each connection."""

    bytes: int
    seconds: float
    connect: float = 10.0
    idle: float = 30.0
    redirects: int = 3


def look_up(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the machine's resolver knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class UrlFetcher:
    """Fetches URLs; may be shared between threads. `look_up` is exchanged by tests only."""

    def __init__(self, gate: Gate, limits: FetchLimits, look_up: LookUp = look_up) -> None:
        self.gate = gate
        self._limits = limits
        self._look_up = look_up

    def fetch(
        self, url: str, sink: Sink, cancel: Cancel, *, expect: Callable[[int], None] | None = None
    ) -> None:
        """Writes what `url` names to `sink`, as it comes. `expect` hears before how many bytes are announced.

        Raises `UrlRefused`, `FetchFailed`, `VideoFilesizeTooLarge`, `Canceled`, and whatever the sink or
        `expect` raises.
        """
        patience = _Patience(cancel, clock.steady() + self._limits.seconds)
        target = read_target(url, self.gate)
        for _ in range(self._limits.redirects + 1):
            location = self._ask(target, sink, patience, expect)
            if location is None:
                return
            target = follow(target, location, self.gate)
        raise FetchFailed(f"The URL is redirected more than {self._limits.redirects} times.")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], cancel: Cancel) -> int:
        """Brings `body` to `url` and tells the status of the answer, whatever it is. No redirect is followed.

        Of what the answer holds no more than the limit in bytes is read, and for half a second at most. Raises
        `UrlRefused`, `FetchFailed`, `Canceled`.
        """
        patience = _Patience(cancel, clock.steady() + self._limits.seconds)
        sent = {**headers, "Content-Length": str(len(body))}
        with self._opened("POST", read_target(url, self.gate), patience, sent, body) as response:
            patience.hurry(_LINGER)
            with (
                suppress(FetchFailed, Canceled),
                _our_errors(),
            ):  # the answer is known; what follows it is courtesy
                size = 0
                for chunk in response.iter_stream():
                    size += len(chunk)
                    if size > self._limits.bytes:
                        break
            return response.status

    @contextmanager
    def _opened(
        self,
        method: str,
        target: Target,
        patience: _Patience,
        more: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Iterator[httpcore2.Response]:
        """One request, up to the head of its answer; the connection is closed in the end."""
        backend = _GuardedBackend(self.gate, self._limits, self._look_up, patience)
        host = f"[{target.host}]" if ":" in target.host else target.host
        url = httpcore2.URL(
            scheme=target.scheme.encode(),
            host=host.encode(),
            port=target.port,
            target=target.path.encode("ascii"),
        )
        headers: dict[bytes | str, bytes | str] = {
            "Host": target.authority,
            "User-Agent": f"kinoscribe/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        for name, value in (more or {}).items():
            headers[name] = value
        timeouts = {"connect": self._limits.connect, "read": self._limits.idle, "write": self._limits.connect}
        with (
            _our_errors(),
            httpcore2.ConnectionPool(ssl_context=self.tls, network_backend=backend) as pool,
            pool.stream(
                method, url, headers=headers, content=body, extensions={"timeout": timeouts}
            ) as response,
        ):
            yield response

    def _ask(
        self, target: Target, sink: Sink, patience: _Patience, expect: Callable[[int], None] | None
    ) -> str | None:
        """One request. Its body goes to the sink, or the place that it redirects to comes back."""
        with self._opened("GET", target, patience) as response:
            said = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            if response.status in _MOVED and "location" in said:
                return said["location"]
            announced = self._check(response.status, said)
            if expect is not None and announced is not None:
                expect(announced)
            size = 0
            for chunk in response.iter_stream():
                size += len(chunk)
                if size > self._limits.bytes:
                    raise _too_large(self._limits.bytes, None)
                sink.write(chunk)
        return None

    def _check(self, status: int, said: dict[str, str]) -> int | None:
        """How many bytes are announced, of an answer that can be used."""
        if status != 200:
            raise FetchFailed(
                f"Its server answered with status {status}; 200 was expected.",
                passes=status in _BUSY or status >= 500,
            )
        packed = said.get("content-encoding", "").strip().lower()
        if packed in _PACKED:
            raise FetchFailed(f"Its server sent the file in {packed} encoding, which was not asked for.")
        length = said.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return None
        if int(length) > self._limits.bytes:
            raise _too_large(self._limits.bytes, int(length))
        return int(length)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Certificates are checked against those that the machine trusts."""
        return httpcore2.default_ssl_context()


def _too_large(most: int, size: int | None) -> VideoFilesizeTooLarge:
    return VideoFilesizeTooLarge(
        most=f"{most} bytes", size=f"larger than {most} bytes" if size is None else f"{size} bytes"
    )


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except httpcore2.ConnectTimeout as error:
        raise FetchFailed("Its server did not accept a connection in time.", passes=True) from error
    except httpcore2.TimeoutException as error:
        raise FetchFailed("Its server fell silent.", passes=True) from error
    except httpcore2.ConnectError as error:
        if isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError):
            raise FetchFailed("No trusted TLS connection to its server could be made.") from error
        raise FetchFailed("No connection to its server could be made.", passes=True) from error
    except httpcore2.RemoteProtocolError as error:
        raise FetchFailed("Its server broke off, or did not answer in proper HTTP.", passes=True) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
        raise FetchFailed("The connection to its server broke.", passes=True) from error


class _Patience:
    """When to stop waiting: at the deadline of the whole fetch, or when nobody waits for it any more."""

    def __init__(self, cancel: Cancel, until: float) -> None:
        self._cancel = cancel
        self._until = until

    def slice(self) -> float:
        """Seconds to wait before asking again. Raises `Canceled`, or `FetchFailed` when the time is over."""
        self._cancel.check()
        left = self._until - clock.steady()
        if left <= 0:
            raise FetchFailed("The transfer took too long.", passes=True)
        return min(_SLICE, left)

    def hurry(self, seconds: float) -> None:
        """Allows no more than `seconds` from now on."""
        self._until = min(self._until, clock.steady() + seconds)

    def at_most(self, seconds: float) -> float:
        self.slice()
        return min(seconds, max(self._until - clock.steady(), 0.001))


class _GuardedBackend(httpcore2.NetworkBackend):
    """Opens connections to checked addresses, whatever asks for them."""

    def __init__(self, gate: Gate, limits: FetchLimits, look_up: LookUp, patience: _Patience) -> None:
        self._gate = gate
        self._limits = limits
        self._look_up = look_up
        self._patience = patience
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        until = clock.steady() + self._limits.connect
        failure: Exception = httpcore2.ConnectError("no address")
        for address in check_addresses(self._addresses(host.strip("[]"), port), self._gate):
            left = self._patience.at_most(max(until - clock.steady(), 0.001))
            try:
                stream = self._plain.connect_tcp(str(address), port, left, None, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            return _PatientStream(stream, self._patience, self._limits)
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        raise UrlRefused("Only http and https URLs are accepted.")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host`; the resolver cannot be interrupted, so it is left behind when it hangs."""
        try:
            return [str(ip_address(host))]
        except ValueError:
            answers: SimpleQueue[Sequence[str] | OSError] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._look_up(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error if isinstance(error, OSError) else OSError(str(error)))

        threading.Thread(target=ask, daemon=True, name="look-up").start()
        until = clock.steady() + self._limits.connect
        while clock.steady() < until:
            try:
                answer = answers.get(timeout=self._patience.slice())
            except Empty:
                continue
            if isinstance(answer, OSError):
                later = isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_AGAIN
                raise FetchFailed("The host of the URL is not known.", passes=later) from answer
            return answer
        raise FetchFailed("The host of the URL could not be looked up in time.", passes=True)


class _PatientStream(httpcore2.NetworkStream):
    """A connection that looks up from reading every quarter of a second."""

    def __init__(self, inner: httpcore2.NetworkStream, patience: _Patience, limits: FetchLimits) -> None:
        self._inner = inner
        self._patience = patience
        self._limits = limits

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        until = clock.steady() + self._limits.idle
        while True:
            try:
                return self._inner.read(max_bytes, self._patience.slice())
            except httpcore2.ReadTimeout:
                if clock.steady() >= until:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._patience.at_most(self._limits.connect))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._patience.at_most(self._limits.connect)
        return _PatientStream(
            self._inner.start_tls(ssl_context, server_hostname, left), self._patience, self._limits
        )

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)

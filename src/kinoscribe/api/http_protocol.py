"""Turns the bytes of a connection into calls, by llhttp; bounds what a client may send before anything comes of it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httptools
import structlog
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from kinoscribe.api.door import own_headers
from kinoscribe.api.request_body import TAKE
from kinoscribe.api.taken_body import TakenBody
from kinoscribe.contract.errors import ApiError, RequestHeadTooLarge, RequestUnreadable, error_body

# The most bytes of a request's line and headers, and of anything else of which nothing is handed on.
HEAD_BYTES = 64 * 1024
# How long a client may take for a head, or for the rest of a body whose answer it already has.
HEAD_SECONDS = 60.0
# How long a client that was refused may go on sending before it has read why.
LINGER_SECONDS = 5.0

_FRAMING = {b"content-length", b"transfer-encoding"}
# A body above this may be taken.
_LARGE = 1 << 20
# A colon, a space and the end of a line.
_AROUND = 4
# That the other end will send no more; where the system does not know this, that the connection is gone.
_LEFT = getattr(select, "POLLRDHUP", 0)
# More calls than these wait for the one before them only where they came in one piece with it.
_WAITING = 8

_log = structlog.get_logger(__name__)


class KinoscribeProtocol(HttpToolsProtocol):
    """One connection. What is no HTTP/1.0 or 1.1, or could be read in two ways, ends it with an error of ours."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self)
        self._in_head = True
        self._is_begun = False
        self._head_bytes = 0
        self._is_moving = False
        self._still_bytes = 0
        self._refusal: ApiError | None = None
        self.is_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._body_unread = 0
        self._is_taken = False
        self._framing: tuple[bytes, bytes] | None = None
        self._is_again = False
        self._running: RequestResponseCycle | None = None
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.is_over = True
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            return
        self._unset_keepalive_if_required()
        self._is_moving = False
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError:
            self._refuse(self._refusal or RequestUnreadable(reason="Its target is no path"))
            return
        except httptools.HttpParserError as error:
            self._refuse(RequestUnreadable(reason=str(error)))
            return
        self._still_bytes = 0 if self._is_moving else self._still_bytes + len(data)
        if self._still_bytes > HEAD_BYTES:
            self._refuse(RequestHeadTooLarge(most=HEAD_BYTES))
        elif self._in_head and self._timer is None and (self._is_begun or not self._is_moving):
            self._expect_head()

    def on_message_begin(self) -> None:
        if self._is_again:
            return
        super().on_message_begin()
        self._in_head, self._is_begun, self._head_bytes = True, True, 0

    def on_url(self, url: bytes) -> None:
        if self._is_again:
            return
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_again:
            return
        self._count(len(name) + len(value))
        if self._in_head:  # what comes after the body changes nothing
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        if self._is_again:
            return
        self._is_moving = True
        self._in_head = self._is_begun = False
        if wrong := self._ambiguous():
            self._refusal = RequestUnreadable(reason=wrong)
            raise self._refusal
        self._stop_timer()
        if self.parser.should_upgrade():  # the parser takes what follows for another protocol
            lengths = [header for header in self.headers if header[0] in _FRAMING]
            self._framing = lengths[0] if lengths else None
        super().on_headers_complete()
        self._body_unread = sum(int(value) for name, value in self.headers if name == b"content-length")
        if self._body_unread > _LARGE:
            self.scope["extensions"] = {TAKE: partial(self._taken, self.cycle)}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        self._is_moving = True
        self._body_unread -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._framing is not None:
            return
        self._is_moving = self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and not self.transport.is_closing() and self._timer is None:
            self._expect_head()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def may_read(self) -> bool:
        """Not while somebody else reads, nor when too many calls wait in this connection."""
        return not self._is_taken and len(self.pipeline) <= _WAITING

    def end_if_left(self) -> None:
        """While nothing is read nobody is told that the client has left: it is looked for."""
        connection = self.transport.get_extra_info("socket")
        if self._is_taken or connection is None or self.transport.is_closing():
            return
        look = select.poll()
        look.register(connection.fileno(), _LEFT)
        if look.poll(0):
            self.transport.abort()

    @contextmanager
    def _taken(self, cycle: RequestResponseCycle) -> Iterator[TakenBody | None]:
        """The rest of the body of the call that is being answered, where it can be taken and nothing else of it waits.

        What is still unread at the end of the block comes as it would have come before.
        """
        connection = self.transport.get_extra_info("socket")
        if (
            connection is None
            or connection.family not in {socket.AF_INET, socket.AF_INET6}
            or self.transport.get_extra_info("sslcontext") is not None
            or self.is_over
            or self._is_taken
            or cycle is not self.cycle
            or not cycle.more_body
            or cycle.body
        ):
            yield None
            return
        self._is_taken = True
        self.flow.pause_reading()
        taken = TakenBody(socket.socket(fileno=os.dup(connection.fileno())), self._body_unread)
        try:
            yield taken
        finally:
            taken.close()
            self._is_taken = False
            self._go_on_after(taken.unread, cycle)

    def _go_on_after(self, unread: int, cycle: RequestResponseCycle) -> None:
        if self.is_over:
            return
        self._body_unread = unread
        if unread:
            self._framing = (b"content-length", str(unread).encode())
        else:
            cycle.more_body = False
            self._in_head = True
        self._renew_parser()
        self.flow.resume_reading()

    def _feed(self, data: bytes) -> None:
        """Nothing but HTTP/1 is spoken here: a wish for another protocol is a call like others, and may have a body."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as wish:
                data = data[wish.args[0] :]
                self._renew_parser()

    def _renew_parser(self) -> None:
        """A parser that stands where the last one left off: at the body of a call, or at the next call."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        if self._framing is not None:
            again, self._framing = self._framing, None
            self._is_again = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%s: %s\r\n\r\n" % again)
            self._is_again = False

    def _count(self, more: int) -> None:
        self._head_bytes += more + _AROUND
        if self._head_bytes > HEAD_BYTES:
            self._refusal = RequestHeadTooLarge(most=HEAD_BYTES)
            raise self._refusal

    def _ambiguous(self) -> str | None:
        """What another reader of the same bytes, such as a proxy, might take for something else."""
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            return f"Its version is {version}"
        if self.parser.get_method() == b"CONNECT":
            return "This server is no proxy"
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version == "1.1"):
            return "It must have one Host header"
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]):
            return "Its only Transfer-Encoding may be chunked, and in HTTP/1.0 there is none"
        return None

    def _refuse(self, error: ApiError) -> None:
        """Says why nothing more is read here, as soon as all that was asked before is answered."""
        self.is_over = True
        self._stop_timer()
        cycle = self.cycle
        _log.info("request_refused", reason=error.message)
        if cycle is None or cycle.response_complete:
            self._say(error)
        elif cycle.more_body and not cycle.response_started and not self.pipeline:
            cycle.disconnected = True
            cycle.message_event.set()
            self._say(error)
        elif cycle.more_body:
            self.transport.close()
        else:
            cycle.keep_alive = False  # the last of those that were asked properly

    def _say(self, error: ApiError) -> None:
        body = json.dumps(error_body(error, nested=False)).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *own_headers(secrets.token_hex(8)),
        ]
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[error.status] + lines + b"\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()  # closed with bytes unread, the connection would take the answer with it
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self._expect_head()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Flow(FlowControl):
    """Reading stays paused for as long as too much waits that was read before."""

    def __init__(self, transport: asyncio.Transport, protocol: KinoscribeProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if self._protocol.may_read():
            super().resume_reading()
        else:
            self._protocol.end_if_left()

"""Turns the bytes of HTTP/1.1 connections into requests and lets their answers be written byte by byte."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

_MOST_HEAD, _MOST_BODY = 64 * 1024, 1024 * 1024 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class Gone(Exception):
    """The client closed the connection before its answer was whole."""


@dataclass(frozen=True)
class Request:
    """What was asked. `headers` are by lower-case name; `body` is exactly what came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer:
    """The way back of one request. A client that goes away is noticed while the answer waits and while it writes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._left = asyncio.ensure_future(reader.read(1))
        self.status: int | None = None
        self.open = True

    async def wait(self, seconds: float) -> None:
        """Lets that time pass. Raises `Gone` as soon as the client is gone."""
        if seconds > 0:
            await asyncio.wait((self._left,), timeout=seconds)
        if self._left.done():
            raise Gone

    async def wait_until(self, event: asyncio.Event) -> None:
        """Waits for `event`. Raises `Gone` as soon as the client is gone."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait((self._left, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._left.done():
            raise Gone

    def whole(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """Writes an answer of known length."""
        self.status = status
        named = {"content-type": kind, "content-length": str(len(body)), **headers}
        self._write(_head(status, named) + body)

    def json(self, status: int, body: Any, **headers: str) -> None:
        self.whole(status, json.dumps(body).encode(), **headers)

    def begin(self, kind: str = "text/event-stream; charset=utf-8") -> None:
        """Writes the head of a stream of chunks."""
        self.status = 200
        self._write(_head(200, {"content-type": kind, "transfer-encoding": "chunked"}))

    def chunk(self, content: bytes) -> None:
        if self._left.done():
            raise Gone
        self._write(b"%x\r\n%b\r\n" % (len(content), content))

    def end(self) -> None:
        """Writes the last chunk, after which the connection may be used again."""
        self._write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Ends the connection without a word, as a killed server does."""
        self.open = False
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def hang_up(self) -> None:
        """Ends the connection politely where the answer stands."""
        self.open = False

    async def settle(self) -> bool:
        """Whether the connection may carry another request."""
        await self._writer.drain()
        if self._left.done():
            return False
        self._left.cancel()
        await asyncio.wait((self._left,))
        return self.open and self._left.cancelled()

    def leave(self) -> None:
        self._left.cancel()

    def _write(self, content: bytes) -> None:
        if self._writer.is_closing():
            raise Gone
        self._writer.write(content)


Handler = Callable[[Request, Answer], Awaitable[None]]


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler) -> None:
    """Answers the requests of one connection, one after the other, until it ends."""
    try:
        while (request := await _request(reader, writer)) is not None:
            answer = Answer(reader, writer)
            try:
                await handle(request, answer)
                if not await answer.settle() or request.headers.get("connection", "").lower() == "close":
                    return
            finally:
                answer.leave()
    except (ConnectionError, asyncio.IncompleteReadError, Gone):
        return
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, version = first.split(" ")
    assert version == "HTTP/1.1", first
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", ""):
        body = await _chunks(reader)
    else:
        length = int(headers.get("content-length", "0"))
        assert length <= _MOST_BODY
        body = await reader.readexactly(length)
    return Request(method, path, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def listen(handle: Handler, port: int, talks: set[asyncio.Task[None]]) -> asyncio.Server:
    """Listens on this machine only; `port` 0 takes a free one. `talks` holds the connections under way."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await converse(reader, writer, handle)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            talks.discard(task)

    return await asyncio.start_server(connected, "127.0.0.1", port, limit=_MOST_HEAD, backlog=512)

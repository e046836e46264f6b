"""Large bodies that threads take straight from their connection: all of each, and nothing of what follows."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import anyio
import pytest
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from tests.unit.api.connections import WAIT, Served, Wire, serving

from kinoscribe.api import request_body, taken_body
from kinoscribe.api.http_protocol import KinoscribeProtocol
from kinoscribe.api.request_body import TAKE, Body
from kinoscribe.api.taken_body import TakenBody
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import ApiError, RequestCanceled, StorageFull

DATA = os.urandom(3_000_017)
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers with size and digest of a body; `/full` refuses it in the middle, `/rude` too and hears no more of it."""

    def __init__(self) -> None:
        self.threads = CapacityLimiter(1)
        self.sizes: list[int] = []
        self.ended: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        body, digest, size = Body(Request(scope, receive)), hashlib.sha256(), 0
        writing = 0

        def write(data: bytes | memoryview) -> None:
            nonlocal size, writing
            writing += 1
            assert writing == 1
            digest.update(data)
            size += len(data)
            self.sizes.append(len(data))
            writing -= 1
            if size > 1_500_000 and scope["path"] in {"/full", "/rude"}:
                raise StorageFull

        said: tuple[int, Any]
        try:
            await body.into(write, self.threads)
            said = 200, [size, digest.hexdigest()]
        except ApiError as error:
            if scope["path"] != "/rude":
                await body.drain()
            said = error.status, error.code
        except ClientDisconnect:
            self.ended.append("left")
            return
        except asyncio.CancelledError:
            self.ended.append("given up")
            assert writing == 0
            raise
        if scope["path"] == "/late":
            await self.go.wait()
        await JSONResponse(said[1], said[0])(scope, receive, send)


@pytest.fixture
def served() -> Iterator[Served[App]]:
    with serving(App()) as served:
        yield served


@pytest.fixture
def wire(served: Served[App]) -> Wire:
    return served.wire()


@pytest.fixture(autouse=True)
def no_handle_is_left() -> Iterator[None]:
    before = handles()
    yield
    assert handles() <= before


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))


def head(size: int = len(DATA), path: str = "/a", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {size}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def told(data: bytes) -> list[Any]:
    return [len(data), hashlib.sha256(data).hexdigest()]


def test_large_bodies_follow_each_other_and_nothing_of_the_next_call_is_taken(wire: Wire) -> None:
    for size in (len(DATA), 1_000_003, 65_536):
        calls = head() + DATA + GET + head() + DATA + GET
        wire.send(*(calls[at : at + size] for at in range(0, len(calls), size)))
        assert [wire.said() for _ in range(4)] == [told(DATA), told(b"")] * 2


def test_a_large_body_comes_in_large_pieces_with_all_that_came_with_its_head(
    served: Served[App], wire: Wire
) -> None:
    wire.send(head() + DATA[:100])
    assert served.until(lambda: served.app.sizes)
    wire.send(DATA[100:])
    assert wire.said() == told(DATA)
    assert max(served.app.sizes) <= taken_body.PIECE
    assert len(served.app.sizes) < 20


def test_a_client_that_waits_for_leave_gets_it(wire: Wire) -> None:
    wire.send(head(len(DATA), "/a", "Expect: 100-continue"))
    assert wire.answer()[0] == 100
    wire.send(DATA)
    assert wire.said() == told(DATA)


def test_a_body_of_unknown_length_comes_as_it_always_did(wire: Wire) -> None:
    wire.send(head().replace(b"Content-Length: %d" % len(DATA), b"Transfer-Encoding: chunked"))
    wire.send(b"%x\r\n" % len(DATA), DATA, b"\r\n0\r\n\r\n")
    assert wire.said() == told(DATA)


@pytest.mark.parametrize("rude", [True, False])
@pytest.mark.parametrize("waits", [True, False])
def test_a_body_that_is_cut_is_known_to_be(served: Served[App], rude: bool, waits: bool) -> None:
    wire = served.wire()
    wire.send(head(), DATA[: 2 << 20])
    if waits:
        assert served.until(lambda: sum(served.app.sizes) == 2 << 20)
    if rude:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.socket.close()
    assert served.until(lambda: served.app.ended == ["left"])
    assert served.until(lambda: not served.server.server_state.connections)


def test_a_body_that_stalls_is_given_up_and_refused(
    served: Served[App], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "IDLE_SECONDS", 0.3)
    wire.send(head(), DATA[: 2 << 20])
    assert wire.answer()[0] == 504


@pytest.mark.parametrize("path", ["/full", "/rude"])
def test_after_a_refusal_in_the_middle_the_connection_goes_on_with_the_next_call(
    wire: Wire, path: str
) -> None:
    for size in (len(DATA), 500_000):
        calls = head(len(DATA), path) + DATA + GET
        wire.send(*(calls[at : at + size] for at in range(0, len(calls), size)))
        assert wire.answer()[0] == 507
        assert wire.said() == told(b"")


def test_a_body_is_answered_although_what_follows_it_is_refused(served: Served[App], wire: Wire) -> None:
    wire.send(head(len(DATA), "/late") + DATA + b"no call\r\n\r\n")
    assert served.until(lambda: sum(served.app.sizes) == len(DATA))
    (connection,) = served.server.server_state.connections
    assert isinstance(connection, KinoscribeProtocol)
    assert served.until(lambda: connection.is_over)
    served.let_go(served.app.go)
    assert wire.said() == told(DATA)
    assert wire.is_closed()


def test_whoever_leaves_after_the_body_is_seen_to_leave(served: Served[App]) -> None:
    wire = served.wire()
    wire.send(head(len(DATA), "/late"), DATA)
    assert served.until(lambda: sum(served.app.sizes) == len(DATA))
    wire.socket.close()
    assert served.until(lambda: not served.server.server_state.connections)
    served.let_go(served.app.go)


def test_a_slow_client_keeps_no_thread(served: Served[App]) -> None:
    slow = [served.wire() for _ in range(3)]
    for wire in slow:
        wire.send(head(), DATA[: 2 << 20])
    assert served.until(lambda: sum(served.app.sizes) == len(slow) * (2 << 20))
    quick = served.wire()
    quick.send(head(), DATA)
    assert quick.said() == told(DATA)
    for wire in slow:
        wire.send(DATA[2 << 20 :])
        assert wire.said() == told(DATA)


def test_bodies_that_come_at_once_are_kept_apart(served: Served[App]) -> None:
    served.app.threads.total_tokens = 4
    wires = [served.wire() for _ in range(8)]
    for number, wire in enumerate(wires):
        wire.send(head(len(DATA) - number), DATA[number : 1 << 20])
    for wire in wires:
        wire.send(DATA[1 << 20 :])
    assert [wire.said() for wire in wires] == [told(DATA[number:]) for number in range(8)]


def test_the_end_of_the_server_ends_a_body_in_the_middle_and_its_thread() -> None:
    with serving(App(), grace=1) as served:
        wire = served.wire()
        wire.send(head(), DATA[: 2 << 20])
        assert served.until(lambda: sum(served.app.sizes) == 2 << 20)
        served.server.should_exit = True
        assert served.until(lambda: served.app.ended == ["given up"])


@contextmanager
def pair(unread: int) -> Iterator[tuple[socket.socket, TakenBody]]:
    ours, theirs = socket.socketpair()
    taken = TakenBody(ours, unread)
    with theirs, closing(taken):
        yield theirs, taken


def test_a_thread_is_given_back_although_bytes_come_and_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken_body, "SLICE_SECONDS", 0.05)
    monkeypatch.setattr(taken_body, "PATIENCE_SECONDS", WAIT)
    with pair(1 << 50) as (theirs, taken):
        over = threading.Event()

        def send() -> None:
            theirs.settimeout(0.1)
            while not over.is_set():
                try:
                    theirs.send(DATA[:100_000])
                except TimeoutError:
                    continue

        sending = threading.Thread(target=send)
        sending.start()
        assert taken.pump(lambda _data: None, Cancel())
        over.set()
        sending.join()
        assert not taken.is_dry
        assert 0 < taken.unread < 1 << 50


def test_a_thread_is_given_back_to_whoever_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken_body, "SLICE_SECONDS", 1e9)
    with pair(100) as (theirs, taken):
        assert not taken.pump(lambda _data: None, Cancel())
        assert taken.is_dry
        theirs.send(b"abc")
        got: list[bytes] = []
        assert taken.pump(lambda data: got.append(bytes(data)), Cancel())
        assert (got, taken.unread, taken.is_dry) == ([b"abc"], 97, True)
        theirs.send(b"x" * 200)
        assert taken.pump(lambda data: got.append(bytes(data)), Cancel())
        assert (got, taken.unread) == ([b"abc", b"x" * 97], 0)


def test_a_thread_is_given_back_to_whoever_has_let_it_wait_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken_body, "SLICE_SECONDS", 1e9)
    over = threading.Event()
    with pair(1 << 20) as (theirs, taken):

        def trickle() -> None:
            while taken.unread > 1 << 19 and not over.wait(0.002):
                theirs.send(bytes(2000))

        sending = threading.Thread(target=trickle)
        sending.start()
        assert taken.pump(lambda _data: None, Cancel())
        over.set()
        sending.join()
        assert taken.is_dry
        assert taken.unread > 1 << 19


class Trickle:
    """What `TakenBody` says of a client that sends less than is worth a wake, and each time just before it is late."""

    def __init__(self, *moved: bool) -> None:
        self.unread, self.is_dry, self.moved = 9, True, list(moved)

    def put_first(self, early: bytes) -> None:
        assert early == b"first"

    def pump(self, _write: Callable[[bytes], None], _cancel: Cancel) -> bool:
        moved = self.moved.pop(0)
        self.unread -= moved
        if not self.moved:
            self.unread = 0
        return moved

    async def readable(self, _seconds: float) -> bool:
        return False


def test_only_a_client_that_has_sent_nothing_at_all_is_late() -> None:
    async def read(*moved: bool) -> None:
        trickle = Trickle(*moved)
        scope = {"type": "http", "headers": [], "extensions": {TAKE: lambda: nullcontext(trickle)}}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"first", "more_body": True}

        await Body(Request(scope, receive)).into(lambda _data: None, CapacityLimiter(1))
        assert trickle.moved == []

    anyio.run(read, True, True, True)
    with pytest.raises(RequestCanceled):
        anyio.run(read, True, True, False, True)


def test_work_that_is_given_up_takes_no_more() -> None:
    with pair(10) as (theirs, taken):
        theirs.send(b"x" * 10)
        cancel = Cancel()
        cancel.throw()
        with pytest.raises(Canceled):
            taken.pump(lambda _data: None, cancel)
        assert taken.unread == 10


def test_waiting_for_a_client_ends_with_the_last_byte_or_the_connection() -> None:
    async def main() -> None:
        with pair(10) as (theirs, taken):
            assert not await taken.readable(0.05)
            theirs.send(b"x" * 10)
            assert await taken.readable(WAIT)
        with pair(10) as (theirs, taken):
            theirs.close()
            assert await taken.readable(WAIT)
            with pytest.raises(ClientDisconnect):
                taken.pump(lambda _data: None, Cancel())

    asyncio.run(main())

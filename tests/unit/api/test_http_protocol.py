"""Bytes over real connections: proper calls in any cut, and all that is no call, is two at once, or never ends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send
from tests.unit.api.connections import WAIT, Served, Wire, serving

from kinoscribe.api import http_protocol
from kinoscribe.api.http_protocol import HEAD_BYTES, KinoscribeProtocol

CL, TE = b"Content-Length: 3", b"Transfer-Encoding: chunked"
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers with what it was asked. `/slow` waits until `go`, `/deaf` answers before it has read its body."""

    def __init__(self) -> None:
        self.calls: list[Scope] = []
        self.go = threading.Event()
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        self.calls.append(scope)
        if scope["path"] == "/slow":
            while not self.go.is_set():
                await asyncio.sleep(0.01)
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
            return
        body = b""
        while scope["path"] != "/deaf":
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message.get("body", b"")
            if not message["more_body"]:
                break
        said = json.dumps([scope["method"], scope["path"], body.decode("latin-1")]).encode()
        length = (b"content-length", str(len(said)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": said})


@pytest.fixture
def served() -> Iterator[Served[App]]:
    with serving(App()) as served:
        yield served
        served.app.go.set()


@pytest.fixture
def wire(served: Served[App]) -> Wire:
    return served.wire()


def post(body: bytes, *headers: bytes, path: bytes = b"/a", version: bytes = b"1.1") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST %s HTTP/%s\r\nHost: x\r\n%s\r\n%s" % (path, version, lines, body)


def test_calls_follow_each_other_on_one_connection_however_they_are_cut(wire: Wire) -> None:
    calls = post(b"abc", b"Content-Length: 3") + GET
    calls += post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", path=b"/b?c=d")
    for size in (1, 7, 1000):
        wire.send(*(calls[at : at + size] for at in range(0, len(calls), size)))
        assert wire.said() == ["POST", "/a", "abc"]
        assert wire.said() == ["GET", "/a", ""]
        assert wire.said() == ["POST", "/b", "abc"]


def test_calls_that_are_sent_at_once_are_answered_in_their_order(served: Served[App], wire: Wire) -> None:
    paths = [f"/{number}" for number in range(3000)]
    wire.send(*(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in paths))
    assert [wire.said()[1] for _ in paths] == paths


def test_a_client_that_asks_and_asks_is_read_no_further_before_it_has_its_answers(
    served: Served[App], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    begin = KinoscribeProtocol.on_headers_complete

    def counted(protocol: KinoscribeProtocol) -> None:
        begin(protocol)
        waiting.append(len(protocol.pipeline))

    monkeypatch.setattr(KinoscribeProtocol, "on_headers_complete", counted)
    wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert served.until(lambda: served.app.calls)
    sending = threading.Thread(target=wire.send, args=(GET * 16_000,))
    sending.start()
    assert served.until(lambda: max(waiting) > 0)
    served.app.go.set()
    assert wire.said()[1] == "/slow"
    assert all(wire.said()[1] == "/a" for _ in range(16_000))
    sending.join(WAIT)
    assert max(waiting) <= (1 << 18) // len(GET) + 1000


def test_a_wait_for_leave_to_go_on_is_answered_when_the_body_is_wanted(wire: Wire) -> None:
    wire.send(post(b"", b"Content-Length: 3", b"Expect: 100-continue"))
    assert wire.answer()[0] == 100
    wire.send(b"abc")
    assert wire.said() == ["POST", "/a", "abc"]


def test_a_call_of_the_old_version_ends_its_connection(wire: Wire) -> None:
    wire.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert wire.said() == ["GET", "/a", ""]
    assert wire.is_closed()


def test_a_call_for_the_headers_has_no_body_in_its_answer(wire: Wire) -> None:
    wire.send(GET.replace(b"GET", b"HEAD"))
    head, _ = wire.until(b"\r\n\r\n")
    assert b"content-length: 18" in head
    wire.got = b""
    wire.send(GET)
    assert wire.said() == ["GET", "/a", ""]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_a_wish_for_another_protocol_is_a_call_like_others(wire: Wire, protocol: bytes) -> None:
    wish = (b"Connection: upgrade", b"Upgrade: " + protocol)
    bodies = [post(b"abc", CL, *wish), post(b"3\r\nabc\r\n0\r\n\r\n", *wish, TE), post(b"", *wish), GET]
    for size in (1, 1000):
        calls = b"".join(body + GET for body in bodies)
        wire.send(*(calls[at : at + size] for at in range(0, len(calls), size)))
        asked = [wire.said() for _ in range(8)]
        assert [asked[n] for n in (1, 3, 5, 6, 7)] == [["GET", "/a", ""]] * 2 + [["GET", "/a", ""]] * 3
        assert [asked[n] for n in (0, 2, 4)] == [["POST", "/a", body] for body in ("abc", "abc", "")]


def test_spaces_around_a_value_are_no_part_of_it_and_trailers_no_headers(
    served: Served[App], wire: Wire
) -> None:
    chunks = b"0\r\nX-Api-Key: b\r\n\r\n"
    wire.send(post(chunks, b"X-Api-Key:  a \t", b"Transfer-Encoding: chunked ") + GET)
    assert wire.said() == ["POST", "/a", ""]
    assert wire.said() == ["GET", "/a", ""]
    assert [value for name, value in served.app.calls[0]["headers"] if name == b"x-api-key"] == [b"a"]


WRONG = {
    "no call": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no method": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 2": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "preface of version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "for a proxy": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": post(b"", b"Host: y"),
    "both lengths": post(b"0\r\n\r\n", CL, TE),
    "both lengths, the other way": post(b"0\r\n\r\n", TE, CL),
    "two lengths": post(b"abc", CL, b"Content-Length: 4"),
    "one length twice": post(b"abc", CL, CL),
    "lengths in a list": post(b"abc", b"Content-Length: 3, 3"),
    "length with a sign": post(b"abc", b"Content-Length: +3"),
    "length below nothing": post(b"abc", b"Content-Length: -3"),
    "length in another base": post(b"abc", b"Content-Length: 0x3"),
    "length beyond all": post(b"abc", b"Content-Length: " + b"9" * 30),
    "no length": post(b"abc", b"Content-Length: "),
    "coding that only looks alike": post(b"0\r\n\r\n", b"Transfer-Encoding: xchunked"),
    "coding of none": post(b"abc", b"Transfer-Encoding: identity"),
    "two codings": post(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked"),
    "codings in two lines": post(b"0\r\n\r\n", b"Transfer-Encoding: gzip", TE),
    "coding in the old version": post(b"0\r\n\r\n", TE, version=b"1.0"),
    "space before a colon": post(b"abc", b"Content-Length : 3"),
    "folded header": post(b"abc", b"A: b", b" Content-Length: 3"),
    "folded length": post(b"abc", b"Content-Length: 3", b" 3"),
    "zero byte": post(b"", b"A: b\0c"),
    "zero byte in a name": post(b"", b"A\0: b"),
    "control": post(b"", b"A: \x01"),
    "no name": post(b"", b": b"),
    "bare line feed": b"GET / HTTP/1.1\nHost: x\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    "space in front": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "path that is not ascii": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_what_is_no_call_or_may_be_two_is_refused_in_the_error_form(
    served: Served[App], wire: Wire, sent: bytes
) -> None:
    wire.send(GET + sent + GET)
    assert wire.said() == ["GET", "/a", ""]
    if wire.got or not wire.is_closed():
        raise AssertionError(wire.got)
    other = served.wire()
    other.send(sent)
    status, body = other.refused()
    assert (status, body["code"], set(body)) == (400, "parameter_invalid", {"code", "message"})
    assert len(served.app.calls) == 1


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nabc\r\n", b"3 \r\nabc\r\n", b"3\nabc\n", b"3\r\nabcd\r\n", b"f" * 17 + b"\r\n"]
)
def test_a_body_in_broken_pieces_is_refused_and_its_call_given_up(
    served: Served[App], wire: Wire, chunks: bytes
) -> None:
    wire.send(post(b"2\r\nab\r\n", TE))
    assert served.until(lambda: served.app.calls)
    wire.send(chunks)
    assert wire.refused()[0] == 400
    assert served.app.left.wait(WAIT)


def test_an_answer_that_has_begun_is_not_followed_by_a_refusal(served: Served[App], wire: Wire) -> None:
    wire.send(post(b"2\r\nab\r\n", TE, path=b"/stream"))
    head, wire.got = wire.until(b"first\r\n")
    assert b"200" in head
    wire.send(b"zz\r\n")
    assert wire.is_closed()
    assert served.app.left.wait(WAIT)


def test_calls_before_a_broken_one_are_answered(served: Served[App], wire: Wire) -> None:
    wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"no call\r\n\r\n")
    assert served.until(lambda: served.app.calls)
    served.app.go.set()
    assert wire.said()[1] == "/slow"
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert wire.is_closed()


# What comes before it, what comes again and again, and what ends it.
ENDLESS = {
    "path": (b"GET /", b"a", b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "name": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a", b": b\r\n\r\n"),
    "value": (b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"b", b"\r\n\r\n"),
    "headers": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n", b"\r\n"),
    "short headers": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A:\r\n", b"\r\n"),
}


@pytest.mark.parametrize(("before", "again", "end"), ENDLESS.values(), ids=ENDLESS)
def test_a_head_may_have_so_many_bytes_and_no_more(
    served: Served[App], before: bytes, again: bytes, end: bytes
) -> None:
    room = (HEAD_BYTES - 200) // max(len(again), 5 if again == b"A:\r\n" else 1)
    wire = served.wire()
    for _ in range(2):
        wire.send(before + again * room + end)
        assert wire.said()[0] == "GET"
    wire.send(before + again * (HEAD_BYTES // len(again)) + end)
    status, body = wire.refused()
    assert (status, body["code"]) == (431, "parameter_invalid")
    assert str(HEAD_BYTES) in body["message"]


PARTS = {
    **{name: (before, again) for name, (before, again, _) in ENDLESS.items()},
    "blank lines": (b"", b"\r\n"),
    "chunk extension": (post(b"3;", TE), b"a"),
    "trailer": (post(b"0\r\nA: ", TE), b"b"),
    "trailers": (post(b"0\r\n", TE), b"A: b\r\n"),
}


@pytest.mark.parametrize(("before", "again"), PARTS.values(), ids=PARTS)
def test_what_never_ends_is_ended(wire: Wire, before: bytes, again: bytes) -> None:
    wire.send(before)
    for _ in range(8):  # as much as may be read at once, and more
        wire.send(again * (HEAD_BYTES // len(again)))
    assert wire.refused()[0] == 431


def test_a_refused_client_reads_at_once_that_nothing_follows(
    monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 1000.0)
    wire.send(b"no call\r\n\r\n")
    assert wire.refused()[0] == 400


def test_a_refused_client_may_go_on_for_a_moment_only(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 0.2)
    wire.send(b"no call\r\n\r\n")
    assert wire.refused()[0] == 400
    until = time.monotonic() + WAIT
    with suppress(ConnectionError):
        while time.monotonic() < until:
            wire.send(b"x")
    assert time.monotonic() < until


def test_a_head_that_comes_slowly_is_given_up_and_a_silent_connection_too(
    monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    second, deaf = served.wire(), served.wire()
    for wire in (second, deaf):
        wire.send(GET)
        assert wire.said()[1] == "/a"
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.5)
    deaf.send(post(b"a", b"Content-Length: 1000", path=b"/deaf"))
    assert deaf.said()[1] == "/deaf"
    silent, blank, slow = (served.wire() for _ in range(3))
    with suppress(ConnectionError):  # on a busy machine it may be given up by now
        blank.send(b"\r\n")
        slow.send(b"GET /a HTT")
    second.send(b"GET /a HTT")
    until = time.monotonic() + WAIT
    open_ones = [silent, blank, slow, second, deaf]
    for wire in open_ones:
        wire.socket.settimeout(0.05)
    while open_ones and time.monotonic() < until:
        for wire in list(open_ones):
            with suppress(TimeoutError):
                if wire.is_closed():
                    open_ones.remove(wire)
                    continue
            with suppress(OSError):
                wire.send(b"" if wire is silent else b"\r\n" if wire is blank else b"P")
    assert open_ones == []


def test_a_call_that_takes_long_is_not_given_up(monkeypatch: pytest.MonkeyPatch, served: Served[App]) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.05)
    wire = served.wire()
    wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /b")
    assert served.until(lambda: served.app.calls)
    time.sleep(0.3)
    served.app.go.set()
    assert wire.said()[1] == "/slow"


def test_whoever_is_being_answered_is_known_to_have_left_also_when_others_wait(
    served: Served[App], wire: Wire
) -> None:
    wire.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    _, wire.got = wire.until(b"first\r\n")
    wire.socket.close()
    assert served.app.left.wait(WAIT)
    assert served.until(lambda: not served.server.server_state.connections)

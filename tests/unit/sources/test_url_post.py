"""What is brought to a URL arrives whole, and a receiver that hangs, drips, redirects or lies costs a bounded time."""

import os
import re
import socket
import threading
import time
from collections.abc import Sequence

import pytest
from tests.unit.sources.hostile import Hostile, Talk, answer, hostile, says

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.sources.url_fetch import FetchFailed, FetchLimits, UrlFetcher
from kinoscribe.sources.url_guard import UrlRefused, make_gate

LOCAL = make_gate(["127.0.0.1"], [0])
LIMITS = FetchLimits(bytes=16_384, seconds=5, connect=5, idle=5)
SHORT = FetchLimits(bytes=16_384, seconds=0.7, connect=0.7, idle=0.7)
HEADERS = {"Content-Type": "application/json", "TL-Signature": "t=1,v1=00"}


def whole(connection: socket.socket, head: bytes) -> bytes:
    """The request with its body, as long as its head says it is."""
    at = head.index(b"\r\n\r\n") + 4
    said = re.search(rb"content-length: (\d+)", head[:at].lower())
    assert said is not None
    while len(head) < at + int(said[1]):
        piece = connection.recv(65536)
        if not piece:
            break
        head += piece
    return head


def receiver(reply: bytes) -> tuple[Talk, list[bytes]]:
    got: list[bytes] = []

    def talk(connection: socket.socket, head: bytes) -> None:
        got.append(whole(connection, head))
        connection.sendall(reply)

    return talk, got


def post(
    server: Hostile, *, limits: FetchLimits = LIMITS, cancel: Cancel | None = None, body: bytes = b"{}"
) -> int:
    fetcher = UrlFetcher(LOCAL, limits)
    return fetcher.post(f"http://127.0.0.1:{server.port}/hook?a=b", body, HEADERS, cancel or Cancel())


def test_the_body_and_the_headers_arrive_as_they_are_and_no_proxy_sees_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    body = os.urandom(100_000)
    talk, got = receiver(answer(b"ok"))
    with hostile(talk) as server:
        assert post(server, body=body) == 200
    head, _, arrived = got[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    headers = {line.split(": ")[0].lower(): line.split(": ")[1] for line in lines[1:]}
    assert arrived == body
    assert headers["content-type"] == "application/json"
    assert headers["tl-signature"] == "t=1,v1=00"
    assert headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize("status", [200, 201, 204, 299, 400, 404, 410, 500, 503])
def test_the_status_comes_back_whatever_it_is(status: int) -> None:
    talk, _ = receiver(answer(b"", status=b"%d Said" % status))
    with hostile(talk) as server:
        assert post(server) == status


def test_a_redirect_is_told_and_not_followed() -> None:
    with hostile(says(answer(b"secret"))) as inner:
        talk, _ = receiver(
            answer(b"", b"Location: http://127.0.0.1:%d/" % inner.port, status=b"307 Temporary Redirect")
        )
        with hostile(talk) as server:
            assert post(server) == 307
        assert inner.heads == []


def test_a_name_that_leads_inside_is_refused_each_time_it_does() -> None:
    asked = 0

    def rebinding(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked == 1 else ["10.0.0.1"]

    talk, got = receiver(answer(b""))
    with hostile(talk) as server:
        fetcher = UrlFetcher(LOCAL, LIMITS, rebinding)
        assert fetcher.post(f"http://re.example:{server.port}/", b"{}", HEADERS, Cancel()) == 200
        assert asked == 1
        with pytest.raises(UrlRefused):
            fetcher.post(f"http://re.example:{server.port}/", b"{}", HEADERS, Cancel())
    assert len(got) == 1


def test_a_private_address_gets_nothing_unless_the_gate_lets_it() -> None:
    with hostile(says(answer(b""))) as server:
        with pytest.raises(UrlRefused):
            UrlFetcher(make_gate(ports=[0]), LIMITS).post(
                f"http://127.0.0.1:{server.port}/", b"{}", HEADERS, Cancel()
            )
        assert server.heads == []


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_receiver_that_hangs_or_drips_is_left_at_the_deadline(first: bytes) -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(first)
        while True:
            time.sleep(0.05)
            if first:
                connection.sendall(b"a")

    started = time.monotonic()
    with hostile(talk) as server, pytest.raises(FetchFailed):
        post(server, limits=SHORT)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("head", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_a_receiver_that_goes_on_announcing_an_answer_is_left(head: bytes) -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        while True:
            connection.sendall(head)
            time.sleep(0.01)

    started = time.monotonic()
    with hostile(talk) as server, pytest.raises(FetchFailed):
        post(server, limits=SHORT)
    assert time.monotonic() - started < 3


def test_an_endless_body_after_the_status_is_left_and_the_status_counts() -> None:
    sent = 0

    def talk(connection: socket.socket, _head: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 202 Accepted\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))
            sent += 65536

    with hostile(talk) as server:
        assert post(server) == 202
        assert server.ended.wait(5)
    assert sent < 20_000_000


@pytest.mark.parametrize(
    "rest", [b"", b"Content-Length: 100\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"]
)
def test_a_body_that_hangs_or_is_broken_does_not_undo_the_status(rest: bytes) -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + (rest or b"\r\n"))
        time.sleep(3)

    started = time.monotonic()
    with hostile(talk) as server:
        assert post(server) == 200
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize(
    "reply", [b"", b"+OK\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000]
)
def test_a_receiver_that_speaks_no_http_or_closes_at_once_is_a_failure(reply: bytes) -> None:
    with hostile(says(reply)) as server, pytest.raises(FetchFailed):
        post(server)


def test_a_receiver_that_answers_without_reading_is_heard() -> None:
    body = bytes(30_000_000)
    with hostile(says(answer(b"", status=b"413 Too Large"))) as server:
        try:
            assert post(server, body=body) == 413
        except FetchFailed:
            assert server.heads, "its answer may be lost with the connection, but it was reached"


def test_nonsense_in_place_of_tls_is_a_failure() -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"\x16\x03\x01" + bytes(300))

    with hostile(talk) as server, pytest.raises(FetchFailed):
        UrlFetcher(LOCAL, SHORT).post(f"https://127.0.0.1:{server.port}/", b"{}", HEADERS, Cancel())


def test_a_handshake_that_never_ends_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(FetchFailed):
            UrlFetcher(LOCAL, SHORT).post(f"https://127.0.0.1:{port}/", b"{}", HEADERS, Cancel())
    assert time.monotonic() - started < 3


def test_throwing_the_switch_ends_a_post_that_waits() -> None:
    cancel = Cancel()

    def talk(_connection: socket.socket, _head: bytes) -> None:
        threading.Timer(0.1, cancel.throw).start()
        time.sleep(3)

    started = time.monotonic()
    with hostile(talk) as server, pytest.raises(Canceled):
        post(server, cancel=cancel)
    assert time.monotonic() - started < 2

import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence

import pytest
from tests.unit.sources.hostile import Talk, answer, hostile, says

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import StorageFull, VideoFilesizeTooLarge
from kinoscribe.sources.url_fetch import FetchFailed, FetchLimits, UrlFetcher, look_up
from kinoscribe.sources.url_guard import UrlRefused, make_gate

LOCAL = make_gate(["127.0.0.1"], [0])
LIMITS = FetchLimits(bytes=1_000_000, seconds=20, connect=2, idle=2)


class Kept:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class Names:
    """A resolver that knows what it is told, and counts how often it is asked."""

    def __init__(self, **known: Sequence[str] | list[Sequence[str]]) -> None:
        self.known = known
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if host not in self.known:
            raise OSError("unknown")
        return self.known[host]


def fetch(
    talk: Talk, path: str = "/v.mp4", *, limits: FetchLimits = LIMITS, cancel: Cancel | None = None
) -> bytes:
    kept = Kept()
    with hostile(talk) as server:
        UrlFetcher(LOCAL, limits).fetch(f"http://127.0.0.1:{server.port}{path}", kept, cancel or Cancel())
    return kept.data


def test_the_body_arrives_as_it_was_sent() -> None:
    body = os.urandom(300_000)
    assert fetch(says(answer(body))) == body


def test_a_body_in_chunks_and_one_that_ends_with_the_connection_arrive_too() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2;x=y\r\nef\r\n0\r\n\r\n"
    assert fetch(says(chunked)) == b"abcdef"
    assert fetch(says(b"HTTP/1.0 200 OK\r\n\r\nabc")) == b"abc"


def test_the_request_names_the_host_asks_for_plain_bytes_and_carries_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    names = Names(**{"video.example": ["127.0.0.1"]})
    with hostile(says(answer(b"x"))) as server:
        UrlFetcher(LOCAL, LIMITS, names).fetch(
            f"http://VIDEO.example.:{server.port}/a?b=c#d", Kept(), Cancel()
        )
    lines = server.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    headers = {line.split(": ")[0].lower(): line.split(": ")[1] for line in lines[1:] if line}
    assert headers["host"] == f"video.example:{server.port}"
    assert headers["accept-encoding"] == "identity"
    assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}


@pytest.mark.parametrize(
    "status", [b"404 Not Found", b"403 Forbidden", b"500 Oops", b"206 Partial", b"204 None"]
)
def test_any_status_but_200_is_a_failure_that_names_it(status: bytes) -> None:
    with pytest.raises(FetchFailed, match=status[:3].decode()):
        fetch(says(answer(b"", status=status)))


def test_a_page_arrives_as_it_is_and_is_judged_by_who_looks_into_it() -> None:
    assert fetch(says(answer(b"<html></html>", b"Content-Type: text/html"))) == b"<html></html>"


@pytest.mark.parametrize("packing", [b"gzip", b"deflate", b"br", b"zstd", b"GZIP "])
def test_a_packed_body_is_not_unpacked(packing: bytes) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with pytest.raises(FetchFailed, match="encoding"):
        fetch(says(answer(bomb, b"Content-Encoding: " + packing)))


def test_a_body_that_only_claims_to_be_plain_is_kept_as_it_came() -> None:
    bomb = gzip.compress(bytes(1_000_000))
    assert fetch(says(answer(bomb, b"Content-Encoding: identity"))) == bomb


def test_a_body_larger_than_allowed_is_refused_before_it_is_read_when_it_says_so() -> None:
    with pytest.raises(VideoFilesizeTooLarge, match="2000000"):
        fetch(says(answer(b"", length=2_000_000)))


def test_an_endless_body_is_cut_at_the_limit() -> None:
    sent = 0

    def talk(connection: socket.socket, _head: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))
            sent += 65536

    with pytest.raises(VideoFilesizeTooLarge):
        fetch(talk)
    time.sleep(0.1)
    assert sent < 20_000_000


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"abc", length=10),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"+OK redis\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
        b"",
    ],
)
def test_an_answer_that_is_cut_or_no_http_is_a_failure(reply: bytes) -> None:
    with pytest.raises(FetchFailed):
        fetch(says(reply))


def test_a_server_that_falls_silent_is_left() -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(answer(b"abc", length=10))
        time.sleep(5)

    limits = FetchLimits(bytes=1000, seconds=20, idle=0.3)
    started = time.monotonic()
    with pytest.raises(FetchFailed, match="silent"):
        fetch(talk, limits=limits)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_left_at_the_deadline(first: bytes) -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(b"a")
            time.sleep(0.05)

    limits = FetchLimits(bytes=1000, seconds=0.7, idle=5)
    started = time.monotonic()
    with pytest.raises(FetchFailed, match="too long"):
        fetch(talk, limits=limits)
    assert time.monotonic() - started < 2


def test_throwing_the_switch_ends_a_fetch_that_waits() -> None:
    cancel = Cancel()

    def talk(connection: socket.socket, _head: bytes) -> None:
        threading.Timer(0.2, cancel.throw).start()
        time.sleep(3)

    started = time.monotonic()
    with pytest.raises(Canceled):
        fetch(talk, cancel=cancel)
    assert time.monotonic() - started < 1.5


def test_redirects_are_followed_three_times_and_no_more() -> None:
    def to(number: int) -> bytes:
        return answer(b"", b"Location: /%d" % number, status=b"302 Found")

    def talk(last: int) -> Talk:
        def one(connection: socket.socket, head: bytes) -> None:
            number = int(head.split()[1][1:])
            connection.sendall(answer(b"here") if number == last else to(number + 1))

        return one

    assert fetch(talk(3), "/0") == b"here"
    with pytest.raises(FetchFailed, match="more than 3 times"):
        fetch(talk(4), "/0")
    with pytest.raises(FetchFailed, match="redirected"):
        fetch(says(answer(b"", b"Location: /again", status=b"307 Temporary")))


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://inner.example/",
        "http://[::ffff:10.0.0.1]/", "http://2130706433/", "file:///etc/passwd", "http://user@127.0.0.1/", "gopher://x/",
    ],
)  # fmt: skip
def test_a_redirect_into_the_inside_is_refused(location: str) -> None:
    names = Names(**{"inner.example": ["10.1.2.3"]})
    with hostile(says(answer(b"", b"Location: " + location.encode(), status=b"302 Found"))) as server:
        with pytest.raises(UrlRefused):
            UrlFetcher(LOCAL, LIMITS, names).fetch(f"http://127.0.0.1:{server.port}/", Kept(), Cancel())
        assert len(server.heads) == 1


def test_a_redirect_to_a_port_that_is_closed_to_urls_is_refused() -> None:
    with hostile(says(answer(b"secret"))) as inner:
        to_it = b"Location: http://127.0.0.1:%d/" % inner.port
        with hostile(says(answer(b"", to_it, status=b"302 Found"))) as server:
            gate = make_gate(["127.0.0.1"], [server.port])
            with pytest.raises(UrlRefused, match=str(inner.port)):
                UrlFetcher(gate, LIMITS).fetch(f"http://127.0.0.1:{server.port}/", Kept(), Cancel())
        assert inner.heads == []


def test_a_redirect_without_a_place_is_a_failure() -> None:
    with pytest.raises(FetchFailed, match="302"):
        fetch(says(answer(b"", status=b"302 Found")))


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%lo"], []],
)
def test_a_name_that_leads_inside_is_refused_without_a_connection(addresses: list[str]) -> None:
    with hostile(says(answer(b"secret"))) as server:
        names = Names(**{"inner.example": addresses})
        with pytest.raises(UrlRefused) as refusal:
            UrlFetcher(make_gate(ports=[0]), LIMITS, names).fetch(
                f"http://inner.example:{server.port}/", Kept(), Cancel()
            )
        assert server.heads == []
    assert all(address not in str(refusal.value) for address in addresses), (
        "the sentence must not name the inside"
    )


def test_a_name_that_changes_its_address_is_asked_once_and_held_to_its_word() -> None:
    class Rebinding:
        asked = 0

        def __call__(self, host: str, port: int) -> Sequence[str]:
            self.asked += 1
            return ["127.0.0.1"] if self.asked == 1 else ["127.0.0.2"]

    names = Rebinding()
    with hostile(says(answer(b"x"))) as server:
        UrlFetcher(LOCAL, LIMITS, names).fetch(f"http://re.example:{server.port}/", Kept(), Cancel())
        assert names.asked == 1
        with pytest.raises(UrlRefused):
            UrlFetcher(LOCAL, LIMITS, names).fetch(f"http://re.example:{server.port}/", Kept(), Cancel())
        assert len(server.heads) == 1


def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    gate = make_gate(["127.0.0.0/8"], [0])
    with hostile(says(answer(b"x"))) as server:
        names = Names(**{"two.example": ["127.0.0.9", "127.0.0.1"]})
        kept = Kept()
        UrlFetcher(gate, LIMITS, names).fetch(f"http://two.example:{server.port}/", kept, Cancel())
    assert kept.data == b"x"


def test_a_port_nobody_listens_on_and_an_unknown_name_are_failures() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(FetchFailed, match="No connection"):
        UrlFetcher(LOCAL, LIMITS).fetch(f"http://127.0.0.1:{port}/", Kept(), Cancel())
    with pytest.raises(FetchFailed, match="not known"):
        UrlFetcher(LOCAL, LIMITS, Names()).fetch("http://nowhere.example/", Kept(), Cancel())


def test_a_resolver_that_hangs_is_left() -> None:
    def hangs(host: str, port: int) -> Sequence[str]:
        time.sleep(3)
        return ["127.0.0.1"]

    limits = FetchLimits(bytes=1000, seconds=20, connect=0.3)
    started = time.monotonic()
    with pytest.raises(FetchFailed, match="in time"):
        UrlFetcher(LOCAL, limits, hangs).fetch("http://slow.example/", Kept(), Cancel())
    assert time.monotonic() - started < 1.5


def test_a_server_without_proper_tls_is_a_failure() -> None:
    def talk(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(answer(b"x"))

    limits = FetchLimits(bytes=1000, seconds=3, connect=1, idle=1)
    with hostile(talk) as server, pytest.raises(FetchFailed):
        UrlFetcher(LOCAL, limits).fetch(f"https://127.0.0.1:{server.port}/", Kept(), Cancel())


def test_tls_asks_for_the_host_by_name_at_the_address_that_was_checked_and_wants_proof() -> None:
    hellos: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hear() -> None:
            connection, _ = listener.accept()
            with connection:
                hellos.append(connection.recv(65536))

        hearing = threading.Thread(target=hear)
        hearing.start()
        fetcher = UrlFetcher(LOCAL, LIMITS, Names(**{"video.example": ["127.0.0.1"]}))
        with pytest.raises(FetchFailed):
            fetcher.fetch(f"https://video.example:{listener.getsockname()[1]}/v", Kept(), Cancel())
        hearing.join()
    assert hellos[0][0] == 0x16, "a TLS handshake"
    assert b"video.example" in hellos[0]
    context = fetcher.tls
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_what_the_sink_raises_comes_through() -> None:
    class Full:
        def write(self, data: bytes) -> None:
            raise StorageFull

    with hostile(says(answer(b"x"))) as server, pytest.raises(StorageFull):
        UrlFetcher(LOCAL, LIMITS).fetch(f"http://127.0.0.1:{server.port}/", Full(), Cancel())


def test_the_machines_resolver_gives_each_address_once() -> None:
    found = look_up("localhost", 80)
    assert len(found) == len(set(found))
    assert set(found) <= {"127.0.0.1", "::1"}

"""A connection to a model server can be left at any moment, and trusts nobody it has no reason to trust."""

import gc
import ssl
import threading
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.engines.openai.asks import WAITS, ask, engine, text_of
from tests.unit.engines.openai.chat_server import WAIT, Player, says, serving

from kinoscribe import clock
from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.contract.errors import EngineFailed, ServiceUnavailable
from kinoscribe.engines.engine import Missed
from kinoscribe.engines.openai.config import Waits


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a model server")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(host, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


def test_a_server_is_trusted_whose_certificate_the_machine_trusts(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(httpcore2, "default_ssl_context", lambda: trusting)
    with serving(says("A dog."), tls=certificate) as server, closing(engine(server.url)) as made:
        assert server.url.startswith("https://")
        assert text_of(list(made.generate(ask(), Cancel()))) == "A dog."


def test_a_server_is_not_trusted_whose_certificate_nobody_signed(certificate: Path) -> None:
    with serving(says("A dog."), tls=certificate) as server, closing(engine(server.url)) as made:
        with pytest.raises(ServiceUnavailable):
            list(made.generate(ask(), Cancel()))
        assert server.asked == []


def test_a_cancel_closes_a_connection_under_tls_at_once(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(httpcore2, "default_ssl_context", lambda: trusting)
    cancel = Cancel()

    def play(player: Player, _number: int) -> None:
        cancel.throw()
        player.until_left()

    with serving(play, tls=certificate) as server, closing(engine(server.url)) as made:
        with pytest.raises(Canceled):
            list(made.generate(ask(), cancel))
        assert server.left.wait(WAIT)


class Late(httpcore2.NetworkStream):
    """A connection that is there when nobody waits for it any more."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


@contextmanager
def late_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Late, threading.Event, threading.Event]]:
    stream, asked, there = Late(), threading.Event(), threading.Event()

    def connect(*_: object, **__: object) -> Late:
        asked.set()
        there.wait(WAIT)
        return stream

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    try:
        yield stream, asked, there
    finally:
        there.set()


def test_a_connection_that_does_not_come_is_left_and_closed_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cancel = Cancel()
    with (
        late_connection(monkeypatch) as (stream, asked, there),
        closing(engine("http://models.example:1/v1")) as made,
    ):
        found: list[BaseException] = []

        def work() -> None:
            try:
                list(made.generate(ask(), cancel))
            except Canceled as error:
                found.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert asked.wait(WAIT)
        cancel.throw()
        thread.join(WAIT)
        assert found
        there.set()
        assert stream.closed.wait(WAIT)


def test_a_connection_that_takes_too_long_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits(connect=0.3, busy=0.1)
    made = engine("http://models.example:1/v1", waits=waits)
    with late_connection(monkeypatch), closing(made), pytest.raises(ServiceUnavailable):
        list(made.generate(ask(), Cancel()))


def test_an_address_of_numbers_that_does_not_answer_at_once_has_the_whole_time_to_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounds: list[float] = []
    threads: list[bool] = []
    really = httpcore2.SyncBackend.connect_tcp

    def connect(own: httpcore2.SyncBackend, host: str, port: int, timeout: float) -> httpcore2.NetworkStream:
        bounds.append(timeout)
        threads.append(threading.current_thread() is threading.main_thread())
        if len(bounds) == 1:
            raise httpcore2.ConnectTimeout
        return really(own, host, port, timeout)

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    with serving(says("Yes.")) as server, closing(engine(server.url, waits=Waits(connect=9.0))) as made:
        assert text_of(list(made.generate(ask(), Cancel()))) == "Yes."
    assert threads == [True, False]
    assert bounds[0] < 1.0
    assert bounds[1] == 9.0


def test_a_connection_serves_one_request_after_another() -> None:
    def play(player: Player, _number: int) -> None:
        player.status(200, {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})

    with serving(play) as server, closing(engine(server.url, waits=WAITS)) as made:
        for _ in range(3):
            list(made.generate(ask(), Cancel()))
        assert len({one.peer for one in server.asked}) == 1


def test_the_bytes_of_a_request_are_let_go_once_they_are_sent() -> None:
    def play(player: Player, _number: int) -> None:
        player.begin()
        player.text("A dog ")
        player.until_left()

    large = b"\xff\xd8\xff" + bytes(3_000_000)
    given = ask(images=(("large", large),))
    with serving(play) as server, closing(engine(server.url)) as made:
        pieces = made.generate(given, Cancel())
        tracemalloc.start()
        try:
            next(pieces)
            gc.collect()
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            pieces.close()  # type: ignore[attr-defined]
        received = len(server.asked[0].raw)
    assert received > 4_000_000
    assert most > received  # it was made in there
    assert held < received + 1_000_000  # what the server of this test has got is held too


def test_many_threads_share_an_engine() -> None:
    def play(player: Player, number: int) -> None:
        says(str(number), " ", "x" * 5_000)(player, number)

    with serving(play) as server, closing(engine(server.url)) as made:
        said: list[str] = []
        threads = [
            threading.Thread(target=lambda: said.append(text_of(list(made.generate(ask(), Cancel())))))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert {one.split()[1] for one in said} == {"x" * 5_000}
        assert sorted(int(one.split()[0]) for one in said) == list(range(1, 13))


def streams(player: Player) -> None:
    """An answer in chunks, as model servers send them, on a connection that stays."""
    said = [
        b'data: {"choices":[{"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
        b"",
    ]
    body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in said)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    player.raw(head + body)


def test_a_connection_serves_another_request_after_a_stream_that_was_heard_to_its_end() -> None:
    with (
        serving(lambda player, _: streams(player)) as server,
        closing(engine(server.url, waits=WAITS)) as made,
    ):
        for _ in range(3):
            assert text_of(list(made.generate(ask(), Cancel()))) == "Yes."
        assert len({one.peer for one in server.asked}) == 1


def test_a_connection_that_its_server_has_closed_meanwhile_is_not_used_again() -> None:
    def play(player: Player, _number: int) -> None:
        streams(player)
        player.hang_up()

    with serving(play) as server, closing(engine(server.url, waits=WAITS)) as made:
        missed: list[Missed] = []
        for number in range(3):
            assert text_of(list(made.generate(ask(missed=missed.append), Cancel()))) == "Yes."
            assert missed == []
            assert server.gone.acquire(timeout=WAIT)
            assert len({one.peer for one in server.asked}) == number + 1


def test_an_engine_that_is_closed_keeps_no_connection() -> None:
    def play(player: Player, _number: int) -> None:
        streams(player)
        player.until_left()

    with serving(play) as server:
        made = engine(server.url, waits=WAITS)
        assert text_of(list(made.generate(ask(), Cancel()))) == "Yes."
        assert not server.left.is_set()
        made.close()
        assert server.left.wait(WAIT)


def test_a_login_in_an_address_is_sent_and_a_key_that_cannot_be_sent_is_not() -> None:
    with serving(says("Yes.")) as server:
        url = server.url.replace("http://", "http://me:a%20word@") + "?version=1"
        with closing(engine(url, api_key=None)) as made:
            list(made.generate(ask(), Cancel()))
        [asked] = server.asked
        assert asked.headers["authorization"] == "Basic " + b64encode(b"me:a word").decode()
        assert asked.path == "/v1/chat/completions?version=1"
        for key in ("a\r\nX-More: b", "schlüssel"):
            with closing(engine(server.url, api_key=key)) as made, pytest.raises(EngineFailed):
                list(made.generate(ask(), Cancel()))
        assert len(server.asked) == 1

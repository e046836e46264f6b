from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from starlette.requests import ClientDisconnect, Request

from kinoscribe.api import request_body
from kinoscribe.api.places import Slots
from kinoscribe.api.request_body import Body, read_json_body
from kinoscribe.contract.errors import BodyTooLarge, RequestCanceled

Receive = Callable[[], Awaitable[dict[str, Any]]]


def piece(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


class Sends:
    """A client that sends what it is told, message by message, then nothing ever."""

    def __init__(self, *messages: dict[str, Any], length: str | None = None) -> None:
        self.messages = list(messages)
        headers = [] if length is None else [(b"content-length", length.encode())]
        self.request = Request(
            {"type": "http", "method": "POST", "path": "/", "headers": headers}, self.receive
        )

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await anyio.sleep_forever()
        return self.messages.pop(0)


def read(client: Sends, most: int = 100) -> bytes:
    return anyio.run(read_json_body, client.request, most, Slots(1).place())


def test_a_body_comes_together_from_its_pieces() -> None:
    assert read(Sends(piece(b"ab"), piece(b""), piece(b"c", more=False))) == b"abc"
    assert read(Sends(piece(b"", more=False))) == b""


def test_a_body_may_be_exactly_as_large_as_allowed() -> None:
    assert read(Sends(piece(b"x" * 60), piece(b"x" * 40, more=False), length="100")) == b"x" * 100


@pytest.mark.parametrize("length", [None, "101", "9999999999", "5"])
def test_a_body_over_the_limit_is_refused_after_the_client_has_been_heard_out(length: str | None) -> None:
    client = Sends(piece(b"x" * 60), piece(b"x" * 60), piece(b"x", more=False), length=length)
    with pytest.raises(BodyTooLarge) as refused:
        read(client)
    assert "100" in refused.value.message
    assert client.messages == []


def test_hearing_a_client_out_has_an_end() -> None:
    endless = [piece(bytes(4_000_000)) for _ in range(30)]
    client = Sends(*endless)
    with pytest.raises(BodyTooLarge):
        read(client)
    assert len(client.messages) > 15


def test_a_body_that_is_cut_is_no_body() -> None:
    with pytest.raises(ClientDisconnect):
        read(Sends(piece(b'{"a": 1}'), {"type": "http.disconnect"}))


def test_a_body_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "IDLE_SECONDS", 0.05)
    with pytest.raises(RequestCanceled):
        read(Sends(piece(b"{")))


@pytest.mark.parametrize(
    ("said", "length"), [(None, 0), ("12", 12), ("-1", 0), ("x", 0), ("٣", 0), ("1" * 30, 0)]
)
def test_the_announced_length_is_read_with_care(said: str | None, length: int) -> None:
    client = Sends()
    if said is not None and said.isascii():
        client = Sends(length=said)
    assert Body(client.request).announced == length


def test_batches_hold_all_bytes_in_order_and_are_worth_the_hop() -> None:
    async def batches() -> list[bytes]:
        data = [bytes([n % 256]) * 60_000 for n in range(40)]
        body = Body(Sends(*[piece(d) for d in data], piece(b"end", more=False)).request)
        found: list[bytes] = []
        await body.into(lambda batch: found.append(bytes(batch)), anyio.CapacityLimiter(1))
        assert b"".join(found) == b"".join(data) + b"end"
        return found

    found = anyio.run(batches)
    assert all(len(batch) >= request_body.BATCH for batch in found[:-1])
    assert len(found) == 5

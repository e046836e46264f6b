"""Turns the body of a call, as it comes in, into bytes or batches of bytes, never more than was agreed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from anyio import fail_after, move_on_after
from starlette.requests import ClientDisconnect, Request

from kinoscribe.contract.errors import BodyTooLarge, RequestCanceled

IDLE_SECONDS = 60.0
BATCH = 1 << 19

_DRAIN_BYTES = 32 * 1024 * 1024
_DRAIN_SECONDS = 5.0


async def read_json_body(request: Request, most: int) -> bytes:
    """The whole body. Raises `BodyTooLarge`, `RequestCanceled` when nothing comes any more, or `ClientDisconnect`."""
    body = Body(request)
    pieces, size = [], 0
    if body.announced <= most:
        async with aclosing(body.pieces()) as incoming:
            async for piece in incoming:
                size += len(piece)
                if size > most:
                    break
                pieces.append(piece)
    if max(size, body.announced) > most:
        pieces.clear()
        await body.drain()
        raise BodyTooLarge(most=most)
    return b"".join(pieces)


class Body:
    """What a client sends after its headers; can be read once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended = False

    @property
    def announced(self) -> int:
        """The length that the client announced; 0 when it announced none."""
        said = self._request.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises `ClientDisconnect` when it is cut, `RequestCanceled` when it stalls."""
        while not self._ended:
            try:
                with fail_after(IDLE_SECONDS):
                    message = await self._request.receive()
            except TimeoutError as error:
                raise RequestCanceled from error
            self._ended = not message.get("more_body", False)
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if piece := message.get("body", b""):
                yield piece

    async def batches(self) -> AsyncGenerator[bytes, None]:
        """The body in batches that are worth a hop to a thread."""
        waiting: list[bytes] = []
        size = 0
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                waiting.append(piece)
                size += len(piece)
                if size >= BATCH:
                    yield b"".join(waiting)
                    waiting, size = [], 0
        if waiting:
            yield b"".join(waiting)

    async def drain(self) -> None:
        """Swallows some of what the client still sends, so that it comes to read why it was refused."""
        size = 0
        with move_on_after(_DRAIN_SECONDS), suppress(ClientDisconnect, RequestCanceled):
            async with aclosing(self.pieces()) as pieces:
                async for piece in pieces:
                    size += len(piece)
                    if size > _DRAIN_BYTES:
                        return

"""Turns the body of a call, as it comes in, into bytes or batches of bytes, never more than was agreed."""

from collections.abc import AsyncIterator

from anyio import fail_after
from starlette.requests import ClientDisconnect, Request

from kinoscribe.contract.errors import BodyTooLarge, RequestCanceled

IDLE_SECONDS = 60.0
BATCH = 512 * 1024


async def read_json_body(request: Request, most: int) -> bytes:
    """The whole body. Raises `BodyTooLarge`, `RequestCanceled` when nothing comes any more, or `ClientDisconnect`."""
    if said_length(request) > most:
        raise BodyTooLarge(most=most)
    pieces, size = [], 0
    async for piece in pieces_of(request):
        size += len(piece)
        if size > most:
            raise BodyTooLarge(most=most)
        pieces.append(piece)
    return b"".join(pieces)


def said_length(request: Request) -> int:
    """The length that the client announced; 0 when it announced none."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


async def pieces_of(request: Request) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises `ClientDisconnect` when it is cut, `RequestCanceled` when it stalls."""
    while True:
        try:
            with fail_after(IDLE_SECONDS):
                message = await request.receive()
        except TimeoutError as error:
            raise RequestCanceled from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return


async def batches_of(request: Request) -> AsyncIterator[bytes]:
    """The body in batches that are worth a hop to a thread."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces_of(request):
        waiting.append(piece)
        size += len(piece)
        if size >= BATCH:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)

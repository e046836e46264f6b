"""Turns the body of a call, as it comes in, into bytes or batches of bytes, never more than was agreed."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from functools import partial

from anyio import CapacityLimiter, fail_after, move_on_after
from starlette.requests import ClientDisconnect, Request

from kinoscribe.api.places import Place
from kinoscribe.api.taken_body import TakenBody
from kinoscribe.api.threads import in_thread
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import BodyTooLarge, RequestCanceled, ServiceUnavailable

IDLE_SECONDS = 60.0
BATCH = 1 << 19
# A body above this takes a place among the large ones, and may keep it for so many seconds until it is whole.
LARGE = 1 << 20
LARGE_SECONDS = 600.0

# The extension by which our own server lets the rest of a large body be taken.
TAKE = "kinoscribe.body"

Take = Callable[[], AbstractContextManager[TakenBody | None]]
Write = Callable[[bytes | memoryview], None]

_DRAIN_BYTES = 32 * 1024 * 1024
_DRAIN_SECONDS = 5.0


async def read_json_body(request: Request, most: int, place: Place) -> bytes:
    """The whole body; `place` is taken as soon as it is known to be a large one.

    Raises `BodyTooLarge`, `ServiceUnavailable` when there is no place, `RequestCanceled` when nothing comes any more
    or it takes too long, or `ClientDisconnect`.
    """
    body = Body(request)
    try:
        with fail_after(LARGE_SECONDS):
            return await _whole(body, most, place)
    except TimeoutError as error:
        raise RequestCanceled from error
    except (BodyTooLarge, ServiceUnavailable):
        await body.drain()
        raise


async def _whole(body: "Body", most: int, place: Place) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        _admit(body.announced, most, place)
        async with aclosing(body.pieces()) as incoming:
            async for piece in incoming:
                size += len(piece)
                _admit(size, most, place)
                pieces.append(piece)
        return b"".join(pieces)
    finally:
        pieces.clear()  # an error on its way up still refers to them


def _admit(size: int, most: int, place: Place) -> None:
    if size > most:
        raise BodyTooLarge(most=most)
    if size > LARGE:
        place.take()


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
            if piece := await self._next():
                yield piece

    async def into(self, write: Write, threads: CapacityLimiter) -> None:
        """Gives the body to `write` as it comes, in threads, one call after another. It may not keep what it is given.

        Raises what `pieces` does, and what `write` raises. No call of `write` outlives this one.
        """
        if self._ended:
            return
        first = await self._next()  # this is also what has a client that waits for it go on
        with self._take() as taken:
            if taken is not None:
                taken.put_first(first)
                await self._pump(taken, write, threads)
                return
        cancel = Cancel()
        async with aclosing(self._batches(first)) as batches:
            async for batch in batches:
                await in_thread(partial(write, batch), cancel, threads)

    async def _next(self) -> bytes:
        try:
            with fail_after(IDLE_SECONDS):
                message = await self._request.receive()
        except TimeoutError as error:
            raise RequestCanceled from error
        self._ended = not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        found: bytes = message.get("body", b"")
        return found

    def _take(self) -> AbstractContextManager[TakenBody | None]:
        take: Take | None = self._request.scope.get("extensions", {}).get(TAKE)
        return nullcontext() if take is None or self._ended else take()

    async def _pump(self, taken: TakenBody, write: Write, threads: CapacityLimiter) -> None:
        cancel, is_late, moved = Cancel(), False, False
        while True:
            moved = await in_thread(partial(taken.pump, write, cancel), cancel, threads)
            if not taken.unread:
                self._ended = True
                return
            if is_late and not moved:
                raise RequestCanceled
            is_late = taken.is_dry and not await taken.readable(IDLE_SECONDS)

    async def _batches(self, first: bytes) -> AsyncGenerator[bytes, None]:
        """The body in batches that are worth a hop to a thread."""
        waiting, size = [first], len(first)
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                waiting.append(piece)
                size += len(piece)
                if size >= BATCH:
                    yield b"".join(waiting)
                    waiting, size = [], 0
        if size:
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

"""Takes the bytes of a body from the socket of its connection in threads, so that the event loop never sees them."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect

from kinoscribe.cancel import Cancel

# What is handed on at once, from a buffer that each thread has.
PIECE = 1 << 20
# A thread is given back after so long, and as soon as it has waited for so long in all, and so long for each piece.
SLICE_SECONDS = 0.5
PATIENCE_SECONDS = 0.01
PIECE_SECONDS = 0.02
# Fewer bytes, unless they are the last ones, wake nobody: a slow client would cost a hop for each packet.
_WORTH_A_HOP = 256 * 1024

_of_thread = threading.local()


class TakenBody:
    """Exactly `unread` bytes that are still to come on a connection that nobody else reads.

    It must be closed, and by then no thread may be in `pump`.
    """

    def __init__(self, connection: socket.socket, unread: int) -> None:
        """`connection` is this one's own."""
        self.unread = unread
        self.is_dry = False
        self._early = b""
        self._connection = connection
        self._connection.setblocking(False)
        self._wake_at = 0
        self._choose_wake()

    def put_first(self, early: bytes) -> None:
        """What came before this one was there."""
        self._early = early

    def pump(self, write: Callable[[bytes | memoryview], None], cancel: Cancel) -> bool:
        """Gives `write` what comes until that is all, or its time is over, or it `is_dry`; says whether any came.

        What is given may not be kept. Raises `ClientDisconnect`, `Canceled`, and what `write` raises.
        """
        buffer = _buffer()
        until, patience = time.monotonic() + SLICE_SECONDS, PATIENCE_SECONDS
        early, self._early = self._early, b""
        if early:
            write(early)
        before, filled, self.is_dry = self.unread, 0, False
        while self.unread and not self.is_dry and time.monotonic() < until:
            cancel.check()
            got = self._receive(buffer[filled : filled + self.unread])
            filled += got
            if got == 0:
                began = time.monotonic()
                self.is_dry = not self._wait(patience)
                patience = max(patience - (time.monotonic() - began), 0.0)
            elif filled == PIECE:
                write(buffer)
                filled = 0
                patience += PIECE_SECONDS
        if filled:
            write(buffer[:filled])
        return bool(early) or self.unread < before

    async def readable(self, seconds: float) -> bool:
        """Waits until enough has come to be worth a thread, or the connection has ended; false after `seconds`."""
        loop, handle = asyncio.get_running_loop(), self._connection.fileno()
        come = asyncio.Event()
        loop.add_reader(handle, come.set)
        try:
            async with asyncio.timeout(seconds):
                await come.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(handle)
        return True

    def close(self) -> None:
        self._set_wake(1)
        self._connection.close()

    def _receive(self, room: memoryview) -> int:
        """Bytes that were there already; 0 when none were."""
        try:
            got = self._connection.recv_into(room)
        except BlockingIOError:
            return 0
        except ConnectionError as error:
            raise ClientDisconnect from error
        if got == 0:
            raise ClientDisconnect
        self.unread -= got
        self._choose_wake()
        return got

    def _wait(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _choose_wake(self) -> None:
        wanted = min(self.unread, _WORTH_A_HOP)
        if wanted and wanted != self._wake_at:
            self._set_wake(wanted)

    def _set_wake(self, size: int) -> None:
        self._wake_at = size
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)


def _buffer() -> memoryview:
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = memoryview(bytearray(PIECE))
    found: memoryview = _of_thread.buffer
    return found

"""The life of a child process: sets its limits, loads its handler, then answers until its parent is gone."""

import contextlib
import importlib
import os
import resource
import select
import signal
import sys
import threading
from multiprocessing.connection import Connection

import msgspec

from kinoscribe import log
from kinoscribe.child.messages import (
    NO_LIMIT,
    OUT_OF_MEMORY,
    Done,
    Handler,
    Piece,
    Raised,
    Ready,
    Request,
    Stop,
    encode,
    read_from_parent,
)

_HUNG_UP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


def main(arguments: list[str]) -> None:
    """The life of a child: set limits, load, then answer until the connection closes."""
    # Whoever ends a whole group of processes ends the parent too, and that one still has answers to finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    log.set_up_as(arguments[2:])
    descriptor = int(arguments[0])
    link = Connection(descriptor)
    config, address_space, file_size, niceness = msgspec.msgpack.decode(
        link.recv_bytes(), type=tuple[bytes, int, int, int]
    )
    threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
    _limit(resource.RLIMIT_AS, address_space)
    _limit(resource.RLIMIT_FSIZE, file_size)
    _limit(resource.RLIMIT_CORE, 0)
    if niceness:
        os.nice(niceness)
    try:
        module, _, name = arguments[1].partition(":")
        handler: Handler = getattr(importlib.import_module(module), name)(config)
    except Exception as error:  # noqa: BLE001  what failed is told to the parent, whatever it is
        link.send_bytes(encode(_raised(error)))
        return
    link.send_bytes(encode(Ready()))
    with contextlib.suppress(EOFError, OSError):
        while True:
            match read_from_parent(link.recv_bytes()):
                case Request(body=body):
                    link.send_bytes(encode(_answer(link, handler, body)))
                case Stop():
                    continue


def _answer(link: Connection, handler: Handler, body: bytes) -> Done | Raised:
    """Sends the pieces and says how it ended; stops between two of them when the caller wants no more."""
    try:
        pieces = handler(body)
        try:
            for piece in pieces:
                link.send_bytes(encode(Piece(piece)))
                if link.poll(0):
                    link.recv_bytes()
                    break
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
    except Exception as error:  # noqa: BLE001  what failed is told to the parent, whatever it is
        return _raised(error)
    return Done()


def _raised(error: Exception) -> Raised:
    if isinstance(error, MemoryError):
        return Raised(OUT_OF_MEMORY, "needs more memory than it may use")
    return Raised(type(error).__name__, str(error))


def _end_with_parent(descriptor: int) -> None:
    """Waits until the other end of the link is gone, and ends the process even in the middle of its work."""
    poll = select.poll()
    poll.register(descriptor, _HUNG_UP)
    poll.poll()
    os._exit(0)


def _limit(what: int, most: int) -> None:
    """Sets a limit, or the one that already holds where that is narrower."""
    if most == NO_LIMIT:
        return
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    # Some systems know a limit by name only: there the process runs without it.
    with contextlib.nullcontext() if sys.platform == "linux" else contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main(sys.argv[1:])

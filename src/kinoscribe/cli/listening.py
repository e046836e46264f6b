"""Turns an address to listen on into a listening socket, and a socket into the address clients reach it by."""

import socket

from kinoscribe.cli.exits import FAILED, Exit
from kinoscribe.settings import Settings

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound
_BACKLOG = 1024


def listen(settings: Settings) -> socket.socket:
    """Raises `Exit` when the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio sends small writes at once only on sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        sentence = f"Nothing can listen on {settings.host}:{settings.port}: {error.strerror}. Try --port 0."
        raise Exit(FAILED, sentence) from error
    return listening


def address(settings: Settings, listening: socket.socket) -> str:
    """How a client on this machine reaches the socket."""
    port = listening.getsockname()[1]
    host = "127.0.0.1" if settings.host in _EVERYWHERE else settings.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reached_by_others(settings: Settings) -> bool:
    """Whether other machines may come in."""
    return settings.host in _EVERYWHERE or not settings.host.startswith(("127.", "localhost", "::1"))

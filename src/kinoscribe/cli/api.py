"""Turns `kinoscribe api` into a process that answers requests; what takes time is left to `kinoscribe work`."""

import signal
import socket
from contextlib import ExitStack, closing
from types import FrameType
from typing import Annotated, Never

import typer
import uvicorn

from kinoscribe import __version__, log
from kinoscribe import app as house
from kinoscribe.api import application as _loaded  # noqa: F401  while the supervisor prepares the data folder
from kinoscribe.api.http_protocol import KinoscribeProtocol
from kinoscribe.cli import lifeline as supervisor
from kinoscribe.cli.listening import address, listen
from kinoscribe.cli.options import DataDir, EngineName, Host, Lifeline, Port
from kinoscribe.cli.serve import logs_as_json, say, say_unknown_variables
from kinoscribe.cli.settings import read_settings
from kinoscribe.settings import Settings

_GRACE = 10
_KEEP_ALIVE = 75


def api(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    engine: EngineName = None,
    listening: Annotated[int | None, typer.Option(hidden=True)] = None,
    lifeline: Lifeline = None,
) -> None:
    """Answer requests, and leave tasks and evidence to `kinoscribe work`. For several machines with one PostgreSQL."""
    settings = read_settings(host=host, port=port, data_dir=data_dir, engine=engine)
    log.set_up(settings.log_level, as_json=logs_as_json(settings))
    signal.signal(signal.SIGTERM, _leave)
    if lifeline is None:
        say_unknown_variables()
    else:
        supervisor.wait(lifeline)
    with ExitStack() as held:
        sock = held.enter_context(closing(_socket(settings, listening)))
        tools = held.enter_context(closing(house.build_tools(settings, queued=True)))
        held.enter_context(house.presence(tools, "api", settings.sync_slots))
        server = _server(house.build_asgi(tools))
        if lifeline is None:
            say(f"The api of Kinoscribe {__version__} listens on {address(settings, sock)}.")
        else:
            supervisor.watch(lifeline, lambda: _hurry(server))
        server.run(sockets=[sock])


def _server(application: object) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            application,  # type: ignore[arg-type]
            http=KinoscribeProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
    )


def _socket(settings: Settings, listening: int | None) -> socket.socket:
    return listen(settings) if listening is None else socket.socket(fileno=listening)


def _hurry(server: uvicorn.Server) -> None:
    server.force_exit = True
    server.should_exit = True


def _leave(_number: int, _frame: FrameType | None) -> Never:
    """A server that is asked to end has not failed."""
    raise SystemExit(0)

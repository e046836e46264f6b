"""Turns `kinoscribe serve` into a listening server, and tells whoever started it how to reach it."""

import signal
import socket
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType
from typing import Annotated, Never

import typer
import uvicorn

from kinoscribe import __version__, log
from kinoscribe import app as house
from kinoscribe.analysis.tools import Tools
from kinoscribe.cli.exits import FAILED, NOT_READY, Exit
from kinoscribe.cli.settings import read_settings, unknown_variables
from kinoscribe.cli.weights_wanted import bring_weights
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.storage.data_folder import DataFolder

_GRACE = 10
_KEEP_ALIVE = 75
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for all data.")] = None,
    engine: Annotated[str | None, typer.Option(help="embedded or scripted.")] = None,
    get_models: Annotated[
        bool, typer.Option("--get-models", help="Fetch missing weights without asking.")
    ] = False,
) -> None:
    """Start the server. The first start on an empty data folder makes a key and prints it once."""
    settings = read_settings(host=host, port=port, data_dir=data_dir, engine=engine)
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    log.set_up(settings.log_level, as_json=as_json)
    for name in unknown_variables():
        _say(f"{name} is set but is no setting; `kinoscribe settings` lists them all.")
    try:
        bring_weights(settings, without_asking=get_models)
    except Exit as lacking:
        if lacking.code != NOT_READY:
            raise
        _say(f"{lacking.sentence} Until then analyses that need them are answered with 503.")
    signal.signal(signal.SIGTERM, _leave)
    with ExitStack() as held:
        held.enter_context(DataFolder(settings.data_dir).for_one_server())
        tools = held.enter_context(closing(house.build_tools(settings)))
        listening = held.enter_context(closing(_listen(settings)))
        address = _address(settings, listening)
        for line in welcome(address, settings, _first_key(tools)):
            _say(line)
        _run(house.build_asgi(tools), listening)


def welcome(address: str, settings: Settings, new_key: str | None) -> list[str]:
    """What a person at the terminal needs to begin."""
    lines = [f"Kinoscribe {__version__} listens on {address} with the engine {settings.engine}."]
    if new_key:
        lines.append(f"API key of the account default, shown only now: {new_key}")
    elif settings.api_key is None:
        lines.append("Keys: `kinoscribe keys list`, `kinoscribe keys create`.")
    lines += [
        f'Python:     TwelveLabs(api_key=..., base_url="{address}/v1.3")',
        f"JavaScript: TWELVELABS_BASE_URL={address}/v1.3 in the environment, new TwelveLabs({{ apiKey }})",
        f"Routes:     {address}/docs",
    ]
    if settings.host in _EVERYWHERE or not settings.host.startswith(("127.", "localhost", "::1")):
        lines.append("Others can reach it over plain http: put a proxy with TLS before it.")
    return lines


def _first_key(tools: Tools) -> str | None:
    """A key for whoever starts the first server on a data folder; None when there ever was one."""
    if tools.settings.api_key is not None or tools.api_keys.list():
        return None
    key, _ = tools.api_keys.create(DEFAULT_ACCOUNT)
    return key


def _run(application: object, listening: socket.socket) -> None:
    config = uvicorn.Config(
        application,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    """Raises `Exit` when the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio sends small writes at once only on sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        sentence = f"Nothing can listen on {settings.host}:{settings.port}: {error.strerror}. Try --port 0."
        raise Exit(FAILED, sentence) from error
    return listening


def _address(settings: Settings, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    host = "127.0.0.1" if settings.host in _EVERYWHERE else settings.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave(_number: int, _frame: FrameType | None) -> Never:
    """A server that is asked to end has not failed."""
    raise SystemExit(0)


def _say(line: str) -> None:
    typer.echo(line, err=True)

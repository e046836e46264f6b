"""Turns `kinoscribe serve` into a server of several processes, and tells whoever started it how to reach it."""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing

import typer

from kinoscribe import __version__, log
from kinoscribe.cli.apart import apart
from kinoscribe.cli.exits import NOT_READY, Exit
from kinoscribe.cli.listening import address, listen, reached_by_others
from kinoscribe.cli.options import DataDir, EngineName, GetModels, Host, Port
from kinoscribe.cli.settings import PREFIX, read_settings, unknown_variables
from kinoscribe.cli.supervisor import Program, Supervisor
from kinoscribe.cli.weights_wanted import bring_weights
from kinoscribe.engines.making import check_engines
from kinoscribe.settings import Settings
from kinoscribe.storage.data_folder import DataFolder

_COMMAND = (sys.executable, "-m", "kinoscribe.cli.main")
_API_PATIENCE = 13.0


def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    engine: EngineName = None,
    get_models: GetModels = False,
) -> None:
    """Start the server. The first start on an empty data folder makes a key and prints it once."""
    chosen = {"host": host, "port": port, "data_dir": data_dir, "engine": engine}
    settings = read_settings(**chosen)
    log.set_up(settings.log_level, as_json=logs_as_json(settings))
    say_unknown_variables()
    check_engines(settings)
    try:
        bring_weights(settings, without_asking=get_models)
    except Exit as lacking:
        if lacking.code != NOT_READY:
            raise
        say(f"{lacking.sentence} Until then analyses that need them are answered with 503.")
    with ExitStack() as held:
        folder = DataFolder(settings.data_dir)
        held.enter_context(folder.for_one_server())
        listening = held.enter_context(closing(listen(settings)))
        supervisor = Supervisor(programs(settings, listening.fileno()), children_environment(chosen))
        supervisor.start()
        try:
            new_key = apart("kinoscribe.cli.first_start:prepare", settings)
        except BaseException:
            supervisor.kill()
            raise
        for line in welcome(address(settings, listening), settings, new_key):
            say(line)
        code = supervisor.run(listening.close)
    if code:
        raise Exit(code)


def programs(settings: Settings, listening: int) -> list[Program]:
    """The api first: while its last answers are made, the worker still collects the evidence they need."""
    api = [*_COMMAND, "api", "--listening", str(listening)]
    return [
        Program("api", api, _API_PATIENCE, (listening,)),
        Program("work", [*_COMMAND, "work"], settings.drain_seconds),
    ]


def children_environment(chosen: Mapping[str, object]) -> dict[str, str]:
    """The environment of this process, and in it what its command line has chosen."""
    given = {f"{PREFIX}{name.upper()}": str(value) for name, value in chosen.items() if value is not None}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in given}
    return {**kept, **given}


def welcome(where: str, settings: Settings, new_key: str | None) -> list[str]:
    """What a person at the terminal needs to begin."""
    lines = [f"Kinoscribe {__version__} listens on {where} with the engine {settings.engine}."]
    if new_key:
        lines.append(f"API key of the account default, shown only now: {new_key}")
    elif settings.api_key is None:
        lines.append("Keys: `kinoscribe keys list`, `kinoscribe keys create`.")
    lines += [
        f'Python:     TwelveLabs(api_key=..., base_url="{where}/v1.3")',
        f"JavaScript: TWELVELABS_BASE_URL={where}/v1.3 in the environment, new TwelveLabs({{ apiKey }})",
        f"Routes:     {where}/docs",
    ]
    if reached_by_others(settings):
        lines.append("Others can reach it over plain http: put a proxy with TLS before it.")
    return lines


def logs_as_json(settings: Settings) -> bool:
    return settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())


def say_unknown_variables() -> None:
    for name in unknown_variables():
        say(f"{name} is set but is no setting; `kinoscribe settings` lists them all.")


def say(line: str) -> None:
    typer.echo(line, err=True)

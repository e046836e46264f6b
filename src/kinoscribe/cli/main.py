"""Turns the words of a command line into one of the commands, and every failure into a sentence and an exit code."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kinoscribe import __version__
from kinoscribe.cli.exits import INTERRUPTED, KNOWN, exit_for

# The name of each command, and where its function or its group of commands stands.
COMMANDS = {
    "analyze": "kinoscribe.cli.analyze:analyze",
    "segment": "kinoscribe.cli.segment:segment",
    "serve": "kinoscribe.cli.serve:serve",
    "api": "kinoscribe.cli.api:api",
    "work": "kinoscribe.cli.work:work",
    "migrate": "kinoscribe.cli.migrate:migrate",
    "doctor": "kinoscribe.cli.doctor:doctor",
    "settings": "kinoscribe.cli.settings:settings",
    "receipt": "kinoscribe.cli.receipt:receipt",
    "tasks": "kinoscribe.cli.tasks:app",
    "keys": "kinoscribe.cli.keys:app",
    "webhooks": "kinoscribe.cli.webhooks:app",
    "limits": "kinoscribe.cli.limits:app",
    "cache": "kinoscribe.cli.cache:app",
    "sweep": "kinoscribe.cli.sweep:sweep",
    "accounts": "kinoscribe.cli.accounts:app",
    "models": "kinoscribe.cli.models:app",
}
_HELP = {"help_option_names": ["-h", "--help"]}


class Commands(Mapping[str, Any]):
    """The commands by name. Only the one that is run is imported: no command waits for what another one needs."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        group = typer.Typer(add_completion=False, context_settings=_HELP, callback=_nothing)
        if isinstance(found, typer.Typer):
            group.add_typer(found, name=name)
        else:
            group.command(name)(found)
        made: Any = typer.main.get_command(group)
        return made.commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _nothing() -> None:
    """A group that has a function of its own stays a group, also with one command in it."""


class _Group(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": Commands()})


app = typer.Typer(
    name="kinoscribe",
    cls=_Group,
    help="Answers questions about video on your own machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and ends the process with its exit code (see `exits`)."""
    try:
        app(arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except KNOWN as error:
        leaving = exit_for(error)
        if leaving.sentence:
            typer.echo(leaving.sentence, err=True)
        sys.exit(leaving.code)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kinoscribe {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()

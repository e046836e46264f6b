"""Turns `kinoscribe webhooks add|list|remove|test|log` into receivers that are told of tasks, and how that went."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kinoscribe import clock
from kinoscribe.cli.exits import FAILED, NOT_READY, REFUSED, USAGE, Exit
from kinoscribe.cli.opened import opened
from kinoscribe.contract.times import rfc3339
from kinoscribe.contract.webhooks import EVENTS, read_webhook
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT, is_account
from kinoscribe.storage.delivery_log import Delivery, DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.webhook_rows import Webhook, WebhookRows
from kinoscribe.tasks.register import register

app = typer.Typer(
    no_args_is_help=True, help="Receivers that are told when tasks end: add, list, remove, test, log."
)

_DataDir = Annotated[Path | None, typer.Option(help="Folder for all data.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the webhook, as `list` shows it.")]

_LOOK = 0.2


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where the messages go: an http or https URL.")],
    event: Annotated[
        list[str] | None, typer.Option(help=f"Only this event; may be repeated: {', '.join(EVENTS)}.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(help="The secret to sign with; `-` reads it from standard input. Else one is made."),
    ] = None,
    account: Annotated[str, typer.Option(help="Whose tasks it is told of.")] = DEFAULT_ACCOUNT,
    data_dir: _DataDir = None,
) -> None:
    """Add a receiver and print its secret, which cannot be shown again."""
    if not is_account(account):
        raise Exit(USAGE, f"{account!r} cannot name an account.")
    if secret == "-":  # noqa: S105  it stands for standard input
        secret = sys.stdin.readline().strip()
    form = read_webhook({"url": url, "events": event or None, "secret": secret})
    with opened(data_dir) as found:
        made, secret = register(account, form, found.settings, WebhookRows(found.database))
    typer.echo(f"Webhook {made.id} of the account {account}. Its secret, shown only now:", err=True)
    typer.echo(secret)


@app.command("list")
def list_(
    account: Annotated[str | None, typer.Option(help="Only the webhooks of this account.")] = None,
    as_json: _Json = False,
    data_dir: _DataDir = None,
) -> None:
    """List the receivers; their secrets are not shown."""
    with opened(data_dir) as found:
        webhooks = WebhookRows(found.database).list(account)
    if as_json:
        typer.echo(json.dumps([_plain(webhook) for webhook in webhooks], indent=2))
        return
    table = _table("account", "url", "events", "created")
    for one in webhooks:
        events = "all" if one.events == EVENTS else "\n".join(one.events)
        table.add_row(one.id, one.account, one.url, events, _time(one.created_at))
    Console().print(table)


@app.command()
def remove(webhook_id: _Id, data_dir: _DataDir = None) -> None:
    """Remove a receiver. What it has not got yet is not sent any more."""
    with opened(data_dir) as found:
        if not WebhookRows(found.database).remove(None, webhook_id):
            raise _unknown(webhook_id)
    typer.echo(f"The webhook {webhook_id} is removed.", err=True)


@app.command("test")
def try_(
    webhook_id: _Id,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the first attempt.")] = 15.0,
    data_dir: _DataDir = None,
) -> None:
    """Send a `webhook.test` event by way of a running worker, and say how its first attempt went."""
    with opened(data_dir) as found:
        settings, log = found.settings, DeliveryLog(found.database)
        webhook = WebhookRows(found.database).get(None, webhook_id)
        if webhook is None:
            raise _unknown(webhook_id)
        rows = DeliveryRows(found.database, waits=settings.webhook_waits, lease=settings.webhook_seconds)
        delivery_id, until = rows.test(webhook), clock.steady() + wait
        made = log.get(delivery_id)
        while made is not None and not made.tries and clock.steady() < until:
            time.sleep(_LOOK)
            made = log.get(delivery_id)
    if made is None or not made.tries:
        raise Exit(
            NOT_READY,
            f"No worker has sent the test within {wait:g} s; is `kinoscribe serve` running? It stays in the queue.",
        )
    if not made.delivered:
        raise Exit(FAILED, f"The test did not arrive. {made.last_error}")
    typer.echo(f"The test arrived: {made.tries[0].status}, {made.tries[0].seconds:.2f} s.", err=True)


@app.command()
def log(
    webhook_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this webhook; then each attempt is shown.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only the webhooks of this account.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many messages, newest first.")] = 20,
    as_json: _Json = False,
    data_dir: _DataDir = None,
) -> None:
    """List what was sent, newest first: to whom, how often, and why it did not arrive."""
    with opened(data_dir) as found:
        deliveries, _ = DeliveryLog(found.database).page(account, webhook_id, page=1, limit=limit)
    if as_json:
        typer.echo(json.dumps([_plain_delivery(one) for one in deliveries], indent=2))
        return
    table = _table("event", "task", "url", "when", "attempts", "state")
    for one in deliveries:
        row = (one.id, one.type, one.task_id or "", one.url, _time(one.created_at), str(one.attempts))
        table.add_row(*row, _state(one))
        for t in one.tries if webhook_id is not None else ():
            said = t.error or f"It answered with the status {t.status}."
            table.add_row("", "", "", "", _time(t.at), str(t.attempt), f"{said} ({t.seconds:.2f} s)")
    Console().print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=24)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _unknown(webhook_id: str) -> Exit:
    return Exit(
        REFUSED, f"There is no webhook with the id {webhook_id}; `kinoscribe webhooks list` shows them."
    )


def _state(delivery: Delivery) -> str:
    if delivery.delivered:
        return "delivered"
    if delivery.ended_at is not None:
        return f"given up: {delivery.last_error}"
    if delivery.last_error is None:
        return "waits"
    return f"again at {_time(delivery.run_at)}: {delivery.last_error}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _plain(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "account": webhook.account,
        "url": webhook.url,
        "events": list(webhook.events),
        "created_at": rfc3339(webhook.created_at),
    }


def _plain_delivery(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "event_id": one.event_id,
        "type": one.type,
        "webhook_id": one.webhook_id,
        "account": one.account,
        "task_id": one.task_id,
        "url": one.url,
        "created_at": rfc3339(one.created_at),
        "delivered": one.delivered,
        "next_attempt_at": rfc3339(one.run_at) if one.ended_at is None else None,
        "last_error": one.last_error,
        "attempts": [
            {
                "attempt": t.attempt,
                "at": rfc3339(t.at),
                "seconds": t.seconds,
                "status": t.status,
                "error": t.error,
            }
            for t in one.tries
        ],
    }

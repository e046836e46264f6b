"""Turns `kinoscribe tasks list|show|watch|cancel|delete` into what the queue holds, seen from this machine."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kinoscribe.cli.exits import FAILED, REFUSED, USAGE, Exit
from kinoscribe.cli.opened import opened
from kinoscribe.cli.task_lines import bar, clock_time, operator_facts, source_text, task_lines
from kinoscribe.cli.task_watch import watch_tasks
from kinoscribe.contract.tasks import STATUSES, task_object
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.storage.delivery_log import DeliveryLog
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.store import open_blobs
from kinoscribe.storage.task_rows import Task, TaskFilter, TaskRows
from kinoscribe.tasks.view import task_view

app = typer.Typer(no_args_is_help=True, help="Tasks of the queue: list, show, watch, cancel, delete.")

_Account = Annotated[str, typer.Option(help="Whose tasks.")]
_DataDir = Annotated[Path | None, typer.Option(help="Folder for all data.")]
_Ids = Annotated[list[str], typer.Argument(metavar="ID", help="The ids of the tasks.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Status = Annotated[str | None, typer.Option(help=f"Only tasks that are {', '.join(STATUSES)}.")]

_LIVE = ("queued", "pending", "processing")


@app.command("list")
def list_(
    status: _Status = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 20,
    page: Annotated[int, typer.Option(min=1, help="Which page of so many.")] = 1,
    account: _Account = DEFAULT_ACCOUNT,
    as_json: _Json = False,
    data_dir: _DataDir = None,
) -> None:
    """List the tasks of an account, newest first."""
    if status is not None and status not in STATUSES:
        raise Exit(USAGE, f"{status!r} is no status of a task; there are {', '.join(STATUSES)}.")
    with _queue(data_dir) as queue:
        found, total = queue.tasks.page(account, TaskFilter(status), page=page, limit=limit)
    if as_json:
        typer.echo(json.dumps([task_object(task_view(task), preview=True) for task in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=24)
    table.add_column("status", no_wrap=True)
    table.add_column("progress", no_wrap=True)
    for name in ("attempt", "created", "video", "custom id"):
        table.add_column(name, overflow="fold")
    for task in found:
        values = str(task.attempt or ""), clock_time(task.created_at), source_text(task), task.custom_id or ""
        table.add_row(task.id, task.status, bar(task), *values)
    Console().print(table)
    if total > len(found):
        typer.echo(f"{len(found)} of {total} tasks; --page and --limit show the others.", err=True)


@app.command()
def show(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the task.")],
    account: _Account = DEFAULT_ACCOUNT,
    as_json: _Json = False,
    data_dir: _DataDir = None,
) -> None:
    """Print all there is to know about one task: attempts, worker, result, deliveries of its webhooks."""
    with _queue(data_dir) as queue:
        task = _there(queue.tasks.get(account, task_id), task_id, account)
        deliveries = queue.log.of_task(task.id)
        shown = task_object(task_view(task, queue.log.views([task.id]).get(task.id, ())))
    if as_json:
        whole = {**shown, "operator": operator_facts(task, deliveries)}
        typer.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in task_lines(task, shown, deliveries):
        table.add_row(name, said)
    Console(markup=False).print(table)


@app.command()
def watch(
    task_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Tasks to watch; all that live when left out.")
    ] = None,
    account: _Account = DEFAULT_ACCOUNT,
    data_dir: _DataDir = None,
) -> None:
    """Show how far tasks are, until they have ended. The status is 1 when one of those named has failed."""
    with _queue(data_dir) as queue:

        def look() -> tuple[Task, ...]:
            if task_ids:
                return tuple(_there(queue.tasks.get(account, one), one, account) for one in task_ids)
            pages = (queue.tasks.page(account, TaskFilter(status), page=1, limit=50)[0] for status in _LIVE)
            return tuple(task for found in pages for task in found)

        ended = watch_tasks(look, lambda task_id: queue.tasks.get(account, task_id))
    if task_ids and any(task.status != "ready" for task in ended):
        raise Exit(FAILED)


@app.command()
def cancel(task_ids: _Ids, account: _Account = DEFAULT_ACCOUNT, data_dir: _DataDir = None) -> None:
    """End tasks that wait or run, at once."""
    with _queue(data_dir) as queue:
        for task_id in task_ids:
            _there(queue.tasks.cancel(account, task_id), task_id, account)
            typer.echo(f"The task {task_id} is canceled.", err=True)


@app.command()
def delete(task_ids: _Ids, account: _Account = DEFAULT_ACCOUNT, data_dir: _DataDir = None) -> None:
    """Remove tasks and their results for good; one that still waits never runs."""
    with _queue(data_dir) as queue:
        for task_id in task_ids:
            if not queue.tasks.delete(account, task_id):
                raise _unknown(task_id, account)
            typer.echo(f"The task {task_id} is deleted.", err=True)


@dataclass(frozen=True, slots=True)
class _Queue:
    tasks: TaskRows
    log: DeliveryLog


@contextmanager
def _queue(data_dir: Path | None) -> Iterator[_Queue]:
    with (
        opened(data_dir) as found,
        closing(open_blobs(found.settings, found.folder, found.database)) as blobs,
    ):
        settings = found.settings
        hooks = DeliveryRows(found.database, waits=settings.webhook_waits, lease=settings.webhook_seconds)
        tasks = TaskRows(found.database, blobs, announce=hooks.announce)
        yield _Queue(tasks, DeliveryLog(found.database))


def _there(task: Task | None, task_id: str, account: str) -> Task:
    if task is None:
        raise _unknown(task_id, account)
    return task


def _unknown(task_id: str, account: str) -> Exit:
    return Exit(REFUSED, f"The account {account} has no task {task_id}; `kinoscribe tasks list` shows them.")

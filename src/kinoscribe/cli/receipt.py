"""Turns a receipt into lines that people read: what was looked at, by what, how long, at what cost."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kinoscribe.cli.exits import REFUSED, Exit
from kinoscribe.cli.looked_at import looked_at_lines
from kinoscribe.cli.opened import opened
from kinoscribe.cli.options import DataDir
from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.storage.receipt_rows import ReceiptRows


def receipt(
    generation_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the answer.")],
    account: Annotated[str, typer.Option(help="Whose answer it was.")] = DEFAULT_ACCOUNT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print the receipt of an earlier answer: what was looked at, by what, how long, at what cost."""
    with opened(data_dir) as found:
        print_receipt(ReceiptRows(found.database), account, generation_id, as_json=as_json)


def print_receipt(
    rows: ReceiptRows, account: str, generation_id: str, *, as_json: bool = False, err: bool = False
) -> None:
    """Prints one receipt, as lines or as JSON. Raises `Exit` when there is none."""
    body = rows.find(account, generation_id)
    if body is None:
        raise Exit(REFUSED, f"There is no receipt {generation_id} of the account {account}.")
    if as_json:
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2), err=err)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in receipt_lines(body):
        table.add_row(escape(name), escape(said))
    Console(stderr=err).print(table)


@contextmanager
def failure_told(rows: ReceiptRows, *, wanted: bool) -> Iterator[None]:
    """Prints the receipt of a failure in the block, where one is `wanted` and there is one."""
    try:
        yield
    except ApiError as error:
        if wanted and error.receipt is not None:
            print_receipt(rows, DEFAULT_ACCOUNT, error.receipt, err=True)
        raise


def receipt_lines(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of a name and what the receipt says about it."""
    video, window, engine = body["video"], body["window"], body["engine"]
    yield "receipt", body["generation_id"]
    yield "made", f"{body['created_at']} by Kinoscribe {body['kinoscribe']}"
    yield "engine", f"{engine['name']} ({engine['model']} {engine['version']}), rules of {body['model_name']}"
    if video is None:
        yield "video", "nobody could answer, so it was not fetched"
    else:
        yield from _video(video)
        yield "window", f"{window['start']:.3f} s to {window['end']:.3f} s"
    if body["evidence"] is not None:
        yield from _evidence(body["evidence"])
    if body.get("looked_at") is not None:
        yield from looked_at_lines(body["looked_at"])
    tokens = body["tokens"]
    yield "tokens", f"{tokens['input_tokens']} in, {tokens['output_tokens']} out"
    yield "seconds", ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in body["seconds"].items())
    if body["finish_reason"]:
        yield "ended", body["finish_reason"]
    if body["warning"]:
        yield "warning", body["warning"]
    if body["error"]:
        yield "failed", f"{body['error']['code']}: {body['error']['message']}"


def _video(video: dict[str, Any]) -> Iterator[tuple[str, str]]:
    sound = video["audio_codec"] or "no sound"
    picture = f"{video['width']}x{video['height']} {video['video_codec']}, {sound}"
    yield "video", f"{picture}, {video['container']}, {video['bytes']} bytes, from {video['source']}"
    yield "content", f"sha256 {video['sha256']}"
    for warning in video["warnings"]:
        yield "warning", warning


def _evidence(evidence: dict[str, Any]) -> Iterator[tuple[str, str]]:
    pictures = evidence["pictures"]
    kept = "kept from an earlier question" if evidence["from_store"] else "collected for this question"
    looked = "1 picture was" if pictures["read"] == 1 else f"{pictures['read']} pictures were"
    yield "evidence", f"{kept}; {looked} looked at closely"
    for report in evidence["collectors"]:
        reason = f": {report['reason']}" if report.get("reason") else ""
        yield f"  {report['name']}", f"{report['state']} in {report.get('seconds', 0.0):.2f} s{reason}"
    found = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in evidence["in_window"].items())
    yield "  in window", found
    for warning in evidence["warnings"]:
        yield "warning", warning

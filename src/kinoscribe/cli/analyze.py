"""Turns `kinoscribe analyze VIDEO PROMPT` into an answer on standard output, by the same way as the server."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from kinoscribe import app as house
from kinoscribe import log
from kinoscribe.cancel import Cancel
from kinoscribe.cli.exits import INTERRUPTED, Exit
from kinoscribe.cli.local import default_model, file_of, json_of, run, source_of, write
from kinoscribe.cli.options import DataDir, End, EngineName, GetModels, ShowReceipt, Start
from kinoscribe.cli.receipt import failure_told, print_receipt
from kinoscribe.cli.settings import read_settings
from kinoscribe.cli.weights_wanted import bring_weights
from kinoscribe.contract.analyze import AnalyzeRequest, read_analyze
from kinoscribe.contract.events import answer_body
from kinoscribe.engines.models_file import models_file
from kinoscribe.settings import Settings
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.tokens import count_tokens


def analyze(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A file, or an http or https address.")],
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What you want to know; - reads standard input.")
    ],
    start: Start = None,
    end: End = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 to 1; the embedded engine does not use it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="pegasus1.2, pegasus1.5, pegasus1.6, or a name of your own.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JSON Schema; the answer is JSON of that shape.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole response of the API as one JSON object.")
    ] = False,
    receipt: ShowReceipt = False,
    engine: EngineName = None,
    data_dir: DataDir = None,
    get_models: GetModels = False,
) -> None:
    """Answer a question about a video, without a server. The answer goes to standard output."""
    settings = read_settings(engine=engine, data_dir=data_dir)
    log.set_up("error" if settings.log_level == "info" else settings.log_level, as_json=False)
    body: dict[str, Any] = {
        "prompt": sys.stdin.read() if prompt == "-" else prompt,
        "video": source_of(video),
        "stream": True,
        "model_name": model,
        "start_time": start,
        "end_time": end,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "response_format": None
        if schema is None
        else {"type": "json_schema", "json_schema": json_of(schema, "schema")},
    }
    request = _request(body, settings)
    file = file_of(video)
    bring_weights(settings, without_asking=get_models)
    cancel = Cancel()
    try:
        with closing(house.build_tools(settings)) as tools:
            with failure_told(tools.receipts, wanted=receipt):
                ended, text = run(request, file, tools, cancel, say=None if as_json else write)
            if as_json:
                typer.echo(
                    json.dumps(answer_body(ended.generation_id, text, ended), ensure_ascii=False, indent=2)
                )
            if receipt:
                print_receipt(tools.receipts, DEFAULT_ACCOUNT, ended.generation_id, err=True)
    except KeyboardInterrupt:
        cancel.throw()
        raise Exit(INTERRUPTED, "Stopped.") from None


def _request(body: dict[str, Any], settings: Settings) -> AnalyzeRequest:
    """The body is read by the reader of the wire, so that a question is refused here as it is there."""
    return read_analyze(
        json.dumps(body).encode(),
        default_model=default_model(settings),
        count_tokens=count_tokens,
        names=models_file(settings).names,
        wide_schema=settings.schema == "wide",
    )

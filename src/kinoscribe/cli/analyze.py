"""Turns `kinoscribe analyze VIDEO PROMPT` into an answer on standard output, by the same way as the server."""

import json
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from kinoscribe import app as house
from kinoscribe import log
from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events, prepare
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.cli.exits import FAILED, INTERRUPTED, USAGE, Exit
from kinoscribe.cli.receipt import print_receipt
from kinoscribe.cli.settings import read_settings
from kinoscribe.cli.stages import Stages, stages
from kinoscribe.cli.weights_wanted import bring_weights
from kinoscribe.contract.analyze import AnalyzeRequest, read_analyze
from kinoscribe.contract.events import Ended, Progress, TextPart, answer_body
from kinoscribe.contract.limits import MODELS
from kinoscribe.settings import Settings
from kinoscribe.sources.resolve import LocalFile
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.tokens import count_tokens

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NO_ASSET = "0" * 24


def _seconds(text: str) -> float:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time. Use seconds (90.5) or a clock (1:30, 1:02:03).")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


def analyze(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A file, or an http or https address.")],
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What you want to know; - reads standard input.")
    ],
    start: Annotated[
        float | None, typer.Option(parser=_seconds, metavar="TIME", help="Begin of the window: 90.5 or 1:30.")
    ] = None,
    end: Annotated[
        float | None, typer.Option(parser=_seconds, metavar="TIME", help="End of the window.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 to 1; the embedded engine does not use it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Rule set: pegasus1.2, pegasus1.5 or pegasus1.6.")] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JSON Schema; the answer is JSON of that shape.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole response of the API as one JSON object.")
    ] = False,
    receipt: Annotated[
        bool, typer.Option("--receipt", help="Also say what the answer was made from, on standard error.")
    ] = False,
    engine: Annotated[str | None, typer.Option(help="embedded or scripted.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for all data.")] = None,
    get_models: Annotated[
        bool, typer.Option("--get-models", help="Fetch missing weights without asking.")
    ] = False,
) -> None:
    """Answer a question about a video, without a server. The answer goes to standard output."""
    settings = read_settings(engine=engine, data_dir=data_dir)
    log.set_up("error" if settings.log_level == "info" else settings.log_level, as_json=False)
    body: dict[str, Any] = {
        "prompt": sys.stdin.read() if prompt == "-" else prompt,
        "video": _source(video),
        "stream": True,
        "model_name": model,
        "start_time": start,
        "end_time": end,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "response_format": None
        if schema is None
        else {"type": "json_schema", "json_schema": _schema(schema)},
    }
    request = _request(body, settings)
    file = None if _is_url(video) else _file(video)
    bring_weights(settings, without_asking=get_models)
    cancel = Cancel()
    try:
        with closing(house.build_tools(settings)) as tools:
            ended, text = _answer(request, file, tools, cancel, quiet=as_json)
            if as_json:
                typer.echo(
                    json.dumps(answer_body(ended.generation_id, text, ended), ensure_ascii=False, indent=2)
                )
            if receipt:
                print_receipt(tools.receipts, DEFAULT_ACCOUNT, ended.generation_id, err=True)
    except KeyboardInterrupt:
        cancel.throw()
        raise Exit(INTERRUPTED, "Stopped.") from None


def _answer(
    request: AnalyzeRequest, file: LocalFile | None, tools: Tools, cancel: Cancel, *, quiet: bool
) -> tuple[Ended, str]:
    shown = stages()
    try:
        shown.show(Progress("probe", None))
        try:
            job = prepare(request, DEFAULT_ACCOUNT, tools, cancel, source=file)
        except OSError as error:
            raise Exit(USAGE, f"{error.filename or 'The video'} cannot be read: {error.strerror}.") from error
        shown.show(Progress("probe", 1.0))
        with closing(job):
            return _stream(job, tools, shown, quiet=quiet)
    finally:
        shown.close()


def _stream(job: Job, tools: Tools, shown: Stages, *, quiet: bool) -> tuple[Ended, str]:
    texts: list[str] = []
    with closing(events(job, tools)) as said:
        for event in said:
            match event:
                case Progress():
                    shown.show(event)
                case TextPart(text=text):
                    texts.append(text)
                    if not quiet:
                        shown.show(Progress("answer", 1.0))
                        shown.close()
                        _write(text)
                case Ended():
                    shown.close()
                    if not quiet and texts and not texts[-1].endswith("\n"):
                        _write("\n")
                    if event.warning:
                        typer.echo(event.warning, err=True)
                    return event, "".join(texts)
                case _:
                    continue
    raise Exit(FAILED, "The answer broke off.")


def _request(body: dict[str, Any], settings: Settings) -> AnalyzeRequest:
    """The body is read by the reader of the wire, so that a question is refused here as it is there."""
    model = MODELS[-1] if settings.default_model == "auto" else settings.default_model
    return read_analyze(json.dumps(body).encode(), default_model=model, count_tokens=count_tokens)


def _is_url(video: str) -> bool:
    return video.startswith(("http://", "https://"))


def _source(video: str) -> dict[str, str]:
    """A file has no place on the wire: a well-formed source stands in for it until `prepare` gets the file."""
    if _is_url(video):
        return {"type": "url", "url": video}
    return {"type": "asset_id", "asset_id": _NO_ASSET}


def _file(video: str) -> LocalFile:
    path = Path(video).expanduser()
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is not there"
        raise Exit(USAGE, f"{video} {found}. Name a video file, or an http or https address.")
    return LocalFile(path)


def _schema(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Exit(USAGE, f"The schema {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Exit(USAGE, f"The schema {file} is not JSON: {error}.") from error


def _write(text: str) -> None:
    """What a video shows may reach the terminal, but not steer it."""
    if sys.stdout.isatty():
        text = _CONTROL.sub("\ufffd", text)
    sys.stdout.write(text)
    sys.stdout.flush()

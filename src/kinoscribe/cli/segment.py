"""Turns `kinoscribe segment VIDEO --define id="description"` into a table of segments, or into their JSON."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from kinoscribe import app as house
from kinoscribe import log
from kinoscribe.cancel import Cancel
from kinoscribe.cli.exits import INTERRUPTED, USAGE, Exit
from kinoscribe.cli.local import default_model, file_of, harmless, json_of, run, source_of
from kinoscribe.cli.options import DataDir, End, EngineName, GetModels, ShowReceipt, Start, seconds
from kinoscribe.cli.receipt import failure_told, print_receipt
from kinoscribe.cli.settings import read_settings
from kinoscribe.cli.weights_wanted import bring_weights
from kinoscribe.contract.task_request import read_task
from kinoscribe.contract.times import clock_time, hh_mm_ss_fff
from kinoscribe.engines.models_file import models_file
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT
from kinoscribe.tokens import count_tokens

_TYPES = ("string", "boolean", "number", "integer", "array", "timestamp")
_LEAST_WIDTH = 60


def segment(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A file, or an http or https address.")],
    define: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=TEXT", help="A kind of segment: `story=One news story`. May be repeated."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID.NAME:TYPE=TEXT",
            help="A value wanted for each segment of a kind: `story.title:string=A title`. May be repeated. "
            f"Types: {', '.join(_TYPES)}.",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Segment definitions as JSON: the array, or a whole response_format."
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    shortest: Annotated[
        float | None, typer.Option("--min", parser=seconds, metavar="TIME", help="Shortest segment.")
    ] = None,
    longest: Annotated[
        float | None, typer.Option("--max", parser=seconds, metavar="TIME", help="Longest segment.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Of the JSON: seconds, hh:mm:ss or hh:mm:ss.fff.")
    ] = None,
    max_tokens: Annotated[str | None, typer.Option(help="Longest answer, in tokens, or unlimited.")] = None,
    model: Annotated[str | None, typer.Option(help="pegasus1.5, pegasus1.6, or a name of your own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the segments as JSON.")] = False,
    receipt: ShowReceipt = False,
    engine: EngineName = None,
    data_dir: DataDir = None,
    get_models: GetModels = False,
) -> None:
    """Find segments of a video, without a server: a table on a terminal, JSON with --json or in a pipe."""
    settings = read_settings(engine=engine, data_dir=data_dir)
    log.set_up("error" if settings.log_level == "info" else settings.log_level, as_json=False)
    form = _form(define or [], field or [], schema, time_format)
    body: dict[str, Any] = {
        "analysis_mode": "time_based_metadata",
        "video": source_of(video),
        "response_format": form,
        "model_name": model,
        "start_time": start,
        "end_time": end,
        "min_segment_duration": shortest,
        "max_segment_duration": longest,
        "max_tokens": int(max_tokens) if max_tokens is not None and max_tokens.isdecimal() else max_tokens,
    }
    request = read_task(
        json.dumps(body).encode(),
        default_model=default_model(settings),
        count_tokens=count_tokens,
        names=models_file(settings).names,
    ).request
    file = file_of(video)
    bring_weights(settings, without_asking=get_models)
    cancel = Cancel()
    try:
        with closing(house.build_tools(settings)) as tools:
            with failure_told(tools.receipts, wanted=receipt):
                ended, text = run(request, file, tools, cancel, mode="async")
            if as_json or not sys.stdout.isatty():
                typer.echo(json.dumps(json.loads(text), ensure_ascii=False, indent=2))
            else:
                for line in _table(json.loads(text), shutil.get_terminal_size().columns):
                    typer.echo(harmless(line))
            if receipt:
                print_receipt(tools.receipts, DEFAULT_ACCOUNT, ended.generation_id, err=True)
    except KeyboardInterrupt:
        cancel.throw()
        raise Exit(INTERRUPTED, "Stopped.") from None


def _form(
    defined: Sequence[str], fields: Sequence[str], schema: Path | None, style: str | None
) -> dict[str, Any]:
    """The `response_format` that the options stand for. Raises `Exit` for words that are none."""
    if schema is None:
        form: dict[str, Any] = {
            "type": "segment_definitions",
            "segment_definitions": _definitions(defined, fields),
        }
    else:
        if defined or fields:
            raise Exit(USAGE, "Use either --schema, or --define and --field.")
        given = json_of(schema, "file of definitions")
        form = dict(given) if isinstance(given, dict) else {"segment_definitions": given}
        form.setdefault("type", "segment_definitions")
    return form if style is None else {**form, "segment_time_format": style}


def _definitions(defined: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for words in defined:
        name, sign, text = words.partition("=")
        if not (sign and name.strip() and text.strip()):
            raise Exit(USAGE, f"--define {words!r} is not of the form ID=DESCRIPTION.")
        found[name.strip()] = {"id": name.strip(), "description": text.strip(), "fields": []}
    if not found:
        raise Exit(USAGE, 'Say what to find: --define story="One news story", or --schema FILE.')
    for words in fields:
        place, sign, text = words.partition("=")
        owner, dot, rest = place.partition(".")
        name, _, kind = rest.partition(":")
        if not (sign and dot and name.strip() and text.strip()) or owner.strip() not in found:
            raise Exit(
                USAGE,
                f"--field {words!r} is not of the form ID.NAME:TYPE=DESCRIPTION with the ID of a --define.",
            )
        found[owner.strip()]["fields"].append(_field(name.strip(), kind.strip() or "string", text.strip()))
    return list(found.values())


def _field(name: str, kind: str, text: str) -> dict[str, Any]:
    """What cannot be said in so few words has a default: strings in arrays, timestamps in seconds."""
    more: dict[str, dict[str, Any]] = {
        "array": {"items": {"type": "string"}},
        "timestamp": {"format": "seconds"},
    }
    return {"name": name, "type": kind, "description": text, **more.get(kind, {})}


def _table(found: dict[str, list[dict[str, Any]]], width: int) -> Iterator[str]:
    """For every kind its name, then a line for every segment: when it is, how long, and its values."""
    width = max(width, _LEAST_WIDTH)
    for number, (name, segments) in enumerate(found.items()):
        if number:
            yield ""
        count = f"{len(segments)} segment{'' if len(segments) == 1 else 's'}"
        yield f"{name}: {count if segments else 'nothing found'}"
        for one in segments:
            times = f"  {_clock(one['start_time'])} - {_clock(one['end_time'])}"
            line = f"{times}  {_values(one['metadata'])}".rstrip()
            yield line if len(line) <= width else line[: width - 1] + "…"


def _clock(time: float | str) -> str:
    return time if isinstance(time, str) else hh_mm_ss_fff(time)


def _values(values: dict[str, Any]) -> str:
    """The only value as it is, several with their names."""
    told = [(name, _value(value)) for name, value in values.items() if value not in (None, [], "")]
    if len(values) == 1:
        return told[0][1] if told else ""
    return "  ".join(f"{name}: {value}" for name, value in told)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_value(item) for item in value)
        case dict():
            start, end = value.get("start_time"), value.get("end_time")
            rest = ", ".join(_value(v) for k, v in value.items() if k not in ("start_time", "end_time"))
            return f"{clock_time(start) if isinstance(start, float | int) else start}-{end} {rest}".strip()
    return " ".join(str(value).split())

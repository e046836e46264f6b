"""Turns what the machine has and what Kinoscribe needs into a list of what works and what would make it faster."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kinoscribe import __version__
from kinoscribe.cli import machine
from kinoscribe.cli.exits import FAILED, Exit
from kinoscribe.cli.machine import Finding
from kinoscribe.cli.model_servers import model_servers
from kinoscribe.cli.queue_state import database_and_queue
from kinoscribe.cli.settings import read_settings, unknown_variables
from kinoscribe.cli.weights_wanted import wanted_weights
from kinoscribe.contract.errors import ApiError
from kinoscribe.engines.models_file import EnginesInvalid, kinds_used
from kinoscribe.media.decoders import Decoders
from kinoscribe.settings import Settings
from kinoscribe.weights.check import Weights
from kinoscribe.weights.registry import SETS

# Measured together on the machine of docs/quality.md: times real time, billions of operations a second.
_MEASURED_TIMES = 5.0
_MEASURED_OPERATIONS = 150.0

_COLOURS = {"ok": "green", "slow": "yellow", "lacks": "red", "wrong": "red"}


def doctor(
    data_dir: Annotated[Path | None, typer.Option(help="Folder for all data.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Say what works on this machine and what would make it faster. Ends with 1 when something does not work."""
    settings = read_settings(data_dir=data_dir)
    findings: list[Finding] = []
    console = Console(stderr=True)
    with console.status("Looking", spinner="line"):
        findings.extend(examine(settings))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    if any(finding.state in ("lacks", "wrong") for finding in findings):
        raise Exit(FAILED)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, one after another; the slow ones (hashes, a decoding process) come last."""
    yield Finding("ok", "Kinoscribe", f"{__version__}, engine {settings.engine}.")
    yield machine.python()
    yield machine.processor()
    yield machine.memory()
    yield machine.disk(settings.data_dir)
    yield from database_and_queue(settings)
    for name in unknown_variables():
        yield Finding(
            "slow", "Settings", f"{name} is set but is no setting.", "`kinoscribe settings` lists them all."
        )
    yield machine.codecs()
    yield decoding(settings)
    try:
        yield from model_servers(settings)
        yield from weights(settings)
        yield from speed(settings)
    except EnginesInvalid as error:
        yield Finding("wrong", "Engines", str(error), "docs/engines.md says how engines are chosen.")


def weights(settings: Settings) -> Iterator[Finding]:
    """Whether each set of weights that the chosen engine needs is there and genuine."""
    kept = Weights(settings.weights_dir)

    for name in wanted_weights(settings):
        what = f"Weights {name}"
        if not kept.have(name):
            yield Finding("lacks", what, f"Not there; {SETS[name].purpose}.", "Run `kinoscribe models get`.")
        elif faults := kept.verify(name):
            told = "; ".join(f"{fault.file} {fault.fault}" for fault in faults)
            yield Finding("wrong", what, f"{told}.", "Run `kinoscribe models get`.")
        else:
            size = SETS[name].bytes / 1024**2
            yield Finding("ok", what, f"{SETS[name].purpose}; {size:.0f} MiB, hashes verified.")


def decoding(settings: Settings) -> Finding:
    """Whether the process that decodes starts under the limits the settings give it."""
    decoders = Decoders(memory=settings.decode_memory_bytes, seconds=settings.decode_seconds)
    try:
        decoders.warm()
    except ApiError as error:
        return Finding(
            "wrong",
            "Decoding",
            error.message,
            "Raise KINOSCRIBE_DECODE_MEMORY_BYTES.",
        )
    finally:
        decoders.close()
    return Finding(
        "ok",
        "Decoding",
        f"A process of its own, at most {settings.decode_memory_bytes / machine.GIB:.1f} GiB.",
    )


def speed(settings: Settings) -> Iterator[Finding]:
    """What to expect, from the figures of docs/quality.md and this machine's speed; a rough guess and named so."""
    if settings.engine == "scripted":
        yield Finding("ok", "Speed", "The engine scripted uses no model.")
        return
    times = _MEASURED_TIMES * machine.matrix_speed() / _MEASURED_OPERATIONS
    sentence = (
        f"A first question takes roughly 1/{max(1, round(times))} of the video's length, later ones a moment."
    )
    if times < 1:
        sentence = (
            f"A first question takes roughly {1 / times:.0f} times the video's length, later ones a moment."
        )
    slow = []
    if settings.speech_model == "base" and "speech" in settings.active_collectors:
        slow.append("KINOSCRIBE_SPEECH_MODEL=tiny.en where everybody speaks English")
    if "screen_text" in settings.active_collectors:
        slow.append("KINOSCRIBE_COLLECTORS without screen_text or visual_tags where they are not asked for")
    advice = f"Faster: {'; '.join(slow)}." if slow else ""
    if "openai" in kinds_used(settings):
        sentence += " The time of the model server comes on top."
    yield Finding("slow" if times < 1 else "ok", "Speed", sentence, advice)


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.state]
        said = f"{finding.sentence}\n{finding.advice}" if finding.advice else finding.sentence
        table.add_row(f"[{colour}]{finding.state}[/]", finding.what, escape(said))
    Console().print(table)

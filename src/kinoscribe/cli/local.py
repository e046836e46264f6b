"""Runs one analysis on this machine, for the commands that need no server: from words and a file to an answer."""

import json
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import typer

from kinoscribe.analysis.job import Job
from kinoscribe.analysis.run import events, prepare
from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.cli.exits import FAILED, USAGE, Exit
from kinoscribe.cli.stages import Stages, stages
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.events import Ended, Progress, TextPart
from kinoscribe.contract.limits import MODELS, Mode
from kinoscribe.settings import Settings
from kinoscribe.sources.resolve import LocalFile
from kinoscribe.storage.api_key_rows import DEFAULT_ACCOUNT

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NO_ASSET = "0" * 24


def default_model(settings: Settings) -> str:
    """The rule set of a command that names none: the newest, where the operator pinned none."""
    return MODELS[-1] if settings.default_model == "auto" else settings.default_model


def source_of(video: str) -> dict[str, str]:
    """A file has no place on the wire: a well-formed source stands in for it until `prepare` gets the file."""
    if _is_url(video):
        return {"type": "url", "url": video}
    return {"type": "asset_id", "asset_id": _NO_ASSET}


def file_of(video: str) -> LocalFile | None:
    """The file that is named, None for an address. Raises `Exit` when there is none."""
    if _is_url(video):
        return None
    path = Path(video).expanduser()
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is not there"
        raise Exit(USAGE, f"{video} {found}. Name a video file, or an http or https address.")
    return LocalFile(path)


def json_of(file: Path, what: str) -> object:
    """The value in a file of JSON. Raises `Exit` when it cannot be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Exit(USAGE, f"The {what} {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Exit(USAGE, f"The {what} {file} is not JSON: {error}.") from error


def run(
    request: AnalyzeRequest,
    file: LocalFile | None,
    tools: Tools,
    cancel: Cancel,
    *,
    mode: Mode = "sync",
    say: Callable[[str], None] | None = None,
) -> tuple[Ended, str]:
    """The end and the text of the answer. `say` gets each part of it as it comes."""
    shown = stages()
    try:
        shown.show(Progress("probe", None))
        try:
            job = prepare(request, DEFAULT_ACCOUNT, tools, cancel, source=file, mode=mode)
        except OSError as error:
            raise Exit(USAGE, f"{error.filename or 'The video'} cannot be read: {error.strerror}.") from error
        shown.show(Progress("probe", 1.0))
        with closing(job):
            return _said(job, tools, shown, say)
    finally:
        shown.close()


def _said(job: Job, tools: Tools, shown: Stages, say: Callable[[str], None] | None) -> tuple[Ended, str]:
    texts: list[str] = []
    with closing(events(job, tools)) as said:
        for event in said:
            match event:
                case Progress():
                    shown.show(event)
                case TextPart(text=text):
                    texts.append(text)
                    if say is not None:
                        shown.show(Progress("answer", 1.0))
                        shown.close()
                        say(text)
                case Ended():
                    shown.close()
                    if say is not None and texts and not texts[-1].endswith("\n"):
                        say("\n")
                    if event.warning:
                        typer.echo(event.warning, err=True)
                    return event, "".join(texts)
                case _:
                    continue
    raise Exit(FAILED, "The answer broke off.")


def harmless(text: str) -> str:
    """What a video shows may reach a terminal, but not steer it."""
    return _CONTROL.sub("\ufffd", text)


def write(text: str) -> None:
    """Writes a part of an answer to standard output, as it is where that is no terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _is_url(video: str) -> bool:
    return video.startswith(("http://", "https://"))

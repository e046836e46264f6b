"""The options that several commands have, each written once."""

import re
from pathlib import Path
from typing import Annotated

import typer

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")


def seconds(text: str) -> float:
    """`90.5`, `1:30` and `1:02:03` as seconds."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time. Use seconds (90.5) or a clock (1:30, 1:02:03).")
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


DataDir = Annotated[Path | None, typer.Option(help="Folder for all data.")]
EngineName = Annotated[str | None, typer.Option(help="embedded, scripted or openai.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]
GetModels = Annotated[bool, typer.Option("--get-models", help="Fetch missing weights without asking.")]
ShowReceipt = Annotated[
    bool, typer.Option("--receipt", help="Also say what the answer was made from, on standard error.")
]
Lifeline = Annotated[int | None, typer.Option(hidden=True)]
Start = Annotated[
    float | None, typer.Option(parser=seconds, metavar="TIME", help="Begin of the window: 90.5 or 1:30.")
]
End = Annotated[float | None, typer.Option(parser=seconds, metavar="TIME", help="End of the window.")]

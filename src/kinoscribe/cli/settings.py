"""Turns the command line, the environment and the settings file into Settings, and prints where each came from."""

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr, ValidationError
from rich.console import Console
from rich.table import Table

from kinoscribe.cli.exits import USAGE, Exit
from kinoscribe.settings import Settings, config_file

PREFIX = "KINOSCRIBE_"


def read_settings(**chosen: object) -> Settings:
    """The settings of this run; what the command line chose (not None) wins over all other sources.

    Raises `Exit` with a sentence for each value that cannot be used.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    named = os.environ.get("KINOSCRIBE_CONFIG")
    if named and not Path(named).is_file():
        raise Exit(USAGE, f"KINOSCRIBE_CONFIG names {named}, which is no file.")
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise Exit(USAGE, "\n".join(_sentence(dict(part), given) for part in error.errors())) from error
    except tomllib.TOMLDecodeError as error:
        raise Exit(USAGE, f"The settings file {config_file()} is not TOML: {error}.") from error
    except OSError as error:
        raise Exit(USAGE, f"The settings file {config_file()} cannot be read: {error.strerror}.") from error


def origins(chosen: frozenset[str] = frozenset()) -> dict[str, str]:
    """Where the value of each setting comes from: `default`, the variable's name, the file's, or the command line."""
    variables = {name.upper() for name, value in os.environ.items()}
    in_file = _file_keys()
    found = {}
    for name in Settings.model_fields:
        variable = PREFIX + name.upper()
        if name in chosen:
            found[name] = "command line"
        elif variable in variables:
            found[name] = variable
        elif name in in_file:
            found[name] = str(config_file())
        else:
            found[name] = "default"
    return found


def unknown_variables() -> list[str]:
    """Variables that begin like a setting's but name none: most likely misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"KINOSCRIBE_CONFIG"}
    return sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def shown(value: object) -> str:
    """A value as people write it; secrets are masked."""
    match value:
        case None:
            return ""
        case SecretStr():
            return "**********"
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(str(part) for part in value)
        case _:
            return str(value)


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print every setting, its value and where the value comes from."""
    read = read_settings()
    sources = origins()
    rows = [(name, shown(getattr(read, name)), sources[name]) for name in Settings.model_fields]
    if as_json:
        kept: dict[str, Any] = {name: {"value": value, "source": source} for name, value, source in rows}
        typer.echo(json.dumps(kept, indent=2))
    else:
        table = Table("Setting", "Value", "Source", box=None, pad_edge=False)
        for name, value, source in rows:
            table.add_row(name, value, source, style=None if source != "default" else "dim")
        Console(soft_wrap=True).print(table)
    for name in unknown_variables():
        typer.echo(f"{name} is set but is no setting.", err=True)


def _file_keys() -> set[str]:
    file = config_file()
    return set(tomllib.loads(file.read_text(encoding="utf-8"))) if file.is_file() else set()


def _sentence(part: dict[str, Any], given: dict[str, object]) -> str:
    name = str(part["loc"][0]) if part["loc"] else ""
    if part["type"] == "extra_forbidden":
        return f"{name} is no setting. `kinoscribe settings` lists them all."
    source = origins(frozenset(given)).get(name, "default")
    value = "" if "api_key" in name else f" It is {shown(part['input'])!r}."
    return f"The setting {name} (from {source}) cannot be used: {part['msg']}.{value}"

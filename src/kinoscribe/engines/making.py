"""Turns the settings and the file of models into the engines that this process has.

The HTTP client is imported when there is a model server to talk to: nobody else need wait for it.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from kinoscribe.engines.chosen import Chosen, Engines
from kinoscribe.engines.engine import Engine
from kinoscribe.engines.models_file import EnginesInvalid, EngineTable, models_file, read_url
from kinoscribe.engines.openai.config import OpenAIConfig, Waits
from kinoscribe.engines.openai.profiles import PROFILE_NAMES, ProfileName
from kinoscribe.engines.scripted import ScriptedEngine
from kinoscribe.settings import Settings

if TYPE_CHECKING:
    from kinoscribe.engines.openai.prober import Prober


def make_engines(settings: Settings, embedded: Callable[[], Engine]) -> Engines:
    """All engines; `embedded` makes the one of that name. Raises `EnginesInvalid` and `ScriptInvalid`."""
    file = models_file(settings)
    with ExitStack() as made:

        def keep(engine: Engine) -> Engine:
            made.callback(engine.close)
            return engine

        default = keep(_make(settings.engine, settings_table(settings), settings, embedded))
        engines: dict[str, Engine] = {"default": default, settings.engine: default}
        for name in file.used():
            if name not in engines:
                engines[name] = keep(_make(name, file.engines.get(name), settings, embedded))
        chosen = {
            name: Chosen(file.rules_of(name), tuple(engines[one] for one in model.engines))
            for name, model in file.models.items()
        }
        made.pop_all()
        return Engines(default, chosen)
    raise AssertionError("an ExitStack never swallows")


def settings_table(settings: Settings) -> EngineTable:
    """The engine of the settings, as a table of the file would have it. Raises `EnginesInvalid`."""
    if settings.engine != "openai":
        return EngineTable(kind=settings.engine)
    try:
        urls = tuple(read_url(url) for url in settings.engine_url)
    except ValueError as error:
        raise EnginesInvalid(f"The setting engine_url cannot be used: {error}.") from error
    if not urls:
        raise EnginesInvalid(
            "The engine openai needs the address of a model server: "
            "KINOSCRIBE_ENGINE_URL=http://127.0.0.1:8000/v1 is one."
        )
    return EngineTable(
        kind="openai",
        urls=urls,
        model=settings.engine_model,
        profile=settings.engine_profile,
        context_tokens=settings.engine_context,
        at_once=settings.engine_at_once,
    )


def openai_config(name: str, table: EngineTable, settings: Settings) -> OpenAIConfig:
    """Raises `EnginesInvalid` where the variable with the key is not set, or holds none."""
    return OpenAIConfig(
        urls=tuple(dict.fromkeys(table.urls)),
        model=table.model,
        api_key=_key(name, table, settings),
        profile=_profile(table.profile),
        name=name,
        context_tokens=table.context_tokens,
        most_pictures=table.pictures or None,
        max_side=table.picture_side or settings.frame_side,
        tokens_a_picture=table.picture_tokens,
        sees=table.pictures != 0,
        numbered=settings.frame_numbers if table.numbered is None else table.numbered,
        sequence=table.sequence,
        thinks=table.thinks,
        at_once=table.at_once,
        extra=table.extra,
        waits=Waits(first_token=settings.engine_wait_seconds),
    )


def _make(name: str, table: EngineTable | None, settings: Settings, embedded: Callable[[], Engine]) -> Engine:
    match name if table is None else table.kind:
        case "embedded":
            return embedded()
        case "scripted":
            file: Path | None = settings.scripted_file if table is None else table.file
            return ScriptedEngine(file or settings.scripted_file)
    assert table is not None
    from kinoscribe.engines.openai.engine import OpenAIEngine

    return OpenAIEngine(openai_config(name, table, settings), _prober(name, table, settings))


def check_engines(settings: Settings) -> None:
    """Raises `EnginesInvalid` where the engines cannot be made; makes none."""
    for name, table in _with_servers(settings).items():
        openai_config(name, table, settings)


def probers(settings: Settings) -> "Mapping[str, Prober]":
    """For every engine with model servers that can be asked, who can tell what they are. Raises `EnginesInvalid`."""
    return {name: _prober(name, table, settings) for name, table in _with_servers(settings).items()}


def _with_servers(settings: Settings) -> Mapping[str, EngineTable]:
    """The tables of all engines that ask model servers, that of the settings first."""
    file = models_file(settings)
    tables = {name: file.engines[name] for name in file.used() if name in file.engines}
    if settings.engine == "openai":
        tables = {settings.engine: settings_table(settings), **tables}
    return {name: table for name, table in tables.items() if table.kind == "openai"}


def _prober(name: str, table: EngineTable, settings: Settings) -> "Prober":
    from kinoscribe.engines.openai.prober import Prober

    return Prober(openai_config(name, table, settings), pinned=table.profile != "auto")


def _profile(name: str) -> ProfileName:
    return next((known for known in PROFILE_NAMES if known == name), "generic")


def _key(name: str, table: EngineTable, settings: Settings) -> str | None:
    """The key of an engine: that of the settings belongs to the engine of the settings only."""
    if name == settings.engine:
        given = "" if settings.engine_api_key is None else settings.engine_api_key.get_secret_value()
        return _sendable(given, "setting engine_api_key") or None
    variable = table.api_key_variable
    if not variable:
        return None
    key = _sendable(os.environ.get(variable, ""), f"variable {variable}")
    if not key:
        raise EnginesInvalid(
            f"The engine {name} takes its API key from the variable {variable}, which is not set."
        )
    return key


def _sendable(key: str, where: str) -> str:
    """A key as it goes into a header; files and shells often leave a line's end behind it."""
    bare = key.strip()
    if not bare.isascii() or not bare.isprintable():
        raise EnginesInvalid(f"The {where} holds no API key: one has printable ASCII characters only.")
    return bare

"""Turns the operator's file of models into names of models, their rules and their engines, each part checked.

The file is TOML:

    [engines.big]
    kind = "openai"
    urls = ["http://10.0.0.5:8000/v1", "http://10.0.0.6:8000/v1"]
    model = "Qwen/Qwen3-VL-32B-Instruct"

    [models."pegasus1.5"]
    engines = ["big", "embedded"]

    [models.qwen3-vl-32b]
    engines = ["big"]
    rules = "pegasus1.6"

The engines `embedded`, `scripted` and `default`, the one of the settings, need no table.
"""

import math
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from kinoscribe.contract.limits import MODELS, NEWER_DEFAULT_MODEL, STANDARD
from kinoscribe.engines.openai.profiles import PROFILE_NAMES
from kinoscribe.settings import Settings

STANDING = ("default", "embedded", "scripted")
_TAKEN = (*STANDING, "openai")
# The fields of a request that are made anew for each: the operator has settings for some of them.
_OURS = (
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "response_format",
    "cache_salt",
    "media_io_kwargs",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,31}")


class EnginesInvalid(Exception):
    """The engines cannot be made as the settings or the file of models have it; the message says where and why."""


def read_url(url: str) -> str:
    """The address of a model server, as the engine needs it. Raises `ValueError`.

    An address without a path gets the `/v1` that all servers have.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in parts.netloc:
        raise ValueError(f"{_told(url)!r} is no address of a model server: http://HOST:PORT/v1 is one")
    if parts.username or parts.password:
        raise ValueError("an address must hold no password: there is a setting for the API key")
    if parts.query or parts.fragment:
        raise ValueError(f"{_told(url)!r} must end with its path")
    _ = parts.port  # raises where it is none
    path = parts.path.rstrip("/") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/chat/completions')}"


def _told(url: str) -> str:
    """An address as it may be repeated: without what may be a password or a key."""
    before, mark, after = url.partition("?")[0].partition("#")[0].rpartition("@")
    return f"…{mark}{after}" if before else after


def _profile(name: str) -> str:
    if name not in ("auto", *PROFILE_NAMES):
        raise ValueError(f"there are auto, {', '.join(PROFILE_NAMES)}")
    return name


def _rules(name: str) -> str:
    if name not in MODELS:
        raise ValueError(f"there are the rules of {', '.join(MODELS)}")
    return name


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    taken = [name for name in fields if name in _OURS]
    if taken:
        raise ValueError(
            f"{', '.join(taken)} cannot be set here: Kinoscribe writes that itself for every request"
        )
    _check_value("", fields)
    return fields


def _check_value(place: str, value: object) -> None:
    """Raises `ValueError` for what TOML has and JSON has not."""
    match value:
        case dict():
            for name, inner in value.items():
                _check_value(f"{place}.{name}" if place else str(name), inner)
        case list():
            for inner in value:
                _check_value(place, inner)
        case float() if not math.isfinite(value):
            raise ValueError(f"{place} is {value}, which no request can hold")
        case str() | bool() | int() | float():
            return
        case _:
            raise ValueError(f"{place} is a date or a time, which no request can hold: write it as a text")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineTable(_Strict):
    """One engine. All but `kind` and `file` is for `openai`, with the meaning of the settings `engine_*`."""

    kind: Literal["embedded", "scripted", "openai"] = "openai"
    file: Path | None = None
    urls: tuple[Annotated[str, AfterValidator(read_url)], ...] = ()
    model: str = ""
    api_key_variable: str = ""
    profile: Annotated[str, AfterValidator(_profile)] = "auto"
    context_tokens: int | None = Field(None, ge=1024)
    pictures: int | None = Field(None, ge=0, le=4096)
    picture_side: int | None = Field(None, ge=64, le=4096)
    picture_tokens: int | None = Field(None, ge=1, le=65_536)
    numbered: bool | None = None
    sequence: bool = False
    thinks: bool = False
    at_once: int | None = Field(None, ge=1, le=64)
    extra: Annotated[dict[str, Any], AfterValidator(_extra)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_urls(self) -> "EngineTable":
        if self.kind == "openai" and not self.urls:
            raise ValueError("it needs urls")
        if self.kind != "openai" and self.model_fields_set - {"kind", "file"}:
            raise ValueError(f"an engine of the kind {self.kind} has no such fields")
        return self


class ModelTable(_Strict):
    engines: tuple[str, ...] = Field(min_length=1)
    rules: Annotated[str, AfterValidator(_rules)] | None = None


class ModelsFile(_Strict):
    engines: dict[str, EngineTable] = Field(default_factory=dict)
    models: dict[str, ModelTable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _hangs_together(self) -> "ModelsFile":
        for name in self.engines:
            _check_name(name, "engine")
            if name in _TAKEN:
                raise ValueError(f"the name {name} is taken: give the engine another one")
        for name, model in self.models.items():
            _check_name(name, "model")
            if name in MODELS and model.rules not in (None, name):
                raise ValueError(f"the rules of {name} cannot be others")
            if len(set(model.engines)) < len(model.engines):
                raise ValueError(f"the model {name} names an engine twice")
            _check_known(name, model.engines, (*self.engines, *STANDING))
        return self

    def rules_of(self, name: str) -> str:
        """The rule set of a model's name."""
        return name if name in MODELS else self.models[name].rules or NEWER_DEFAULT_MODEL

    @property
    def names(self) -> dict[str, str]:
        """All names that clients may send, those of the API included, each with its rule set."""
        return {**STANDARD, **{name: self.rules_of(name) for name in self.models}}

    def used(self) -> tuple[str, ...]:
        """The engines that models name, each once, in the order they are named."""
        return tuple(dict.fromkeys(name for model in self.models.values() for name in model.engines))


def models_file(settings: Settings) -> ModelsFile:
    """What the operator's file says; an empty one without it. Raises `EnginesInvalid`."""
    return ModelsFile() if settings.models_file is None else read_models_file(settings.models_file)


def kinds_used(settings: Settings) -> frozenset[str]:
    """The kinds of engines that can be asked: what has to be there for them depends on it. Raises `EnginesInvalid`."""
    file = models_file(settings)
    named = (file.engines[name].kind if name in file.engines else name for name in file.used())
    return frozenset({settings.engine, *named} - {"default"})


def read_models_file(file: Path) -> ModelsFile:
    """Raises `EnginesInvalid`."""
    try:
        return ModelsFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise EnginesInvalid(f"The file of models {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EnginesInvalid(f"The file of models {file} is not TOML: {error}.") from error
    except ValidationError as error:
        told = "\n".join(f"  {_place(part['loc'])}{_sentence(part)}" for part in error.errors())
        raise EnginesInvalid(f"The file of models {file} cannot be used:\n{told}") from error


def _place(path: Iterable[object]) -> str:
    told = ".".join(str(part) for part in path)
    return f"{told}: " if told else ""


# What is wrong with a value, by the kinds that the library tells apart.
_WRONG = {
    "extra_forbidden": "there is no such field",
    "missing": "it must be given",
    "tuple_type": 'it must be a list, as in ["..."]',
    "too_short": "the list is empty",
    "string_type": "it must be a text in quotation marks",
    "path_type": "it must be the path of a file, in quotation marks",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "finite_number": "it must be a whole number",
    "int_parsing_size": "the number is too large",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "greater_than_equal": "{ge} is the least that it may be",
    "less_than_equal": "{le} is the most that it may be",
    "literal_error": "there are {expected}",
}


def _sentence(part: Any) -> str:
    """What is wrong, in our own words; checks of our own bring theirs."""
    told = _WRONG.get(part["type"])
    if told is None:
        return str(part["msg"]).removeprefix("Value error, ")
    return told.format(**part.get("ctx", {}))


def _check_name(name: str, what: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"{name!r} is no name of a {what}: letters, digits and . _ : / - are, at most 32 of them"
        )


def _check_known(model: str, engines: tuple[str, ...], known: tuple[str, ...]) -> None:
    for engine in engines:
        if engine not in known:
            raise ValueError(f"the model {model} names the engine {engine}; there are {', '.join(known)}")

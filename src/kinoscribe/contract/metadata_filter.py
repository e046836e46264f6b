"""Turns what a list asks of `user_metadata` into a test that a video's own metadata passes or not.

For videos the SDKs send keys as parameters of their own, `rating=9.3`; for indexed assets Python sends
`user_metadata[rating]=9.3` and JavaScript `user_metadata={"rating":9.3}`. The first two do not tell text from numbers,
so all are compared by what they say.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from kinoscribe.contract.assets import FLAGS, check_metadata
from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.limits import METADATA_FILTERS

_NAME = "user_metadata"
_BEGIN, _END = f"{_NAME}[", "]"
_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """What metadata must say: under every key of `wanted` one of its texts."""

    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def accepts(self, metadata: Mapping[str, Any]) -> bool:
        """Whether `metadata` says all that is wanted."""
        return all(
            name in metadata and any(_says(metadata[name], text) for text in texts)
            for name, texts in self.wanted.items()
        )


def read_metadata_filter(pairs: Iterable[tuple[str, str]], known: Container[str]) -> MetadataFilter:
    """The filter in the parameters of a list: all but those that are `known` to mean something else.

    A text that is empty does not narrow it. Raises `ParameterInvalid`.
    """
    wanted: dict[str, list[str]] = {}
    for name, text in pairs:
        if not text:
            continue
        if name == _NAME:
            for key, texts in _read_json(text).items():
                wanted.setdefault(key, []).extend(texts)
        elif name not in known:
            wanted.setdefault(_key(name), []).append(text)
    if len(wanted) > METADATA_FILTERS:
        reason = f"{len(wanted)} keys were given; at most {METADATA_FILTERS} are accepted."
        raise ParameterInvalid(p=_NAME, reason=reason)
    return MetadataFilter({name: tuple(texts) for name, texts in wanted.items()})


def _key(name: str) -> str:
    """The key that a parameter is about, with whatever brackets it holds itself."""
    deep = name.startswith(_BEGIN) and name.endswith(_END)
    return name[len(_BEGIN) : -len(_END)] if deep else name


def _read_json(text: str) -> dict[str, list[str]]:
    try:
        given = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ParameterInvalid(p=_NAME, reason=f"It is not valid JSON: {error}.") from error
    return {name: texts for name, value in check_metadata(given).items() if (texts := _texts(value))}


def _texts(value: Any) -> list[str]:
    """A value of JSON as a query would tell it; what stands for nothing is empty."""
    match value:
        case None | "":
            return []
        case list():
            return [part for part in value if part]
        case bool():
            return ["true" if value else "false"]
        case str():
            return [value]
    return [repr(value)]


def _says(value: Any, text: str) -> bool:
    match value:
        case bool():
            return FLAGS.get(text.lower()) is value
        case int() | float():
            return _is_number(value, text)
        case list():
            return text in value
    return bool(value == text)


def _is_number(value: float, text: str) -> bool:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return False
    whole = isinstance(value, int) and found[1] is None and found[2] is None
    return int(text) == value if whole else float(text) == value

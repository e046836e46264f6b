"""Turns one JSON object of a request into typed values, naming whatever has the wrong type by its path.

Hand-written and not a pydantic model because rules refuse in the order of the contract's tables, across fields,
with sentences that name what was given.
"""

import math
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json

from kinoscribe.contract.errors import BodyInvalid, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.limits import MOST_JSON_PARTS
from kinoscribe.contract.shown import show

_STRIDE = 61
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Fields:
    """The keys of one object. A key whose value is null counts as absent; a getter returns None for it."""

    def __init__(self, given: Mapping[str, Any], path: str = "") -> None:
        self._given = given
        self.path = path

    def as_sent(self) -> Mapping[str, Any]:
        """The object as it was parsed."""
        return self._given

    def at(self, name: str) -> str:
        """The path of a field as errors name it."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        return self._given.get(name) is not None

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raises `ParameterUnknown` for the first key with a value that is not among the known ones."""
        unknown = next((name for name in self._given if name not in known and self.has(name)), None)
        if unknown is not None:
            raise ParameterUnknown(p=self.at(unknown if _PLAIN_NAME.fullmatch(unknown) else show(unknown)))

    def required(self, name: str) -> None:
        """Raises `ParameterNotProvided` when the field is absent."""
        if not self.has(name):
            raise ParameterNotProvided(p=self.at(name))

    def text(self, name: str) -> str | None:
        value = self._given.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(name, value, "a string")

    def needed_text(self, name: str) -> str:
        """A string that must be there and hold more than white space."""
        self.required(name)
        text = self.text(name)
        assert text is not None
        if not text or text.isspace():
            raise ParameterInvalid(p=self.at(name), reason="It must not be empty.")
        return text

    def choice(self, name: str, accepted: Iterable[str]) -> str | None:
        """A string out of a list."""
        value = self._given.get(name)
        if value is None or (isinstance(value, str) and value in accepted):
            return value
        listed = ", ".join(accepted)
        raise ParameterInvalid(
            p=self.at(name),
            reason=f"{show(value)} was given. You should use one of the following values: {listed}.",
        )

    def boolean(self, name: str) -> bool | None:
        value = self._given.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(name, value, "true or false")

    def number(self, name: str) -> float | None:
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, value, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ParameterInvalid(p=self.at(name), reason="The number is too large.")
        return number

    def integer(self, name: str) -> int | None:
        """A whole number; `5.0` is one."""
        value = self._given.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise self._wrong(name, value, "a whole number")

    def texts(self, name: str) -> list[str] | None:
        """An array of strings."""
        value = self._given.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong(name, value, "an array")
        for place, part in enumerate(value):
            if not isinstance(part, str):
                raise self._wrong(f"{name}[{place}]", part, "a string")
        return value

    def inner(self, name: str) -> "Fields | None":
        value = self._given.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, value, "an object")
        return Fields(value, self.at(name))

    def inners(self, name: str) -> "list[Fields] | None":
        """An array of objects."""
        value = self._given.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong(name, value, "an array")
        for place, part in enumerate(value):
            if not isinstance(part, dict):
                raise self._wrong(f"{name}[{place}]", part, "an object")
        return [Fields(part, f"{self.at(name)}[{place}]") for place, part in enumerate(value)]

    def raw(self, name: str) -> Any:
        """The value as it was parsed, for what has a reader of its own."""
        return self._given.get(name)

    def _wrong(self, name: str, value: object, accepted: str) -> ParameterInvalid:
        return ParameterInvalid(p=self.at(name), reason=f"{show(value)} was given; {accepted} is accepted.")


def read_object(body: bytes) -> Fields:
    """The body as an object. Raises `BodyInvalid` for anything else.

    Of a key that is given twice the last value counts, as in nearly every other reader of JSON.
    """
    if _is_mostly_structure(body):
        raise BodyInvalid(reason=f"it holds more than {MOST_JSON_PARTS} values")
    try:
        value = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise BodyInvalid(reason=str(error)) from error
    if not isinstance(value, dict):
        raise BodyInvalid(reason=f"{show(value)} was given")
    return Fields(value)


def _is_mostly_structure(body: bytes) -> bool:
    """Whether a body would become many times larger once parsed: `[[],[],[]...` does, base64 text does not.

    Judged by a sample, because counting takes longer than parsing; where it begins cannot be foreseen.
    """
    if len(body) <= MOST_JSON_PARTS:
        return False
    sample = body[secrets.randbelow(_STRIDE) :: _STRIDE]
    return sum(map(sample.count, (b",", b"[", b"{"))) * _STRIDE > MOST_JSON_PARTS

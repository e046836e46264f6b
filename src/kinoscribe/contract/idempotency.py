"""Turns the `Idempotency-Key` of a request and its body into what two equal requests share (contract 1.7)."""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.fields import read_object
from kinoscribe.contract.limits import IDEMPOTENCY_KEY
from kinoscribe.contract.shown import show

_PRINTABLE = re.compile(r"[\x20-\x7e]+")


def read_idempotency_key(text: str | None) -> str | None:
    """The key: 1 to 255 printable ASCII characters, else `ParameterInvalid`; None when there is no header."""
    if text is None:
        return None
    if len(text) > IDEMPOTENCY_KEY or not _PRINTABLE.fullmatch(text):
        given = f"{len(text)} characters were" if len(text) > IDEMPOTENCY_KEY else f"{show(text)} was"
        reason = f"{given} given; 1 to {IDEMPOTENCY_KEY} printable ASCII characters are accepted."
        raise ParameterInvalid(p="Idempotency-Key", reason=reason)
    return text


def digest_json(body: bytes) -> str:
    """SHA-256 over the meaning of a JSON object: white space, order of keys and absent values make no difference.

    Raises `BodyInvalid` for bytes that are no JSON object.
    """
    given = read_object(body).as_sent()
    plain = {name: _plain(value) for name, value in given.items() if value is not None}
    return _digest(plain)


def digest_form(texts: Iterable[tuple[str, str]], file: str | None) -> str:
    """SHA-256 over the fields of a form in any order, and over the SHA-256 of its file."""
    return _digest([sorted(texts), file])


def _plain(value: Any) -> Any:
    """A value in which equal numbers are written alike: `5.0` is `5`."""
    match value:
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list():
            return [_plain(part) for part in value]
        case float() if value.is_integer():
            return int(value)
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

"""Turns an Ask into bytes for another process, and back; whoever listens to how it is answered stays behind."""

from collections.abc import Callable
from typing import Any

import msgspec

from kinoscribe.engines.engine import Ask, untold


def encoded(ask: Ask) -> bytes:
    return msgspec.msgpack.encode(ask, enc_hook=_left_behind)


def decoder() -> Callable[[bytes], Ask]:
    """Reads what `encoded` wrote. What it returns raises `msgspec.DecodeError`."""
    return msgspec.msgpack.Decoder(Ask, dec_hook=_nobody).decode


def _left_behind(what: Any) -> None:
    if not callable(what):
        raise TypeError(f"{type(what).__name__} is no part of a question")


def _nobody(_type: type, _nothing: Any) -> Any:
    return untold

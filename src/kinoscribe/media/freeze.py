"""Turns what a reader or a collector remembers into bytes and back, exactly, arrays of numbers included."""

from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

_Remembered = TypeVar("_Remembered")


def freeze(remembered: object) -> bytes:
    """Dataclasses and msgspec structs of plain values, of each other and of numpy arrays."""
    return _encoder.encode(remembered)


def thaw(body: bytes, kind: type[_Remembered]) -> _Remembered:
    """What was frozen, of the type it had. Raises `msgspec.MsgspecError` when it is something else."""
    return msgspec.msgpack.decode(body, type=kind, dec_hook=_array)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(type(value).__name__)


def _array(_kind: type, told: Any) -> NDArray[Any]:
    kind, shape, body = told
    return np.frombuffer(body, kind).reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)

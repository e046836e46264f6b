"""Brings the pieces of a content out of the store into one file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import StoreUnavailable
from kinoscribe.storage.files import Piece, our_errors
from kinoscribe.storage.objects import Objects

_log = structlog.get_logger(__name__)


def fetch(objects: Objects, pieces: Sequence[Piece], path: Path, cancel: Cancel, *, known: str | None) -> str:
    """Writes a new file at `path` and returns its SHA-256, which is `known`, or else that of each piece is checked.

    Raises `StoreUnavailable`, also when the bytes are others than they must be, `FileNotFoundError` when a piece is
    not there, `StorageFull` and `Canceled`. There is no file then.
    """
    whole = hashlib.sha256()
    try:
        with our_errors(), open(path, "xb", buffering=0) as file:
            for piece in pieces:
                own = hashlib.sha256()
                for data in objects.pieces(piece.key, piece.bytes, cancel):
                    whole.update(data)
                    if known is None:
                        own.update(data)
                    left = data
                    while left:
                        left = left[file.write(left) :]
                if known is None and own.hexdigest() != piece.sha256:
                    raise _damaged(piece.key)
            os.fsync(file.fileno())
        if known is not None and whole.hexdigest() != known:
            raise _damaged(pieces[0].key if pieces else known)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return whole.hexdigest()


def _damaged(key: str) -> StoreUnavailable:
    _log.error("object_damaged", key=key)
    return StoreUnavailable()

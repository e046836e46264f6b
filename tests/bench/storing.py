"""Measures what it costs to keep a file: against a bare loop that writes the same bytes, whole and in parts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from kinoscribe.cancel import Cancel
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.parts import PartStored

MIB = 1024 * 1024
_PIECE = MIB
_PART = 16 * MIB
_ROUNDS = 3
_UPLOAD = "0123456789abcdef01234567"


def stored_file(folder: Path, megabytes: int = 1024) -> dict[str, Any]:
    """Seconds of each way, the best of a few rounds, taken in turns. A bare loop writes, hashes nothing and syncs."""
    seconds: dict[str, list[float]] = {"bare": [], "whole": [], "parts": [], "assembly": []}
    for _ in range(_ROUNDS):
        seconds["bare"].append(_bare(folder, megabytes))
        with closing(Blobs(folder)) as blobs:
            seconds["whole"].append(_whole(blobs, megabytes))
            parts, assembly = _parts(blobs, megabytes)
        seconds["parts"].append(parts)
        seconds["assembly"].append(assembly)
    best = {name: min(taken) for name, taken in seconds.items()}
    return {
        "megabytes": megabytes,
        "seconds": best,
        "whole_to_bare": best["bare"] / best["whole"],
        "parts_to_bare": best["bare"] / best["parts"],
    }


def _pieces(megabytes: int) -> Iterator[bytes]:
    piece = os.urandom(_PIECE)
    for _ in range(megabytes):
        yield piece


def _bare(folder: Path, megabytes: int) -> float:
    path = folder / "bare"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for piece in _pieces(megabytes):
            file.write(piece)
        os.fsync(file.fileno())
    taken = time.perf_counter() - began
    path.unlink()
    return taken


def _whole(blobs: Blobs, megabytes: int) -> float:
    began = time.perf_counter()
    with blobs.begin() as incoming:
        for piece in _pieces(megabytes):
            incoming.write(piece)
        stored = incoming.finish()
        blobs.keep(stored)
    taken = time.perf_counter() - began
    blobs.drop(stored.sha256)
    return taken


def _parts(blobs: Blobs, megabytes: int) -> tuple[float, float]:
    """Seconds to take all parts in, and to put them together."""
    pieces, stored = _pieces(megabytes), []
    began = time.perf_counter()
    blobs.parts.begin(_UPLOAD, megabytes * MIB, _PART)
    for number in range(1, -(-megabytes * MIB // _PART) + 1):
        size = min(_PART, megabytes * MIB - (number - 1) * _PART)
        stored.append(_part(blobs, number, size, pieces))
    taken = time.perf_counter() - began
    began = time.perf_counter()
    with blobs.parts.assemble(_UPLOAD, stored, Cancel()) as made:
        blobs.keep(made)
    assembly = time.perf_counter() - began
    blobs.parts.drop(_UPLOAD)
    blobs.drop(made.sha256)
    return taken, assembly


def _part(blobs: Blobs, number: int, size: int, pieces: Iterator[bytes]) -> PartStored:
    with blobs.parts.put(_UPLOAD, number, size) as part:
        for _ in range(size // _PIECE):
            part.write(next(pieces))
        return part.finish()

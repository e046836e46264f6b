"""Looks at the folder of weights and says which sets are there, where they are, and whether they are genuine."""

import hashlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kinoscribe.weights.registry import SETS, WeightFile, WeightSet

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one file, in words that follow its name."""

    set_name: str
    file: str
    fault: str


class WeightsUnfit(Exception):
    """A set that is missing or not genuine was asked for. The text is a sentence for people."""


class Weights:
    """The weights kept under one folder. Nothing is written here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """The folder of the set's files, whether or not they are there."""
        weights = _set(name)
        if weights.inside is None:
            return self.folder / name
        return _inside(weights.inside) or self.folder / name

    def have(self, name: str) -> bool:
        """Whether every file of the set is there in its full size; quick, so no hash is computed."""
        folder = self.path(name)
        return all(_size(folder / file.name) == file.bytes for file in _set(name).files)

    def missing(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are not there."""
        return tuple(name for name in names if not self.have(name))

    def verify(self, name: str) -> tuple[Finding, ...]:
        """Reads every file of the set; nothing found means that each has the pinned SHA-256."""
        folder = self.path(name)
        faults = ((file, fault(folder / file.name, file)) for file in _set(name).files)
        return tuple(Finding(name, file.name, found) for file, found in faults if found)

    def genuine(self, name: str) -> Path:
        """The folder of the set, after every file was read and found genuine. Raises `WeightsUnfit`."""
        for finding in self.verify(name):
            raise WeightsUnfit(
                f"The weights {name} cannot be used: {finding.file} {finding.fault}. "
                "Run `kinoscribe models get`."
            )
        return self.path(name)


@cache
def _inside(package: str) -> Path | None:
    """The folder of an installed package. Every question asks whether all weights are there."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def fault(path: Path, file: WeightFile) -> str | None:
    """What is wrong with a file at `path` that should be `file`; `None` when it is genuine."""
    size = _size(path)
    if size is None:
        return "is missing"
    if size != file.bytes:
        return f"has {size} bytes in place of {file.bytes}"
    if sha256(path) != file.sha256:
        return "has another SHA-256 than the original"
    return None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _set(name: str) -> WeightSet:
    return SETS[name]

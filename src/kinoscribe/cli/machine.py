"""Measures the machine: processor, memory, disk, codecs; each finding says what works and what would be faster."""

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from kinoscribe import clock
from kinoscribe.media import libraries

GIB = 1024**3
_LEAST_MEMORY = 2 * GIB
_LEAST_DISK = 2 * GIB
_SIDE = 768
_MEASURE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` works, `slow` works and could be faster, `lacks` needs a step of the user, `wrong` does not work."""

    state: Literal["ok", "slow", "lacks", "wrong"]
    what: str
    sentence: str
    advice: str = ""


def python() -> Finding:
    system = f"{platform.system()} {platform.machine()}"
    return Finding("ok", "Python", f"{platform.python_version()} on {system}, {sys.executable}.")


def processor() -> Finding:
    cores = usable_cores()
    flags = processor_flags()
    fast = [
        name
        for name in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp")
        if name in flags
    ]
    speed = round(matrix_speed())
    known = f", {', '.join(fast)}" if fast else ""
    sentence = f"{cores} core{'s' if cores > 1 else ''}{known}; {speed} billion operations a second."
    if cores < 2:
        return Finding("slow", "Processor", sentence, "A second core nearly halves the time of an analysis.")
    if flags and "x86" in platform.machine() and "avx2" not in flags:
        return Finding(
            "slow", "Processor", sentence, "A processor with AVX2 hears and reads several times faster."
        )
    return Finding("ok", "Processor", sentence)


def memory() -> Finding:
    have = psutil.virtual_memory()
    sentence = f"{have.total / GIB:.1f} GiB, {have.available / GIB:.1f} GiB of it free."
    if have.available < _LEAST_MEMORY:
        return Finding(
            "slow", "Memory", sentence, "An analysis uses up to 2 GiB; with less free the machine swaps."
        )
    return Finding("ok", "Memory", sentence)


def disk(folder: Path) -> Finding:
    """Room and the right to write where the data folder is or would be made."""
    there = folder.expanduser().absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return Finding(
            "wrong", "Data folder", f"{there} is not a folder.", "Name another one with KINOSCRIBE_DATA_DIR."
        )
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            "wrong",
            "Data folder",
            f"Nothing can be written to {there}.",
            "Name another one with KINOSCRIBE_DATA_DIR.",
        )
    free = shutil.disk_usage(there).free
    made = "" if there == folder.expanduser().absolute() else ", will be made at the first use"
    sentence = f"{folder}{made}; {free / GIB:.1f} GiB free."
    if free < _LEAST_DISK:
        return Finding(
            "slow", "Data folder", sentence, "Weights need 0.5 GiB, each video its own size while it is read."
        )
    return Finding("ok", "Data folder", sentence)


def codecs() -> Finding:
    missing = libraries.missing_decoders()
    if missing:
        lost = ", ".join(missing)
        return Finding(
            "slow", "Codecs", f"{libraries.version()} cannot decode {lost}.", "Install PyAV's own wheel."
        )
    return Finding(
        "ok", "Codecs", f"{libraries.version()} decodes all of {len(libraries.EXPECTED)} expected codecs."
    )


def usable_cores() -> int:
    """Cores this process may use, which a container may have made fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_flags() -> frozenset[str]:
    """What the processor says it can do; empty where the system does not tell."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", told, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


@cache
def matrix_speed() -> float:
    """Billions of floating point operations a second, by multiplying matrices for a quarter of a second."""
    side = np.ones((_SIDE, _SIDE), np.float32)
    side @ side
    began, rounds = clock.steady(), 0
    while clock.steady() - began < _MEASURE_SECONDS:
        side @ side
        rounds += 1
    return 2 * _SIDE**3 * rounds / (clock.steady() - began) / 1e9

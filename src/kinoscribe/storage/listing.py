"""Turns a folder into the paths in it, while other threads and processes make and remove what is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path


def below(folder: Path, *names: str) -> Iterator[Path]:
    """Paths by their names one below the other; a `*` or `?` stands for other characters, as in a shell.

    A folder that was removed meanwhile is an empty one; `Path.glob` would raise for it. What is yielded may be gone.
    """
    if not names:
        yield folder
        return
    found = [names[0]]
    if "*" in names[0] or "?" in names[0]:
        found = [name for name in _in(folder) if fnmatchcase(name, names[0])]
    for name in found:
        yield from below(folder / name, *names[1:])


def _in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # removed, or not a folder, or not ours to read
        return []

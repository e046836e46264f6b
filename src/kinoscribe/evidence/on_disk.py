"""Tells what the evidence on this machine takes of the disk, and removes it; whoever needs it collects it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kinoscribe.storage.listing import below

_KEPT = ("*.json", "*.flawed")


@dataclass(frozen=True, slots=True)
class OnDisk:
    """How many files, their bytes, and when the last of them was written."""

    files: int = 0
    bytes: int = 0
    newest: datetime | None = None


def evidence_on_disk(folder: Path) -> OnDisk:
    """Notes; not what is being collected right now."""
    sizes, newest = [], 0.0
    for file in _files(folder):
        with suppress(OSError):
            facts = file.stat()
            sizes.append(facts.st_size)
            newest = max(newest, facts.st_mtime)
    return OnDisk(len(sizes), sum(sizes), datetime.fromtimestamp(newest, UTC) if sizes else None)


def clear_evidence(folder: Path) -> OnDisk:
    """Removes all of it and says how much that was."""
    was = evidence_on_disk(folder)
    for file in _files(folder):
        with suppress(OSError):
            file.unlink()
            file.with_suffix(".making").unlink(missing_ok=True)
    return was


def _files(folder: Path) -> Iterator[Path]:
    for pattern in _KEPT:
        yield from (file for file in below(folder, "*", pattern) if file.is_file())

"""Removes evidence that nobody has looked at for long, or that takes more of the disk than it may."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kinoscribe import clock
from kinoscribe.evidence.keep import AWAY, Away, NotesFolder
from kinoscribe.storage.listing import below

_CONTENT = re.compile(r"[0-9a-f]{64}")
# Who looks for notes that were brought so recently still wants them, whatever a bucket says.
_FRESH = 3600.0


@dataclass(frozen=True, slots=True)
class Aged:
    """What went, or would go: how many videos' evidence, and the bytes it took on this machine."""

    videos: int
    bytes: int


@dataclass(slots=True)
class _Known:
    used: float = 0.0
    bytes: int = 0


class Ageing:
    """The evidence of one folder, by the content it was made of.

    Evidence of a content that is `needed` goes only for want of room, that of others after `unused` seconds. Above
    `most` bytes, what was not used for longest goes first. Where machines share a bucket, their folders hold copies:
    what lies in the bucket goes by the time it was put there.
    """

    def __init__(
        self, folder: Path, away: Away | None = None, when_gone: Callable[[str], None] = lambda _content: None
    ) -> None:
        """`when_gone` hears of every content of which there is no evidence any more, on any machine."""
        self._when_gone = when_gone
        self._folder = folder
        self._files = NotesFolder(folder, away)
        self._away = away

    def tidy(self, *, dry: bool) -> int:
        """Removes files that killed processes left, and what was to be found for a while only; says how many."""
        return self._files.sweep(dry=dry)

    def sweep(self, needed: Collection[str], *, unused: float, most: int, dry: bool) -> Aged:
        """Raises `StoreUnavailable`."""
        before = clock.now().timestamp() - unused
        known = self._known()
        gone = self._going(known, needed, before, most)
        if not dry:
            for content in gone:
                self._files.forget_here(content)
                if self._away is None:
                    self._when_gone(content)
        if self._away is not None:
            gone |= self._sweep_away(self._away, known.keys() - gone, needed, before, dry=dry)
        return Aged(len(gone), sum(known[content].bytes for content in gone if content in known))

    def _known(self) -> dict[str, _Known]:
        """By content: when any of it was used last, and what it takes."""
        found: dict[str, _Known] = {}
        for file in below(self._folder, "??", "*"):
            whose = _CONTENT.match(file.name)
            if whose is not None:
                with suppress(OSError):
                    told = file.stat()
                    one = found.setdefault(whose[0], _Known())
                    one.used, one.bytes = max(one.used, told.st_mtime), one.bytes + told.st_size
        return found

    def _going(self, known: dict[str, _Known], needed: Collection[str], before: float, most: int) -> set[str]:
        gone = {content for content, one in known.items() if one.used < before and content not in needed}
        left = sorted(known.keys() - gone, key=lambda content: known[content].used)
        used = sum(known[content].bytes for content in left)
        for content in left:
            if used <= most:
                break
            gone.add(content)
            used -= known[content].bytes
        return gone

    def _sweep_away(
        self, away: Away, here: Collection[str], needed: Collection[str], before: float, *, dry: bool
    ) -> set[str]:
        """Removes what has become too old in the bucket, and copies of what another machine has removed there.

        Says of which contents.
        """
        gone = set[str]()
        newest: dict[str, float] = {}
        for key, moment in away.times_below(AWAY):
            content = key.split("/")[1]
            newest[content] = max(moment.timestamp(), newest.get(content, 0.0))
        for content, put in newest.items():
            if put < before and content not in needed and content not in here:
                gone.add(content)
                if not dry:
                    away.remove_below(f"{AWAY}/{content}")
                    self._when_gone(content)
        fresh = clock.now().timestamp() - _FRESH
        for content in here:
            files = below(self._folder, content[:2], f"{content}*")
            if content not in newest and all(_used(file) < fresh for file in files):
                gone.add(content)
                if not dry:
                    self._files.forget_here(content)
        return gone


def _used(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0

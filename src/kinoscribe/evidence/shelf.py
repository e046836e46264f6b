"""Brings back the notes of a content that was perceived before, from memory or from disk."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import structlog

from kinoscribe import clock
from kinoscribe.contract.errors import StorageFull
from kinoscribe.evidence.keep import Away, NotesFolder, key_of
from kinoscribe.evidence.making import Making
from kinoscribe.notes import Notes

_AT_HAND = 8
# Notes of which a collector failed are not kept for good, but a question asked soon after uses them again. Other
# processes may do so a little longer, so that they never look for what has just been laid there for them.
_PATIENCE_WITH_FAILURES = 300.0
_PATIENCE_OF_OTHERS = 330.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """Notes, and how they were made: None where that was not taken down."""

    notes: Notes
    making: Making | None


@dataclass(frozen=True, slots=True)
class _AtHand:
    """Notes in memory, good until a moment of the steady clock or for ever. `kept`: they lie in a file as well."""

    found: Found
    until: float | None
    kept: bool


class Shelf:
    """Notes of one set of collectors; safe to share between threads. `versions` name collectors and weights."""

    def __init__(self, folder: Path, versions: tuple[str, ...], away: Away | None = None) -> None:
        self.files = NotesFolder(folder, away)
        self._versions = versions
        self._lock = threading.Lock()
        self._at_hand: OrderedDict[str, _AtHand] = OrderedDict()

    def key(self, content: str) -> str:
        return key_of(content, self._versions)

    def find(self, content: str) -> Found | None:
        """The notes, if this process has them at hand or they were kept."""
        key = self.key(content)
        with self._lock:
            held = self._at_hand.get(key)
            if held is not None and self._holds(key, held):
                self._at_hand.move_to_end(key)
                return held.found
        notes = self.files.load(key)
        if notes is None:
            return None
        found = Found(notes, self.files.load_making(key))
        self._hold(key, _AtHand(found, None, kept=True))
        return found

    def find_from_others(self, content: str) -> Found | None:
        """The notes, also those of which a part failed in another process a short while ago."""
        found = self.find(content)
        if found is None:
            key = self.key(content)
            flawed = self.files.load_flawed(key, _PATIENCE_OF_OTHERS)
            found = None if flawed is None else Found(flawed, self.files.load_making(key))
        return found

    def keep(self, key: str, notes: Notes, making: Making | None = None) -> Notes:
        """Keeps new notes as long as they are worth it. A full disk costs the keeping only."""
        flawed = any(report.state == "failed" for report in notes.reports)
        kept = False
        try:
            if making is not None:
                self.files.save_making(key, making, ended=True)
            (self.files.save_flawed if flawed else self.files.save)(key, notes)
            kept = not flawed
        except StorageFull as error:
            _log.warning("notes_not_kept", content=notes.content[:12], reason=str(error.__cause__))
        until = clock.steady() + _PATIENCE_WITH_FAILURES if flawed else None
        self._hold(key, _AtHand(Found(notes, making), until, kept=kept))
        return notes

    def share(self, content: str) -> bool:
        """Whether all other processes find the notes; what only this one has is kept anew for them."""
        key = self.key(content)
        if not self.files.has(key):
            found = self.find(content)
            if found is None:
                return False
            self.keep(key, found.notes, found.making)
        return self.files.has(key)

    def forget(self, content: str) -> None:
        """Removes all that is known of a content, of every version. Raises `StoreUnavailable`."""
        with self._lock:
            for key in [key for key, held in self._at_hand.items() if held.found.notes.content == content]:
                del self._at_hand[key]
        self.files.forget(content)

    def _holds(self, key: str, held: _AtHand) -> bool:
        """Notes that another process has forgotten with their content are forgotten here too."""
        if held.kept and not self.files.place(key).exists():
            return False
        return held.until is None or clock.steady() < held.until

    def _hold(self, key: str, held: _AtHand) -> None:
        with self._lock:
            self._at_hand[key] = held
            self._at_hand.move_to_end(key)
            while len(self._at_hand) > _AT_HAND:
                self._at_hand.popitem(last=False)

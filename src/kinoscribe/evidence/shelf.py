"""Brings back the notes of a content that was perceived before, from memory or from disk."""

import threading
from collections import OrderedDict
from pathlib import Path

import structlog

from kinoscribe import clock
from kinoscribe.contract.errors import StorageFull
from kinoscribe.evidence.keep import Away, NotesFolder, key_of
from kinoscribe.notes import Notes

_AT_HAND = 8
# Notes of which a collector failed are not kept for good, but a question asked soon after uses them again. Other
# processes may do so a little longer, so that they never look for what has just been laid there for them.
_PATIENCE_WITH_FAILURES = 300.0
_PATIENCE_OF_OTHERS = 330.0
_log = structlog.get_logger(__name__)


class Shelf:
    """Notes of one set of collectors; safe to share between threads. `versions` name collectors and weights."""

    def __init__(self, folder: Path, versions: tuple[str, ...], away: Away | None = None) -> None:
        self.files = NotesFolder(folder, away)
        self.files.sweep()
        self._versions = versions
        self._lock = threading.Lock()
        self._at_hand: OrderedDict[str, tuple[Notes, float | None]] = OrderedDict()

    def key(self, content: str) -> str:
        return key_of(content, self._versions)

    def find(self, content: str) -> Notes | None:
        """The notes, if this process has them at hand or they were kept."""
        key = self.key(content)
        with self._lock:
            found = self._at_hand.get(key)
            if found is not None and (found[1] is None or clock.steady() < found[1]):
                self._at_hand.move_to_end(key)
                return found[0]
        notes = self.files.load(key)
        if notes is not None:
            self._hold(key, notes, None)
        return notes

    def find_from_others(self, content: str) -> Notes | None:
        """The notes, also those of which a part failed in another process a short while ago."""
        return self.find(content) or self.files.load_flawed(self.key(content), _PATIENCE_OF_OTHERS)

    def keep(self, key: str, notes: Notes) -> Notes:
        """Keeps new notes as long as they are worth it. A full disk costs the keeping only."""
        flawed = any(report.state == "failed" for report in notes.reports)
        try:
            (self.files.save_flawed if flawed else self.files.save)(key, notes)
        except StorageFull as error:
            _log.warning("notes_not_kept", content=notes.content[:12], reason=str(error.__cause__))
        self._hold(key, notes, clock.steady() + _PATIENCE_WITH_FAILURES if flawed else None)
        return notes

    def forget(self, content: str) -> None:
        """Removes all that is known of a content, of every version. Raises `StoreUnavailable`."""
        with self._lock:
            for key in [key for key, (notes, _) in self._at_hand.items() if notes.content == content]:
                del self._at_hand[key]
        self.files.forget(content)

    def _hold(self, key: str, notes: Notes, until: float | None) -> None:
        with self._lock:
            self._at_hand[key] = (notes, until)
            self._at_hand.move_to_end(key)
            while len(self._at_hand) > _AT_HAND:
                self._at_hand.popitem(last=False)

"""Turns a video into its notes: kept ones at once, else collected by a worker while the one who asks waits."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import (
    ApiError,
    DatabaseUnavailable,
    EngineFailed,
    ServerEnding,
    ServiceUnavailable,
    StorageFull,
    VideoFileBroken,
)
from kinoscribe.contract.events import Progress
from kinoscribe.contract.video import VideoFacts
from kinoscribe.evidence.keep import Away
from kinoscribe.evidence.shelf import Shelf
from kinoscribe.notes import Notes
from kinoscribe.storage.evidence_rows import EvidenceRows, EvidenceView

_POLL = 0.1
# A waiter that is killed says no more; what it wanted is collected this much longer.
_WANTED = 10.0
_RENEW_BELOW = 6.0
# After one has left, the others have so long to say that they are still there: several looks each.
_GRACE = 2.0
_DATABASE_AWAY = 60.0
# A job that was another's ends with the other's file, and is asked for again. It does not do so again and again
# unless the workers cannot see the file at all.
_MOST_ASKED = 12
_UNSEEN = "Its workers do not see the files it has: all machines need the data folder at the same path."
_KINDS = {kind.code: kind for kind in (VideoFileBroken, ServiceUnavailable, StorageFull, EngineFailed)}
Lend = Callable[[Path, str], AbstractContextManager[str]]

_log = structlog.get_logger(__name__)


def as_it_is(path: Path, _content: str) -> AbstractContextManager[str]:
    """Workers see the file where it is."""
    return nullcontext(str(path))


class QueuedGatherer:
    """Evidence by content hash, collected by the workers on this data folder. This process loads no model.

    `missing` says in sentences what the collectors lack on this machine.
    """

    def __init__(
        self,
        folder: Path,
        rows: EvidenceRows,
        versions: tuple[str, ...],
        missing: Callable[[], list[str]] = list,
        *,
        away: Away | None = None,
        lend: Lend = as_it_is,
    ) -> None:
        """`lend` gives a word by which a worker finds a file, for as long as its block lasts."""
        self._shelf = Shelf(folder, versions, away)
        self._lend = lend
        self._rows = rows
        self._missing = missing
        self._closing = Cancel()

    def missing(self) -> list[str]:
        """What has to be fetched before anything can be collected, in sentences."""
        return self._missing()

    def kept(self, content: str) -> Notes | None:
        """The notes of a content that was perceived before; nothing is decoded."""
        return self._shelf.find_from_others(content)

    def gather(
        self, path: Path, content: str, facts: VideoFacts, cancel: Cancel
    ) -> Generator[Progress, None, Notes]:
        """Yields how far the collectors are and returns the notes.

        While no worker is there, the wait goes on. Raises what `Gatherer.gather` does, with the same sentences,
        and `DatabaseUnavailable` when the database has been away for a minute.
        """
        notes = self.kept(content)
        if notes is not None:
            return notes
        with self._lend(path, content) as word:
            asking = _Asking(self._rows, self._shelf.key(content), path, word, content, facts)
            return (yield from self._wait(asking, content, cancel))

    def _wait(self, asking: _Asking, content: str, cancel: Cancel) -> Generator[Progress, None, Notes]:
        seen: dict[str, float] = {}
        try:
            while True:
                view = asking.look()
                if view is None or view.error is not None:
                    notes = self.kept(content)
                    if notes is not None:
                        asking.over = True
                        return notes
                if view is not None and view.error is not None:
                    asking.over = True
                    raise _error(*view.error)
                for stage, done in (view.stages if view else {}).items():
                    if done > seen.get(stage, -1.0):
                        seen[stage] = done
                        yield Progress(stage, done)
                if view is None:
                    asking.begin()
                cancel.wait(_POLL)
                cancel.check()
                if self._closing.thrown:
                    raise ServerEnding
        finally:
            asking.leave()

    def forget(self, content: str) -> None:
        """Removes all that is known of a content. Raises `StoreUnavailable`."""
        self._shelf.forget(content)

    def start(self, path: Path, content: str, facts: VideoFacts) -> None:
        """Has the notes collected when the workers have nothing else to do. Once asked for, that survives restarts."""
        if self._closing.thrown or self.kept(content) is not None or self.missing():
            return
        key = self._shelf.key(content)
        try:
            self._rows.want(key, content=content, path=str(path), facts=facts, pinned=True)
        except ApiError as error:
            _log.warning("evidence_not_asked_for", content=content[:12], reason=error.message)

    def close(self) -> None:
        """Ends all waiting."""
        self._closing.throw()


class _Asking:
    """One who asks for a job and keeps it wanted. A database that goes away for a while is waited for."""

    def __init__(
        self, rows: EvidenceRows, key: str, path: Path, word: str, content: str, facts: VideoFacts
    ) -> None:
        """`word` tells workers where the file is that lies at `path` here."""
        self._rows = rows
        self._key = key
        self._path = path
        self._word = word
        self._content = content
        self._facts = facts
        self._away_since: float | None = None
        self._last: EvidenceView | None = EvidenceView({}, None, _WANTED)
        self._asked = 0
        self.over = False
        self.begin()

    def begin(self) -> None:
        """Asks for the job, at first and whenever it was given up with another's file."""
        if not self._path.exists():
            raise VideoFileBroken(reason="The file was removed before it was looked at.")
        self._asked += 1
        if self._asked > _MOST_ASKED:
            _log.error("evidence_given_up", content=self._content[:12], reason=_UNSEEN)
            raise ServiceUnavailable(reason=_UNSEEN)
        self._rows.want(self._key, content=self._content, path=self._word, facts=self._facts, seconds=_WANTED)

    def look(self) -> EvidenceView | None:
        """How the job stands, or stood when the database was last heard of."""
        try:
            view = self._rows.look(self._key)
            if view is not None and view.error is None and view.wanted < _RENEW_BELOW:
                self._rows.renew(self._key, _WANTED)
        except DatabaseUnavailable:
            if self._away_since is None:
                self._away_since = clock.steady()
            if clock.steady() - self._away_since > _DATABASE_AWAY:
                raise
            return self._last
        self._away_since, self._last = None, view
        return view

    def leave(self) -> None:
        """Lets the job stop soon unless others want it."""
        if self.over:
            return
        try:
            self._rows.leave(self._key, _GRACE)
        except ApiError as error:
            _log.warning("evidence_not_left", content=self._content[:12], reason=error.message)


def _error(code: str, message: str) -> ApiError:
    return _KINDS.get(code, ApiError).told(message)

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
from kinoscribe.evidence.pace import Pace, Waiter
from kinoscribe.evidence.shelf import Found, Shelf
from kinoscribe.notes import Notes
from kinoscribe.storage.evidence_rows import EvidenceRows, EvidenceView

TELL_EVERY = 1.0
"""Workers say how far they are no more often than this."""
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

    `pace` keeps accounts apart. `missing` says in sentences what the collectors lack on this machine.
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
        pace: Pace | None = None,
    ) -> None:
        """`lend` gives a word by which a worker finds a file, for as long as its block lasts."""
        self._shelf = Shelf(folder, versions, away)
        self._lend = lend
        self._pace = pace or Pace()
        self._rows = rows
        self._missing = missing
        self._closing = Cancel()

    def missing(self) -> list[str]:
        """What has to be fetched before anything can be collected, in sentences."""
        return self._missing()

    def kept(self, content: str) -> Notes | None:
        """The notes of a content that was perceived before; nothing is decoded."""
        found = self._shelf.find_from_others(content)
        return None if found is None else found.notes

    def kept_for(self, account: str, content: str) -> Notes | None:
        """The same, as far as this account may know of them. Raises `DatabaseUnavailable`."""
        found = self._shelf.find_from_others(content)
        if found is None:
            return None
        waiter = self._pace.waiter(account, self._shelf.key(content), content, self._closing)
        return found.notes if waiter.may_have(found.making) else None

    def failure(self, account: str, content: str) -> ApiError | None:
        """Why there are no notes, when the last making of them failed a short while ago. Raises `DatabaseUnavailable`.

        An account that did not have them made hears of it no sooner than it would have of its own.
        """
        key = self._shelf.key(content)
        view = self._rows.look(key)
        if view is None or view.error is None or view.wanted <= 0:
            return None
        waiter = self._pace.waiter(account, key, content, self._closing)
        return _error(*view.error) if waiter.may_hear(view.steps) else None

    def gather(
        self, path: Path, content: str, facts: VideoFacts, cancel: Cancel, *, account: str | None = None
    ) -> Generator[Progress, None, Notes]:
        """Yields how far the collectors are and returns the notes, to an `account` at its pace.

        While no worker is there, the wait goes on. Raises what `Gatherer.gather` does, with the same sentences,
        and `DatabaseUnavailable` when the database has been away for a minute.
        """
        waiter = self._pace.waiter(account, self._shelf.key(content), content, self._closing)
        try:
            found = self._shelf.find_from_others(content)
            if found is None:
                waiter.ask()
                with self._lend(path, content) as word:
                    asking = _Asking(self._rows, self._shelf.key(content), path, word, content, facts)
                    found = yield from self._wait(asking, content, cancel, waiter)
            yield from waiter.wait_out(found.making, cancel)
            return found.notes
        finally:
            waiter.leave()

    def _wait(
        self, asking: _Asking, content: str, cancel: Cancel, waiter: Waiter
    ) -> Generator[Progress, None, Found]:
        try:
            while True:
                view = asking.look()
                if view is None or view.error is not None:
                    found = self._shelf.find_from_others(content)
                    if found is not None:
                        asking.over = True
                        return found
                if view is not None and view.error is not None:
                    asking.over = True
                    yield from waiter.wait_out(None, cancel)
                    raise _error(*view.error)
                if view is not None:
                    yield from waiter.news(view.stages, view.steps)
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

    def start(self, path: Path, content: str, facts: VideoFacts, account: str | None = None) -> None:
        """Has the notes collected when the workers have nothing else to do. Once asked for, that survives restarts.

        What failed a short while ago is not begun anew.
        """
        if self._closing.thrown or self.missing():
            return
        key = self._shelf.key(content)
        self._pace.ask_early(account, key, content)
        if self.kept(content) is not None:
            return
        try:
            view = self._rows.look(key)
            if view is None or view.error is None or view.wanted <= 0:
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
        self._last: EvidenceView | None = EvidenceView({}, None, _WANTED, ())
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

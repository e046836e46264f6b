"""Hands evidence that another account had made to one that asks first, no sooner than the making of it took.

Evidence is made once for a content. That it was there already must not be seen by an account that did not have it
made: it would tell that another has the same video. So every account waits as long, and hears of the same progress,
as if its own had been made; nothing is computed meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Protocol

import structlog

from kinoscribe import clock
from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import ApiError, ServerEnding
from kinoscribe.contract.events import Progress
from kinoscribe.evidence.making import Making
from kinoscribe.storage.evidence_rows import Steps
from kinoscribe.storage.meeting_rows import Meeting

_POLL = 0.2
_SHORTEST = 0.01
# A process that is killed forgets no more than this of how long somebody has waited.
_KEEP_EVERY = 10.0

_log = structlog.get_logger(__name__)


class Meetings(Protocol):
    """Who has waited for what; durable. `MeetingRows` is one."""

    def find(self, account: str, key: str) -> Meeting: ...

    def ask(
        self, account: str, key: str, content: str, *, early: bool = False, anew: bool = False
    ) -> None: ...

    def waited(self, account: str, key: str, seconds: float) -> None: ...

    def meet(self, account: str, key: str, content: str, making: str) -> None: ...


class Pace:
    """Makes the waiters of one process. Without `meetings` accounts trust each other, and nobody ever waits.

    `grain`: progress is told every so many seconds, as those who wait for a worker hear of it.
    """

    def __init__(self, meetings: Meetings | None = None, *, grain: float = 0.0) -> None:
        self._meetings = meetings
        self._grain = grain

    def waiter(self, account: str | None, key: str, content: str, ending: Cancel) -> Waiter:
        """One who asks for the notes of `key`; without an `account` one who has them made for others.

        Raises `DatabaseUnavailable`.
        """
        if self._meetings is None or account is None:
            return Waiter(None, account or "", key, content, ending)
        return Waiter(self._meetings, account, key, content, ending, grain=self._grain)

    def ask_early(self, account: str | None, key: str, content: str) -> None:
        """The account has the notes made, and does not wait for them. A database that is away costs the time only."""
        if self._meetings is not None and account is not None:
            _try(lambda meetings: meetings.ask(account, key, content, early=True), self._meetings)


class Waiter:
    """One account's wait for the notes of one content. Whoever makes it calls `leave`."""

    def __init__(
        self,
        meetings: Meetings | None,
        account: str,
        key: str,
        content: str,
        ending: Cancel,
        *,
        grain: float = 0.0,
    ) -> None:
        self._meetings = meetings
        self._account = account
        self._key = key
        self._content = content
        self._ending = ending
        self._grain = grain
        self._met = Meeting() if meetings is None else meetings.find(account, key)
        self._free = not self._met.others
        self._before = self._met.waited
        self._began = self._kept_at = clock.steady()
        self._told: dict[str, float] = {}
        self._steps: Steps = ()
        self._asked = self._over = False

    def ask(self) -> None:
        """Says that there are no notes yet and that this account waits until they are made."""
        if self._asked or self._meetings is None:
            return
        self._asked = True
        anew = self._met.making is not None
        if anew:
            self._before = 0.0
        if anew or not self._met.known:
            _try(lambda rows: rows.ask(self._account, self._key, self._content, anew=anew), self._meetings)

    def may_have(self, making: Making | None) -> bool:
        """Whether the account may have notes that lie there, without waiting any longer."""
        self._meet(making)
        if self._seconds() < _length(making, self._steps):
            return False
        self._mark(making)
        return True

    def may_hear(self, steps: Steps) -> bool:
        """Whether the account may hear that there are no notes, after a making that went so."""
        self._steps = steps
        return self.may_have(None)

    def news(self, stages: Mapping[str, float], steps: Steps) -> Iterator[Progress]:
        """What of a making under way this account may hear now, and has not heard yet."""
        self._steps = steps
        self._keep_time()
        for stage, done in (dict(stages) if self._free else self._shown(steps)).items():
            if done > self._told.get(stage, -1.0):
                self._told[stage] = done
                yield Progress(stage, done)

    def wait_out(self, making: Making | None, cancel: Cancel) -> Generator[Progress, None, None]:
        """Returns when the account may have the notes of a making, or hear that there are none.

        Without a making, that is when it may have heard the last of what was told of it. Notes that were made before
        makings were taken down are handed out at once. Raises `Canceled` or `ServerEnding`.
        """
        self._meet(making)
        steps = self._steps if making is None else making.steps
        while not self._free:
            left = _length(making, self._steps) - self._seconds()
            if left <= 0:
                break
            yield from self.news({}, steps)
            cancel.wait(min(_POLL, max(left, _SHORTEST)))
            cancel.check()
            if self._ending.thrown:
                raise ServerEnding
        if self._told and not self._free:
            yield from self.news({}, steps)
        self._mark(making)

    def leave(self) -> None:
        """Keeps how long it has waited, if it has not seen the end."""
        if self._asked and not self._over:
            self._keep_time(now=True)

    def _meet(self, making: Making | None) -> None:
        """Looks at what the notes are that lie there."""
        if making is None or self._asked or self._meetings is None:
            return
        if self._met.making == making.id:
            self._free = self._over = True
        elif not self._free:
            self.ask()

    def _mark(self, making: Making | None) -> None:
        if making is None or self._over or self._meetings is None:
            return
        self._over = True
        _try(lambda rows: rows.meet(self._account, self._key, self._content, making.id), self._meetings)

    def _seconds(self) -> float:
        return math.inf if self._free else self._before + clock.steady() - self._began

    def _shown(self, steps: Steps) -> dict[str, float]:
        now = self._seconds()
        if self._grain:
            now -= now % self._grain
        return {stage: done for at, stage, done in steps if at <= now}

    def _keep_time(self, *, now: bool = False) -> None:
        if self._meetings is None or not self._asked:
            return
        moment = clock.steady()
        if now or moment - self._kept_at >= _KEEP_EVERY:
            self._kept_at = moment
            waited = self._before + moment - self._began
            _try(lambda rows: rows.waited(self._account, self._key, waited), self._meetings)


def _length(making: Making | None, steps: Steps) -> float:
    if making is not None:
        return making.seconds
    return steps[-1][0] if steps else 0.0


def _try(say: Callable[[Meetings], None], meetings: Meetings) -> None:
    """What cannot be kept now costs somebody time later, never an answer."""
    try:
        say(meetings)
    except ApiError as error:
        _log.warning("meeting_not_kept", reason=error.message)

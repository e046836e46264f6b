"""Counts requests, seconds of video and tokens against the limits of accounts and keys, for all processes together.

A window begins with the first call that is counted and is over when its time has passed; the next call begins
another. What is refused is not counted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, case, delete, literal, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # ON CONFLICT is written alike on SQLite

from kinoscribe import clock
from kinoscribe.contract.errors import TooManyRequests
from kinoscribe.contract.rate_limits import Category, Dimension, LimitState, RateLimit, refusal
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.tables import rate_counters, rate_limits

_FRESH = 5.0
# Processes that count at the same moment may have read the clock in another order.
_OUT_OF_STEP = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Counter:
    """A limit and the account or key whose use is counted against it."""

    subject: str
    limit: RateLimit


def account_subject(account: str) -> str:
    return f"account:{account}"


def key_subject(key_id: str) -> str:
    return f"key:{key_id}"


class RateRows:
    """Limits and what was used of them. `defaults` hold for every account that has no limit of its own.

    The limits themselves are read again when what is known of them is five seconds old.
    """

    def __init__(
        self, database: Database, defaults: Sequence[RateLimit] = (), *, now: Clock | None = None
    ) -> None:
        self._database = database
        self._defaults = tuple(defaults)
        self._clock = now
        self._known: dict[str, tuple[RateLimit, ...]] = {}
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def counters(self, account: str, key_id: str | None, category: Category) -> tuple[Counter, ...]:
        """What a call is counted against: the limits of its account, its own or the defaults, and those of its key."""
        known = self._limits()
        ours = account_subject(account)
        limits = [(ours, limit) for limit in known.get(ours, self._defaults)]
        if key_id is not None:
            limits += [(key_subject(key_id), limit) for limit in known.get(key_subject(key_id), ())]
        found = (Counter(subject, limit) for subject, limit in limits if limit.category == category)
        return tuple(sorted(found, key=lambda one: (one.subject, one.limit.name)))

    def enter(self, counters: Sequence[Counter]) -> tuple[LimitState, ...]:
        """Counts one request, and tells how all limits stand after it.

        Raises `TooManyRequests`, and counts nothing, when any limit is used up: of requests, seconds or tokens.
        """
        if not counters:
            return ()
        states = []
        with self._database.writing() as db:
            now = moment(db, self._clock)
            for one in counters:
                if one.limit.kind.dimension == "requests":
                    states.append(_take(db, one, 1, now))
                else:
                    states.append(_state(db, one, now))
                    if states[-1].left <= 0:
                        raise refusal(states[-1], now)
        return tuple(states)

    def reserve(self, counters: Sequence[Counter], seconds: int) -> None:
        """Counts seconds of video that are about to be analysed.

        Raises `TooManyRequests` when they do not fit; the request is then not counted either.
        """
        wanted = [one for one in counters if one.limit.kind.dimension == "seconds"]
        if not wanted:
            return
        try:
            with self._database.writing() as db:
                now = moment(db, self._clock)
                for one in wanted:
                    _take(db, one, seconds, now)
        except TooManyRequests:
            with self._database.writing() as db:
                now = moment(db, self._clock)
                for one in counters:
                    if one.limit.kind.dimension == "requests":
                        _give_back(db, one, now)
            raise

    def charge(self, counters: Sequence[Counter], *, seconds: int = 0, tokens: int = 0) -> None:
        """Counts what was used already, whether it fits or not."""
        amounts: dict[Dimension, int] = {"seconds": seconds, "tokens": tokens}
        due = [(one, amounts.get(one.limit.kind.dimension, 0)) for one in counters]
        if any(amount for _, amount in due):
            with self._database.writing() as db:
                now = moment(db, self._clock)
                for one, amount in due:
                    if amount:
                        _add(db, one, amount, now, most=None)

    def states(self, counters: Sequence[Counter]) -> tuple[LimitState, ...]:
        """How the limits stand, without counting anything."""
        if not counters:
            return ()
        with self._database.reading() as db:
            now = moment(db, self._clock)
            return tuple(_state(db, one, now) for one in counters)

    def set(self, subject: str, limits: Iterable[RateLimit]) -> None:
        """Sets some limits of an account or key and leaves its others as they are."""
        with self._database.writing() as db:
            for limit in limits:
                values = {"subject": subject, "category": limit.category, "name": limit.name}
                new = insert(rate_limits).values(**values, amount=limit.amount)
                key = [rate_limits.c.subject, rate_limits.c.category, rate_limits.c.name]
                db.execute(new.on_conflict_do_update(index_elements=key, set_={"amount": limit.amount}))
        self._forget()

    def clear(self, subject: str) -> int:
        """Removes the limits of an account or key, and what was counted against them; says how many there were."""
        with self._database.writing() as db:
            db.execute(delete(rate_counters).where(rate_counters.c.subject == subject))
            cleared = db.execute(delete(rate_limits).where(rate_limits.c.subject == subject)).rowcount
        self._forget()
        return cleared

    def all(self) -> dict[str, tuple[RateLimit, ...]]:
        """Every limit that was set, by account or key."""
        order = (rate_limits.c.subject, rate_limits.c.category, rate_limits.c.name)
        found: dict[str, tuple[RateLimit, ...]] = {}
        with self._database.reading() as db:
            for row in db.execute(select(rate_limits).order_by(*order)):
                limit = RateLimit(row.category, row.name, row.amount)
                found[row.subject] = (*found.get(row.subject, ()), limit)
        return found

    def _limits(self) -> dict[str, tuple[RateLimit, ...]]:
        with self._lock:
            if self._read_at is None or clock.steady() - self._read_at >= _FRESH:
                self._known = self.all()
                self._read_at = clock.steady()
            return self._known

    def _forget(self) -> None:
        with self._lock:
            self._read_at = None


def _take(db: Connection, one: Counter, amount: int, now: datetime) -> LimitState:
    """Counts `amount` if it fits. Raises `TooManyRequests`, which undoes the transaction."""
    state = _add(db, one, amount, now, most=one.limit.amount)
    if state is None:
        raise refusal(_state(db, one, now), now)
    return state


def _add(db: Connection, one: Counter, amount: int, now: datetime, *, most: int | None) -> LimitState | None:
    """One statement: adds to the window or begins another. None, and nothing added, when it would exceed `most`."""
    if most is not None and amount > most:
        return None
    over = _over(one.limit, now)
    used = case((over, 0), else_=rate_counters.c.used) + literal(amount, BigInteger)
    key = {"subject": one.subject, "category": one.limit.category, "name": one.limit.name}
    statement = (
        insert(rate_counters)
        .values(**key, began_at=now, used=amount)
        .on_conflict_do_update(
            index_elements=[rate_counters.c[name] for name in key],
            set_={
                "used": used,
                "began_at": case(
                    (over, literal(now, rate_counters.c.began_at.type)), else_=rate_counters.c.began_at
                ),
            },
            where=None if most is None else used <= most,
        )
        .returning(rate_counters.c.used, rate_counters.c.began_at)
    )
    row = db.execute(statement).one_or_none()
    return None if row is None else LimitState(one.limit, row.used, row.began_at + _window(one.limit))


def _give_back(db: Connection, one: Counter, now: datetime) -> None:
    """Takes one request out of the window it was counted in, unless that is over."""
    counted = update(rate_counters).where(*_row(one), not_(_over(one.limit, now)), rate_counters.c.used > 0)
    db.execute(counted.values(used=rate_counters.c.used - 1))


def _state(db: Connection, one: Counter, now: datetime) -> LimitState:
    query = select(rate_counters.c.used, rate_counters.c.began_at).where(*_row(one))
    row = db.execute(query).one_or_none()
    if row is None or not now - _window(one.limit) < row.began_at <= now + _OUT_OF_STEP:
        return LimitState(one.limit, 0, now + _window(one.limit))
    return LimitState(one.limit, row.used, row.began_at + _window(one.limit))


def _row(one: Counter) -> tuple[ColumnElement[bool], ...]:
    counted = rate_counters.c
    return (
        counted.subject == one.subject,
        counted.category == one.limit.category,
        counted.name == one.limit.name,
    )


def _over(limit: RateLimit, now: datetime) -> ColumnElement[bool]:
    """Whether the window of a counter has ended; one that begins well in the future is left from a clock set back."""
    began = rate_counters.c.began_at
    return or_(began <= now - _window(limit), began > now + _OUT_OF_STEP)


def _window(limit: RateLimit) -> timedelta:
    return timedelta(seconds=limit.kind.window)

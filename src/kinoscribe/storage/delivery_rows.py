"""Turns the end of a task into a message to each webhook that waits for it, and hands the messages to senders.

A delivery waits, is held by one worker for a lease, and ends when it is delivered, after its last attempt, or when
its webhook is removed; it goes with its task when that is deleted. An attempt that nobody reports counts for nothing
and is made again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, or_, select, update

from kinoscribe import ids
from kinoscribe.contract.tasks import Status, TaskView
from kinoscribe.contract.webhooks import (
    TEST_EVENT,
    event_type,
    index_event_type,
    index_payload,
    payload,
    trial_payload,
)
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.removal import remove
from kinoscribe.storage.settling import EndedIndexTask
from kinoscribe.storage.tables import deliveries, delivery_attempts, webhooks
from kinoscribe.storage.webhook_rows import REMOVED, Webhook

_JITTER = 0.2
_RANDOM = secrets.SystemRandom()
_LEASES_AHEAD = 4
_TESTS_KEPT = timedelta(days=30)


class EndedTask(Protocol):
    """What a message tells of a task that came to its end."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def custom_id(self) -> str | None: ...
    @property
    def status(self) -> Status: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def source(self) -> Mapping[str, Any] | None: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def error_message(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery that is due. `receiver` is the host and port it goes to."""

    id: str
    webhook_id: str
    account: str
    receiver: str


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that `owner` may attempt until its lease is over; `attempt` is the number of this attempt, from 1."""

    id: str
    webhook_id: str
    account: str
    receiver: str
    owner: str
    attempt: int
    url: str
    payload: bytes = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went: the status of the answer or a sentence, and how many seconds it took."""

    status: int | None
    error: str | None
    seconds: float


def wait_before(attempt: int, waits: Sequence[float], luck: float) -> float | None:
    """Seconds to wait before `attempt` (from 1), a fifth more or less by `luck` (0 to 1), or None to give up."""
    if attempt > len(waits):
        return None
    return waits[attempt - 1] * (1 - _JITTER + 2 * _JITTER * luck)


class DeliveryRows:
    """Deliveries of all accounts. `waits` are the seconds before each attempt, `lease` those a worker holds one."""

    def __init__(
        self,
        database: Database,
        *,
        waits: Sequence[float],
        lease: float,
        luck: Callable[[], float] = _RANDOM.random,
        now: Clock | None = None,
    ) -> None:
        self._database = database
        self._waits = tuple(waits)
        self._lease = timedelta(seconds=lease)
        self._luck = luck
        self._clock = now

    def announce(self, db: Connection, task: EndedTask) -> None:
        """Writes a message for each webhook that wants to hear of this end, in the transaction that brings it about."""
        view = TaskView(
            task_id=task.id,
            status=task.status,
            created_at=task.created_at,
            params={},
            custom_id=task.custom_id,
            source=task.source,
            duration=task.duration,
            error_message=task.error_message,
        )
        kind = event_type(view)
        found, _ = self._database.run(db, _WEBHOOKS_OF, {"of": task.account})
        hooks = [(hook_id, url) for hook_id, url, events in found if kind in events]
        if hooks:
            now, event_id = moment(db, self._clock), _new_event_id()
            body = payload(event_id, now, view)
            made = [
                self._new(hook_id, url, task.account, event_id, kind, body, now) for hook_id, url in hooks
            ]
            db.execute(insert(deliveries), [{**row, "task_id": task.id} for row in made])

    def announce_index(self, db: Connection, task: EndedIndexTask) -> None:
        """The same for the end of a task that brings a video into an index."""
        kind = index_event_type(task.status)
        query = select(webhooks.c.id, webhooks.c.url, webhooks.c.events)
        found = db.execute(query.where(webhooks.c.account == task.account).order_by(webhooks.c.created_at))
        hooks = [(hook_id, url) for hook_id, url, events in found if kind in events]
        if hooks:
            now, event_id = moment(db, self._clock), _new_event_id()
            body = index_payload(
                event_id,
                now,
                task_id=task.id,
                status=task.status,
                duration=task.duration,
                models=task.models,
            )
            made = [
                self._new(hook_id, url, task.account, event_id, kind, body, now) for hook_id, url in hooks
            ]
            db.execute(insert(deliveries), [{**row, "index_task_id": task.id} for row in made])

    def test(self, webhook: Webhook) -> str:
        """Writes a message of the type `webhook.test`, whatever events the webhook wants; the id of the delivery.

        It is sent, repeated and logged like every other.
        """
        with self._database.writing() as db:
            now, event_id = moment(db, self._clock), _new_event_id()
            body = trial_payload(event_id, now, webhook.id)
            row = self._new(webhook.id, webhook.url, webhook.account, event_id, TEST_EVENT, body, now)
            db.execute(insert(deliveries).values(**row))
        return str(row["id"])

    def due(self, limit: int, *, without: Mapping[str, Collection[str]] | None = None) -> tuple[Waiting, ...]:
        """Deliveries to attempt now, the longest due first.

        `without` names values of `webhook_id`, `receiver` and `account` that are left out.
        """
        with self._database.reading() as db:
            query = select(*(deliveries.c[name] for name in _WAITING)).where(
                self._is_due(moment(db, self._clock))
            )
            for name, values in (without or {}).items():
                if values:
                    query = query.where(deliveries.c[name].not_in(values))
            oldest = query.order_by(deliveries.c.run_at, deliveries.c.id).limit(limit)
            return tuple(Waiting(**row._mapping) for row in db.execute(oldest))

    def claim(self, owner: str, delivery_ids: Collection[str]) -> tuple[Held, ...]:
        """Takes those of the deliveries that are still due. What has lost its webhook ends here."""
        with self._database.writing() as db:
            now = moment(db, self._clock)
            free = select(deliveries.c.id).where(deliveries.c.id.in_(delivery_ids), self._is_due(now))
            mine = free.order_by(deliveries.c.id).with_for_update(skip_locked=True)
            taken = (
                update(deliveries)
                .where(deliveries.c.id.in_(mine))
                .values(owner=owner, lease_until=now + self._lease)
                .returning(*deliveries.c)
            )
            rows = db.execute(taken).all()
            hooks = {row.webhook_id for row in rows}
            query = select(webhooks.c.id, webhooks.c.secret).where(webhooks.c.id.in_(hooks))
            known = {row.id: row.secret for row in db.execute(query)} if hooks else {}
            orphans = [row.id for row in rows if row.webhook_id not in known]
            if orphans:
                end = update(deliveries).where(deliveries.c.id.in_(orphans))
                db.execute(end.values(owner=None, lease_until=None, ended_at=now, last_error=REMOVED))
        return tuple(
            Held(
                id=row.id,
                webhook_id=row.webhook_id,
                account=row.account,
                receiver=row.receiver,
                owner=owner,
                attempt=row.attempts + 1,
                url=row.url,
                payload=row.payload.encode(),
                secret=known[row.webhook_id],
            )
            for row in rows
            if row.webhook_id in known
        )

    def settle(self, held: Held, outcome: Outcome) -> bool:
        """Keeps how the attempt went. False when the delivery is gone or is somebody else's by now."""
        delivered = outcome.status is not None and 200 <= outcome.status < 300
        wait = None if delivered else wait_before(held.attempt + 1, self._waits, self._luck())
        ours = update(deliveries).where(
            deliveries.c.id == held.id,
            deliveries.c.owner == held.owner,
            deliveries.c.attempts == held.attempt - 1,
            deliveries.c.ended_at.is_(None),
        )
        with self._database.writing() as db:
            now = moment(db, self._clock)
            values = {
                "attempts": held.attempt,
                "owner": None,
                "lease_until": None,
                "delivered": delivered,
                "last_error": None if delivered else outcome.error,
                "run_at": now if wait is None else now + timedelta(seconds=wait),
                "ended_at": now if wait is None else None,
            }
            if db.execute(ours.values(**values)).rowcount != 1:
                return False
            db.execute(
                insert(delivery_attempts).values(
                    delivery_id=held.id,
                    attempt=held.attempt,
                    at=now - timedelta(seconds=outcome.seconds),
                    seconds=outcome.seconds,
                    status=outcome.status,
                    error=None if delivered else outcome.error,
                )
            )
        return True

    def release(self, owner: str) -> int:
        """Gives back what `owner` holds, to be attempted by others at once; says how many."""
        held = update(deliveries).where(deliveries.c.owner == owner, deliveries.c.ended_at.is_(None))
        with self._database.writing() as db:
            return db.execute(held.values(owner=None, lease_until=None)).rowcount

    def forget(self, *, dry: bool = False) -> int:
        """Removes what ended a month ago and no task takes with it; says how many, or with `dry` would go."""
        with self._database.reading() as db:
            old = moment(db, self._clock) - _TESTS_KEPT
        where = (deliveries.c.task_id.is_(None), deliveries.c.ended_at < old)
        return remove(self._database, deliveries, *where, dry=dry)

    def _new(
        self, webhook_id: str, url: str, account: str, event_id: str, kind: str, body: bytes, now: datetime
    ) -> dict[str, object]:
        wait = wait_before(1, self._waits, self._luck()) or 0.0
        return {
            "id": ids.new_object_id(),
            "event_id": event_id,
            "webhook_id": webhook_id,
            "account": account,
            "task_id": None,
            "url": url,
            "receiver": receiver_of(url),
            "type": kind,
            "payload": body.decode("ascii"),
            "created_at": now,
            "attempts": 0,
            "run_at": now + timedelta(seconds=wait),
            "delivered": False,
        }

    def _is_due(self, now: datetime) -> ColumnElement[bool]:
        """An instant that lies too far ahead is left from before the clock was set back."""
        farthest = now + timedelta(seconds=max(self._waits) * (1 + _JITTER))
        time = or_(deliveries.c.run_at <= now, deliveries.c.run_at > farthest)
        lease = deliveries.c.lease_until
        free = or_(deliveries.c.owner.is_(None), lease <= now, lease > now + _LEASES_AHEAD * self._lease)
        return and_(deliveries.c.ended_at.is_(None), time, free)


def receiver_of(url: str) -> str:
    """The host and port of a URL that was accepted at its registration."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    return f"{(parts.hostname or '').rstrip('.')}:{port}"[:300]


def _new_event_id() -> str:
    return "whe_" + secrets.token_hex(16)


_WAITING = ("id", "webhook_id", "account", "receiver")
_WEBHOOKS_OF = (
    select(webhooks.c.id, webhooks.c.url, webhooks.c.events)
    .where(webhooks.c.account == bindparam("of"))
    .order_by(webhooks.c.created_at)
)

"""Reads how the deliveries of webhooks went: for the tasks that show it, and for operators with every attempt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from kinoscribe.contract.tasks import DeliveryView
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import deliveries, delivery_attempts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: when it began, how long it took, and the status of the answer or why there was none."""

    attempt: int
    at: datetime
    seconds: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery and its attempts so far. `run_at` is when it is, or was, to be attempted next.

    `task_id` names the task, of an analysis or of an index, whose end it tells of.
    """

    id: str
    event_id: str
    webhook_id: str
    account: str
    task_id: str | None
    url: str
    type: str
    created_at: datetime
    attempts: int
    run_at: datetime
    ended_at: datetime | None
    delivered: bool
    last_error: str | None
    tries: tuple[Attempt, ...] = ()


class DeliveryLog:
    """Deliveries of all accounts. Those of a task that was deleted are gone with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def views(self, task_ids: Collection[str]) -> dict[str, tuple[DeliveryView, ...]]:
        """How the webhooks of these tasks stand, as the tasks show it: from the first attempt on."""
        shown = (deliveries.c.task_id, deliveries.c.url, deliveries.c.delivered, deliveries.c.attempts)
        query = (
            select(*shown, deliveries.c.last_error)
            .where(deliveries.c.task_id.in_(task_ids), deliveries.c.attempts > 0)
            .order_by(deliveries.c.created_at, deliveries.c.webhook_id)
        )
        found: dict[str, tuple[DeliveryView, ...]] = {}
        if task_ids:
            with self._database.reading() as db:
                for task_id, *values in db.execute(query):
                    found[task_id] = (*found.get(task_id, ()), DeliveryView(*values))
        return found

    def get(self, delivery_id: str) -> Delivery | None:
        found, _ = self._page([deliveries.c.id == delivery_id], page=1, limit=1)
        return found[0] if found else None

    def page(
        self, account: str | None, webhook_id: str | None = None, *, page: int, limit: int
    ) -> tuple[tuple[Delivery, ...], int]:
        """One page (the first is 1), newest first, and how many deliveries there are on all pages.

        An `account` or a `webhook_id` of `None` means all.
        """
        where = [] if account is None else [deliveries.c.account == account]
        if webhook_id is not None:
            where.append(deliveries.c.webhook_id == webhook_id)
        return self._page(where, page=page, limit=limit)

    def of_task(self, task_id: str) -> tuple[Delivery, ...]:
        """Every delivery of one task, also those not yet attempted, newest first."""
        found, _ = self._page([deliveries.c.task_id == task_id], page=1, limit=1000)
        return found

    def _page(
        self, where: list[ColumnElement[bool]], *, page: int, limit: int
    ) -> tuple[tuple[Delivery, ...], int]:
        newest = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
        rows = select(*_SHOWN).where(*where).order_by(*newest).limit(limit).offset((page - 1) * limit)
        with self._database.reading() as db:
            total = db.execute(select(func.count()).select_from(deliveries).where(*where)).scalar_one()
            found = db.execute(rows).all()
            tries: dict[str, list[Attempt]] = {row.id: [] for row in found}
            made = select(delivery_attempts).where(delivery_attempts.c.delivery_id.in_(tries))
            for delivery_id, *values in db.execute(made.order_by(delivery_attempts.c.attempt)):
                tries[delivery_id].append(Attempt(*values))
        return tuple(Delivery(**row._mapping, tries=tuple(tries[row.id])) for row in found), total


_HIDDEN = {"receiver", "payload", "owner", "lease_until", "task_id", "index_task_id"}
_SHOWN = (
    *(column for column in deliveries.c if column.name not in _HIDDEN),
    func.coalesce(deliveries.c.task_id, deliveries.c.index_task_id).label("task_id"),
)

"""Keeps which receivers are told of the ends of an account's tasks, and the secrets their messages are signed with."""

from __future__ import annotations

import builtins
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from kinoscribe import ids
from kinoscribe.storage.database import Database
from kinoscribe.storage.instants import Clock, moment
from kinoscribe.storage.tables import deliveries, webhooks

SECRET_PREFIX = "whsec_"  # noqa: S105  every secret begins with it
REMOVED = "The webhook was removed."


class TooManyWebhooks(Exception):
    """The account has as many webhooks as it may have."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of one account: every message of the types `events` goes to `url`. Its secret is not shown again."""

    id: str
    account: str
    url: str
    events: tuple[str, ...]
    created_at: datetime


class WebhookRows:
    """Webhooks by account; an `account` of `None` is the operator, who sees those of everybody."""

    def __init__(self, database: Database, *, now: Clock | None = None) -> None:
        self._database = database
        self._clock = now

    def add(
        self, account: str, url: str, events: tuple[str, ...], secret: str | None = None, *, most: int
    ) -> tuple[Webhook, str]:
        """A new webhook and the secret to sign with, made here when none is given.

        Raises `TooManyWebhooks` when the account has `most` already.
        """
        secret = secret or SECRET_PREFIX + secrets.token_urlsafe(32)
        there = select(func.count()).select_from(webhooks).where(webhooks.c.account == account)
        with self._database.writing() as db:
            if db.execute(there).scalar_one() >= most:
                raise TooManyWebhooks
            made = Webhook(ids.new_object_id(), account, url, events, moment(db, self._clock))
            db.execute(
                insert(webhooks).values(
                    id=made.id,
                    account=account,
                    url=url,
                    events=list(events),
                    secret=secret,
                    created_at=made.created_at,
                )
            )
        return made, secret

    def get(self, account: str | None, webhook_id: str) -> Webhook | None:
        with self._database.reading() as db:
            row = db.execute(select(*_SHOWN).where(*_owned(account, webhook_id))).one_or_none()
        return None if row is None else _webhook(row)

    def list(self, account: str | None = None) -> builtins.list[Webhook]:
        """The webhooks of an account, or of all, oldest first."""
        query = select(*_SHOWN).order_by(webhooks.c.created_at, webhooks.c.id)
        if account is not None:
            query = query.where(webhooks.c.account == account)
        with self._database.reading() as db:
            return [_webhook(row) for row in db.execute(query)]

    def remove(self, account: str | None, webhook_id: str) -> bool:
        """Removes a webhook; what it has not got yet is not sent any more. False when there is none."""
        with self._database.writing() as db:
            if db.execute(delete(webhooks).where(*_owned(account, webhook_id))).rowcount != 1:
                return False
            pending = update(deliveries).where(
                deliveries.c.webhook_id == webhook_id, deliveries.c.ended_at.is_(None)
            )
            now = moment(db, self._clock)
            db.execute(pending.values(ended_at=now, owner=None, lease_until=None, last_error=REMOVED))
        return True


_SHOWN = tuple(column for column in webhooks.c if column.name != "secret")


def _owned(account: str | None, webhook_id: str) -> tuple[ColumnElement[bool], ...]:
    mine = () if account is None else (webhooks.c.account == account,)
    return (webhooks.c.id == webhook_id, *mine)


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**{**row._mapping, "events": tuple(row.events)})

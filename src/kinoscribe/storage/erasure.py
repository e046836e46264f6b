"""Removes all that is kept of one account."""

from __future__ import annotations

from collections import Counter

import structlog
from sqlalchemy import delete, select, union, update

from kinoscribe.contract.errors import ApiError
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.contents import Contents
from kinoscribe.storage.database import Database
from kinoscribe.storage.rate_rows import account_subject, key_subject
from kinoscribe.storage.tables import (
    api_keys,
    assets,
    meetings,
    rate_counters,
    rate_limits,
    receipts,
    tables,
    task_files,
    tasks,
    uploads,
)
from kinoscribe.storage.task_rows import TaskRows

_AT_ONCE = 200

_log = structlog.get_logger(__name__)


class Erasure:
    """Erases one account, in small transactions that may be repeated: what a killed one left, the next removes.

    Its keys end first, so that nothing new comes; then its tasks, so that nobody works for it any more.
    """

    def __init__(self, database: Database, blobs: Blobs, task_rows: TaskRows) -> None:
        self._database = database
        self._blobs = blobs
        self._contents = Contents(database, blobs)
        self._tasks = task_rows

    def end(self, account: str) -> int:
        """Ends the keys, drops the webhooks and cancels the tasks of an account; says how many tasks had not ended.

        Workers notice within a beat that a task is canceled.
        """
        with self._database.writing() as db:
            now = self._database.now()
            valid = update(api_keys).where(api_keys.c.account == account, api_keys.c.revoked_at.is_(None))
            db.execute(valid.values(revoked_at=now))
            for name in ("deliveries", "webhooks"):
                db.execute(delete(tables.tables[name]).where(tables.tables[name].c.account == account))
        live = select(tasks.c.id).where(tasks.c.account == account, tasks.c.completed_at.is_(None))
        canceled = 0
        while True:
            with self._database.reading() as db:
                some = db.execute(live.limit(_AT_ONCE)).scalars().all()
            if not some:
                return canceled
            for task_id in some:
                self._cancel(account, task_id)
            canceled += len(some)

    def erase(self, account: str) -> Counter[str]:
        """Removes the rows of an account and what only they refer to; says how many rows went, by table."""
        gone: Counter[str] = Counter()
        self._drop_uploads(account)
        kept, asked, met = self._kept_by(account), self._asked_by(account), self._met_by(account)
        subjects = self._subjects(account)
        for table in reversed(tables.sorted_tables):
            if "account" in table.c and table is not meetings:
                gone[table.name] += self._empty(table.name, account)
        with self._database.writing() as db:
            for counted in (rate_counters, rate_limits):
                gone[counted.name] += db.execute(
                    delete(counted).where(counted.c.subject.in_(subjects))
                ).rowcount
        self._contents.drop_unused(kept)
        for content in self._unknown(asked | met, account):
            self._blobs.when_dropped(content)
        gone[meetings.name] += self._empty(meetings.name, account)  # last: they tell what else has to go
        return +gone

    def _cancel(self, account: str, task_id: str) -> None:
        try:
            self._tasks.cancel(account, task_id)
        except ApiError as error:  # it has ended by itself
            _log.info("task_not_canceled", task=task_id, reason=error.message)

    def _drop_uploads(self, account: str) -> None:
        with self._database.reading() as db:
            open_ones = db.execute(select(uploads.c.id).where(uploads.c.account == account)).scalars().all()
        for upload in open_ones:
            self._blobs.parts.drop(upload)

    def _kept_by(self, account: str) -> set[str]:
        """The contents of the account's assets and tasks."""
        theirs = (
            select(assets.c.content).where(assets.c.account == account),
            select(task_files.c.content).join(tasks).where(tasks.c.account == account),
        )
        with self._database.reading() as db:
            return {content for content in db.execute(union(*theirs)).scalars() if content is not None}

    def _asked_by(self, account: str) -> set[str]:
        """The contents of which the account had answers."""
        theirs = select(receipts.c.content).where(receipts.c.account == account)
        with self._database.reading() as db:
            return {content for content in db.execute(theirs).scalars() if content is not None}

    def _met_by(self, account: str) -> set[str]:
        """The contents whose evidence was made for the account."""
        theirs = select(meetings.c.content).where(meetings.c.account == account)
        with self._database.reading() as db:
            return set(db.execute(theirs).scalars())

    def _unknown(self, contents: set[str], account: str) -> list[str]:
        """Those of the contents of whose evidence no other account has seen anything, though it may keep the video.

        It goes: it would tell the first who asks that somebody was there before.
        """
        left = []
        for content in sorted(contents):
            seen = (
                select(meetings.c.content).where(
                    meetings.c.content == content,
                    meetings.c.account != account,
                    meetings.c.making.is_not(None),
                ),
                select(receipts.c.content).where(receipts.c.content == content),
            )
            with self._database.reading() as db:
                if not any(db.execute(query.limit(1)).first() for query in seen):
                    left.append(content)
        return left

    def _subjects(self, account: str) -> list[str]:
        with self._database.reading() as db:
            keys = db.execute(select(api_keys.c.id).where(api_keys.c.account == account)).scalars().all()
        return [account_subject(account), *map(key_subject, keys)]

    def _empty(self, name: str, account: str) -> int:
        """Removes the account's rows of one table, a few at a time."""
        table, gone = tables.tables[name], 0
        keys = tuple(table.primary_key.columns)
        some = select(*keys).where(table.c.account == account).limit(_AT_ONCE)
        while True:
            with self._database.writing() as db:
                found = db.execute(some).all()
                for row in found:
                    same = (column == value for column, value in zip(keys, row, strict=True))
                    db.execute(delete(table).where(*same))
            gone += len(found)
            if len(found) < _AT_ONCE:
                return gone

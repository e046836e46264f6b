"""Keeps the receipt of every answer for the account that asked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from kinoscribe import clock
from kinoscribe.storage.database import Database
from kinoscribe.storage.group_commit import GroupCommit
from kinoscribe.storage.tables import receipts

_KEEP = insert(receipts)
_KNOWN = (
    select(receipts.c.generation_id)
    .where(receipts.c.account == bindparam("account"), receipts.c.content == bindparam("content"))
    .limit(1)
)


class ReceiptRows:
    """Receipts by the `generation_id` of their answer; another account's receipt is as good as none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keep = GroupCommit(database, self._insert)

    def keep(
        self, account: str, generation_id: str, body: dict[str, Any], content: str | None = None
    ) -> None:
        """Keeps the receipt of an answer about `content`. Raises `StorageFull`."""
        row = {"generation_id": generation_id, "account": account, "body": body, "content": content}
        self._keep.put({**row, "created_at": clock.now()})

    def _insert(self, db: Connection, row: dict[str, Any]) -> None:
        self._database.run(db, _KEEP, row)

    def knows(self, account: str, content: str) -> bool:
        """Whether this account has had an answer about a content before."""
        with self._database.asking() as db:
            rows, _ = self._database.run(db, _KNOWN, {"account": account, "content": content})
        return bool(rows)

    def find(self, account: str, generation_id: str) -> dict[str, Any] | None:
        query = select(receipts.c.body).where(
            receipts.c.generation_id == generation_id, receipts.c.account == account
        )
        with self._database.reading() as db:
            body: dict[str, Any] | None = db.execute(query).scalar_one_or_none()
        return body

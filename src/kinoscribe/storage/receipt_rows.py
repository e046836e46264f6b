"""Keeps the receipt of every answer for the account that asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from kinoscribe import clock
from kinoscribe.storage.database import Database
from kinoscribe.storage.tables import receipts


class ReceiptRows:
    """Receipts by the `generation_id` of their answer; another account's receipt is as good as none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, account: str, generation_id: str, body: dict[str, Any]) -> None:
        """Keeps one receipt. Raises `StorageFull`."""
        with self._database.writing() as db:
            db.execute(
                insert(receipts).values(
                    generation_id=generation_id, account=account, body=body, created_at=clock.now()
                )
            )

    def find(self, account: str, generation_id: str) -> dict[str, Any] | None:
        query = select(receipts.c.body).where(
            receipts.c.generation_id == generation_id, receipts.c.account == account
        )
        with self._database.reading() as db:
            body: dict[str, Any] | None = db.execute(query).scalar_one_or_none()
        return body

    def forget_before(self, moment: datetime) -> int:
        """Drops the receipts of answers given before `moment`; says how many."""
        with self._database.writing() as db:
            return db.execute(delete(receipts).where(receipts.c.created_at < moment)).rowcount

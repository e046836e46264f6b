"""Tasks that came to their end, as rows and as what is announced of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert

from kinoscribe import ids
from kinoscribe.contract.tasks import Status
from kinoscribe.storage.database import Database
from kinoscribe.storage.delivery_rows import DeliveryRows
from kinoscribe.storage.tables import tasks

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Ended:
    account: str = "acme"
    status: Status = "ready"
    custom_id: str | None = None
    id: str = field(default_factory=ids.new_object_id)
    created_at: datetime = NOON
    source: Mapping[str, Any] | None = None
    duration: float | None = None
    error_message: str | None = None


def put(database: Database, rows: DeliveryRows, ended: Ended | None = None) -> Ended:
    """Lays the row of a task and announces its end, in one transaction."""
    ended = ended or Ended()
    with database.writing() as db:
        lay(db, ended)
        rows.announce(db, ended)
    return ended


def lay(db: Connection, ended: Ended) -> None:
    """Lays the row of a task."""
    db.execute(
        insert(tasks).values(
            id=ended.id,
            account=ended.account,
            status=ended.status,
            analysis_mode="general",
            model_name="pegasus1.5",
            request="{}",
            params={},
            created_at=NOON,
            completed_at=NOON,
            priority=0,
            turn=0,
            run_at=NOON,
            attempt=1,
            strikes=0,
        )
    )

"""Tells the time by the clock that all processes of one database share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from kinoscribe import clock

Clock = Callable[[], datetime]


def moment(db: Connection, told: Clock | None = None) -> datetime:
    """Now, in UTC: by the database's clock on PostgreSQL, by this machine's on SQLite, or by `told` in their place."""
    if told is not None:
        return told()
    if db.dialect.name == "postgresql":
        now: datetime = db.execute(select(func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)
    return clock.now()

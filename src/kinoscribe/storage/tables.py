"""Names every table and column, and turns instants into whole microseconds so that both databases order them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A point in time with its zone; kept as microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


tables = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

api_keys = Table(
    "api_keys",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("ending", String(4), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

assets = Table(
    "assets",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("method", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("filename", Text, nullable=False),
    Column("filename_folded", Text, nullable=False),
    Column("file_type", String(128), nullable=False),
    Column("kind", String(16)),
    Column("url", Text),
    Column("content", String(64)),
    Column("size", BigInteger),
    Column("duration", Float),
    Column("technical", JSON(none_as_null=True)),
    Column("facts", JSON(none_as_null=True)),
    Column("user_metadata", JSON(none_as_null=True)),
    Column("error", Text),
    Column("created_at", Instant, nullable=False),
    Index("ix_assets_account_created_at", "account", "created_at", "id"),
    Index("ix_assets_content", "content"),
    Index("ix_assets_status", "status"),
)

receipts = Table(
    "receipts",
    tables,
    Column("generation_id", String(64), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_receipts_created_at", "created_at"),
)

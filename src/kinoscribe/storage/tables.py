"""Names every table and column, and turns instants into whole microseconds so that both databases order them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
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
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
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

_HERE = text("content IS NOT NULL")

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
    Column("upload_id", String(24)),
    Column("wants_thumbnail", Boolean, nullable=False, server_default=text("false")),
    Column("owner", String(64)),
    Column("lease_until", Instant),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("run_at", Instant),
    Index("ix_assets_account_created_at", "account", "created_at", "id"),
    Index("ix_assets_content", "content"),
    Index("ix_assets_held", "account", "size", sqlite_where=_HERE, postgresql_where=_HERE),
    Index("ix_assets_status", "status"),
)

# Small pictures lie beside their rows: they come and go with them, and no store of objects is asked for each.
asset_thumbnails = Table(
    "asset_thumbnails",
    tables,
    Column("asset_id", String(24), ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True),
    Column("jpeg", LargeBinary, nullable=False),
)

receipts = Table(
    "receipts",
    tables,
    Column("generation_id", String(64), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("content", String(64)),
    Index("ix_receipts_created_at", "created_at"),
    Index("ix_receipts_account_content", "account", "content"),
)

# A row of the queue is the task itself. `status` only ever moves forward; who works on it, and until when nobody
# else may, is told by `owner` and `lease_until` alone: a task without an owner and without an end waits its turn.
_LIVES = text("completed_at IS NULL")
_WAITS = text("owner IS NULL AND completed_at IS NULL")
_LEASED = text("owner IS NOT NULL")
_UNDELIVERED = text("ended_at IS NULL")

tasks = Table(
    "tasks",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("key_id", String(24)),
    Column("custom_id", String(64)),
    Column("batch_id", String(24)),
    Column("status", String(16), nullable=False),
    Column("analysis_mode", String(24), nullable=False),
    Column("model_name", String(32), nullable=False),
    Column("request", Text, nullable=False),
    Column("params", JSON, nullable=False),
    Column("source", JSON(none_as_null=True)),
    Column("video_url", Text),
    Column("asset_id", String(24)),
    Column("video_id", Text),
    Column("duration", Float),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("completed_at", Instant),
    Column("priority", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("run_at", Instant, nullable=False),
    Column("owner", String(64)),
    Column("lease_until", Instant),
    Column("attempt", Integer, nullable=False),
    Column("strikes", Integer, nullable=False),
    Column("stage", String(32)),
    Column("done", Float),
    Column("generation_id", String(64)),
    Column("data", Text),
    Column("finish_reason", String(8)),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Index("ix_tasks_account_created_at", "account", "created_at", "id"),
    Index("ix_tasks_completed_at", "completed_at"),
    Index(
        "ix_tasks_waiting",
        "priority",
        "turn",
        "created_at",
        "id",
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    ),
    Index("ix_tasks_live", "account", "turn", sqlite_where=_LIVES, postgresql_where=_LIVES),
    Index("ix_tasks_leased", "owner", "lease_until", sqlite_where=_LEASED, postgresql_where=_LEASED),
)

task_files = Table(
    "task_files",
    tables,
    Column("task_id", String(24), ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("content", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index("ix_task_files_content", "content"),
)

task_windows = Table(
    "task_windows",
    tables,
    Column("task_id", String(24), ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("body", Text, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    tables,
    Column("account", String(64), primary_key=True),
    Column("route", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

webhooks = Table(
    "webhooks",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", JSON, nullable=False),
    Column("secret", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_webhooks_account", "account"),
)

deliveries = Table(
    "deliveries",
    tables,
    Column("id", String(24), primary_key=True),
    Column("event_id", String(40), nullable=False),
    Column("webhook_id", String(24), nullable=False),
    Column("account", String(64), nullable=False),
    Column("task_id", String(24), ForeignKey("tasks.id", ondelete="CASCADE")),
    Column("index_task_id", String(24)),
    Column("url", Text, nullable=False),
    Column("receiver", String(300), nullable=False),
    Column("type", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("run_at", Instant, nullable=False),
    Column("owner", String(64)),
    Column("lease_until", Instant),
    Column("ended_at", Instant),
    Column("delivered", Boolean, nullable=False),
    Column("last_error", Text),
    Index("ix_deliveries_task_id", "task_id"),
    Index("ix_deliveries_webhook_id", "webhook_id", "created_at"),
    Index(
        "ix_deliveries_waiting",
        "run_at",
        sqlite_where=_UNDELIVERED,
        postgresql_where=_UNDELIVERED,
    ),
)

delivery_attempts = Table(
    "delivery_attempts",
    tables,
    Column("delivery_id", String(24), ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("status", Integer),
    Column("error", Text),
)

rate_limits = Table(
    "rate_limits",
    tables,
    Column("subject", String(80), primary_key=True),
    Column("category", String(16), primary_key=True),
    Column("name", String(8), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

rate_counters = Table(
    "rate_counters",
    tables,
    Column("subject", String(80), primary_key=True),
    Column("category", String(16), primary_key=True),
    Column("name", String(8), primary_key=True),
    Column("began_at", Instant, nullable=False),
    Column("used", BigInteger, nullable=False),
)

evidence_jobs = Table(
    "evidence_jobs",
    tables,
    Column("key", String(128), primary_key=True),
    Column("content", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("wanted_until", Instant, nullable=False),
    Column("owner", String(64)),
    Column("lease_until", Instant),
    Column("attempt", Integer, nullable=False),
    Column("stages", JSON, nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("steps", JSON, nullable=False, server_default=text("'[]'")),
)

# Which account has waited for the evidence of a content, by the key of its notes: `making` is the making of them it
# has waited out, `waited` the seconds so far, `early_at` since when they are made for it without anybody waiting.
meetings = Table(
    "meetings",
    tables,
    Column("key", String(128), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("content", String(64), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("early_at", Instant),
    Column("waited", Float, nullable=False),
    Column("making", String(32)),
    Index("ix_meetings_content", "content"),
    Index("ix_meetings_account", "account"),
)

# Accounts of which every machine has to remove what it keeps in files; `salt` tells which, and not its name.
erasures = Table(
    "erasures",
    tables,
    Column("id", String(24), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("erased_at", Instant, nullable=False),
)

erasures_done = Table(
    "erasures_done",
    tables,
    Column("erasure_id", String(24), ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True),
    Column("folder", String(64), primary_key=True),
)

processes = Table(
    "processes",
    tables,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

# An upload in chunks. Chunks that nothing has come of have no row; `reported_at` settles one for good.
uploads = Table(
    "uploads",
    tables,
    Column("id", String(24), primary_key=True),
    Column("asset_id", String(24), ForeignKey("assets.id", ondelete="CASCADE"), nullable=False),
    Column("account", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("total_size", BigInteger, nullable=False),
    Column("chunk_size", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_uploads_asset_id", "asset_id"),
    Index("ix_uploads_account_created_at", "account", "created_at", "id"),
    Index("ix_uploads_status", "status", "expires_at"),
)

upload_chunks = Table(
    "upload_chunks",
    tables,
    Column("upload_id", String(24), ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("etag", String(128)),
    Column("reported_at", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("error", Text),
)

# Where the bytes of a content lie in a store that is away; a local store has no such rows. The keys of objects are
# never used again, so that an object may be removed as soon as its row is gone for good.
contents = Table(
    "contents",
    tables,
    Column("id", String(64), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
)

content_pieces = Table(
    "content_pieces",
    tables,
    Column("content", String(64), ForeignKey("contents.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

# Room for files on their way, of which there is no asset yet. One that is not renewed counts no more.
reservations = Table(
    "reservations",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("lease_until", Instant, nullable=False),
)

# The classic flow. A video is an asset in an index; what is `pending` here stands as its asset does.
indexes = Table(
    "indexes",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("models", JSON, nullable=False),
    Column("addons", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_indexes_account_name", "account", "name", unique=True),
    Index("ix_indexes_account_created_at", "account", "created_at", "id"),
)

videos = Table(
    "videos",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("index_id", String(24), ForeignKey("indexes.id", ondelete="CASCADE"), nullable=False),
    Column("asset_id", String(24), ForeignKey("assets.id", ondelete="CASCADE"), nullable=False),
    Column("brought", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text),
    Column("fps", Float),
    Column("width", Integer),
    Column("height", Integer),
    Column("user_metadata", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("indexed_at", Instant),
    Index("ix_videos_index_id_created_at", "index_id", "created_at", "id"),
    Index("ix_videos_asset_id", "asset_id"),
)

index_tasks = Table(
    "index_tasks",
    tables,
    Column("id", String(24), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("index_id", String(24), ForeignKey("indexes.id", ondelete="CASCADE"), nullable=False),
    Column("video_id", String(24), nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text),
    Column("filename", Text, nullable=False),
    Column("filename_folded", Text, nullable=False),
    Column("duration", Float),
    Column("width", Integer),
    Column("height", Integer),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_index_tasks_account_created_at", "account", "created_at", "id"),
    Index("ix_index_tasks_index_id", "index_id"),
    Index("ix_index_tasks_video_id", "video_id"),
)

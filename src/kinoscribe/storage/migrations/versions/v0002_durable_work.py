"""Makes the tables of tasks, webhooks, limits, evidence jobs and running processes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LIVES = sa.text("completed_at IS NULL")
_WAITS = sa.text("owner IS NULL AND completed_at IS NULL")
_LEASED = sa.text("owner IS NOT NULL")
_UNDELIVERED = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(24)),
        sa.Column("custom_id", sa.String(64)),
        sa.Column("batch_id", sa.String(24)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("analysis_mode", sa.String(24), nullable=False),
        sa.Column("model_name", sa.String(32), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("source", sa.JSON),
        sa.Column("video_url", sa.Text),
        sa.Column("asset_id", sa.String(24)),
        sa.Column("video_id", sa.Text),
        sa.Column("duration", sa.Float),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("run_at", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("strikes", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(32)),
        sa.Column("done", sa.Float),
        sa.Column("generation_id", sa.String(64)),
        sa.Column("data", sa.Text),
        sa.Column("finish_reason", sa.String(8)),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_account_created_at", "tasks", ["account", "created_at", "id"])
    op.create_index(
        "ix_tasks_waiting",
        "tasks",
        ["priority", "turn", "created_at", "id"],
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )
    op.create_index(
        "ix_tasks_live", "tasks", ["account", "turn"], sqlite_where=_LIVES, postgresql_where=_LIVES
    )
    op.create_index(
        "ix_tasks_leased", "tasks", ["owner", "lease_until"], sqlite_where=_LEASED, postgresql_where=_LEASED
    )
    op.create_table(
        "task_files",
        sa.Column("task_id", sa.String(24), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "name", name="pk_task_files"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name="fk_task_files_task_id_tasks", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_task_files_content", "task_files", ["content"])
    op.create_table(
        "task_windows",
        sa.Column("task_id", sa.String(24), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "key", name="pk_task_windows"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name="fk_task_windows_task_id_tasks", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("route", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "route", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_account", "webhooks", ["account"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("event_id", sa.String(40), nullable=False),
        sa.Column("webhook_id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(24)),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("receiver", sa.String(300), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("run_at", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("delivered", sa.Boolean, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name="fk_deliveries_task_id_tasks", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_deliveries_task_id", "deliveries", ["task_id"])
    op.create_index("ix_deliveries_webhook_id", "deliveries", ["webhook_id", "created_at"])
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["run_at"],
        sqlite_where=_UNDELIVERED,
        postgresql_where=_UNDELIVERED,
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(24), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("delivery_id", "attempt", name="pk_delivery_attempts"),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name="fk_delivery_attempts_delivery_id_deliveries",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "rate_limits",
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("name", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", "category", "name", name="pk_rate_limits"),
    )
    op.create_table(
        "rate_counters",
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("name", sa.String(8), nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", "category", "name", name="pk_rate_counters"),
    )
    op.create_table(
        "evidence_jobs",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("wanted_until", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("stages", sa.JSON, nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.PrimaryKeyConstraint("key", name="pk_evidence_jobs"),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("missing", sa.JSON, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_processes"),
    )


def downgrade() -> None:
    for table in (
        "processes",
        "evidence_jobs",
        "rate_counters",
        "rate_limits",
        "delivery_attempts",
        "deliveries",
        "webhooks",
        "idempotency_keys",
        "task_windows",
        "task_files",
        "tasks",
    ):
        op.drop_table(table)

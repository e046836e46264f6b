"""Makes the first tables: keys, assets and receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("ending", sa.String(4), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_table(
        "assets",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("filename_folded", sa.Text, nullable=False),
        sa.Column("file_type", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(16)),
        sa.Column("url", sa.Text),
        sa.Column("content", sa.String(64)),
        sa.Column("size", sa.BigInteger),
        sa.Column("duration", sa.Float),
        sa.Column("technical", sa.JSON),
        sa.Column("facts", sa.JSON),
        sa.Column("user_metadata", sa.JSON),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
    )
    op.create_index("ix_assets_account_created_at", "assets", ["account", "created_at", "id"])
    op.create_index("ix_assets_content", "assets", ["content"])
    op.create_index("ix_assets_status", "assets", ["status"])
    op.create_table(
        "receipts",
        sa.Column("generation_id", sa.String(64), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("generation_id", name="pk_receipts"),
    )
    op.create_index("ix_receipts_created_at", "receipts", ["created_at"])


def downgrade() -> None:
    for table in ("receipts", "assets", "api_keys"):
        op.drop_table(table)

"""Makes the tables of multipart uploads and their chunks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("asset_id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("total_size", sa.BigInteger, nullable=False),
        sa.Column("chunk_size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name="fk_uploads_asset_id_assets", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_uploads_asset_id", "uploads", ["asset_id"])
    op.create_index("ix_uploads_account_created_at", "uploads", ["account", "created_at", "id"])
    op.create_index("ix_uploads_status", "uploads", ["status", "expires_at"])
    op.create_table(
        "upload_chunks",
        sa.Column("upload_id", sa.String(24), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("etag", sa.String(128)),
        sa.Column("reported_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("upload_id", "number", name="pk_upload_chunks"),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name="fk_upload_chunks_upload_id_uploads", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("upload_chunks")
    op.drop_table("uploads")

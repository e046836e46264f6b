"""Makes the tables that tell where contents lie in a store that is away, and indexes by which old rows are found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contents"),
    )
    op.create_table(
        "content_pieces",
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("content", "number", name="pk_content_pieces"),
        sa.UniqueConstraint("key", name="uq_content_pieces_key"),
        sa.ForeignKeyConstraint(
            ["content"], ["contents.id"], name="fk_content_pieces_content_contents", ondelete="CASCADE"
        ),
    )
    op.add_column("receipts", sa.Column("content", sa.String(64)))
    op.create_index("ix_receipts_account_content", "receipts", ["account", "content"])
    op.create_index("ix_tasks_completed_at", "tasks", ["completed_at"])


def downgrade() -> None:
    op.drop_index("ix_tasks_completed_at", "tasks")
    op.drop_index("ix_receipts_account_content", "receipts")
    op.drop_column("receipts", "content")
    op.drop_table("content_pieces")
    op.drop_table("contents")

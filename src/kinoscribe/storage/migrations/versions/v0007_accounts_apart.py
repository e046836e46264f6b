"""Makes the tables that tell which account has met which content, and where the erasure of an account is still due."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meetings",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("early_at", sa.BigInteger),
        sa.Column("waited", sa.Float, nullable=False),
        sa.Column("making", sa.String(32)),
        sa.PrimaryKeyConstraint("key", "account", name="pk_meetings"),
    )
    op.create_index("ix_meetings_content", "meetings", ["content"])
    op.create_index("ix_meetings_account", "meetings", ["account"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_table(
        "erasures_done",
        sa.Column("erasure_id", sa.String(24), nullable=False),
        sa.Column("folder", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("erasure_id", "folder", name="pk_erasures_done"),
        sa.ForeignKeyConstraint(
            ["erasure_id"], ["erasures.id"], name="fk_erasures_done_erasure_id_erasures", ondelete="CASCADE"
        ),
    )
    op.add_column(
        "evidence_jobs", sa.Column("steps", sa.JSON, nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    op.drop_column("evidence_jobs", "steps")
    op.drop_table("erasures_done")
    op.drop_table("erasures")
    op.drop_table("meetings")

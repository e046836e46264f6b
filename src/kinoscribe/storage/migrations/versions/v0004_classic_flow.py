"""Makes the tables of indexes, the videos in them and the tasks that bring them there."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "indexes",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("addons", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_indexes"),
    )
    op.create_index("ix_indexes_account_name", "indexes", ["account", "name"], unique=True)
    op.create_index("ix_indexes_account_created_at", "indexes", ["account", "created_at", "id"])
    op.create_table(
        "videos",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("index_id", sa.String(24), nullable=False),
        sa.Column("asset_id", sa.String(24), nullable=False),
        sa.Column("brought", sa.Boolean, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("fps", sa.Float),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("user_metadata", sa.JSON),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("indexed_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_videos"),
        sa.ForeignKeyConstraint(
            ["index_id"], ["indexes.id"], name="fk_videos_index_id_indexes", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name="fk_videos_asset_id_assets", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_videos_index_id_created_at", "videos", ["index_id", "created_at", "id"])
    op.create_index("ix_videos_asset_id", "videos", ["asset_id"])
    op.create_table(
        "index_tasks",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("index_id", sa.String(24), nullable=False),
        sa.Column("video_id", sa.String(24), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("filename_folded", sa.Text, nullable=False),
        sa.Column("duration", sa.Float),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_tasks"),
        sa.ForeignKeyConstraint(
            ["index_id"], ["indexes.id"], name="fk_index_tasks_index_id_indexes", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_index_tasks_account_created_at", "index_tasks", ["account", "created_at", "id"])
    op.create_index("ix_index_tasks_index_id", "index_tasks", ["index_id"])
    op.create_index("ix_index_tasks_video_id", "index_tasks", ["video_id"])
    op.add_column("deliveries", sa.Column("index_task_id", sa.String(24)))


def downgrade() -> None:
    op.drop_column("deliveries", "index_task_id")
    for table in ("index_tasks", "videos", "indexes"):
        op.drop_table(table)

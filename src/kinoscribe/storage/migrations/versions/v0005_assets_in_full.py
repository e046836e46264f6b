"""Gives assets what their processing by a worker needs, and their thumbnails a table."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = ("upload_id", "wants_thumbnail", "owner", "lease_until", "attempt", "run_at")


def upgrade() -> None:
    op.add_column("assets", sa.Column("upload_id", sa.String(24)))
    false = sa.text("false")
    op.add_column("assets", sa.Column("wants_thumbnail", sa.Boolean, nullable=False, server_default=false))
    op.add_column("assets", sa.Column("owner", sa.String(64)))
    op.add_column("assets", sa.Column("lease_until", sa.BigInteger))
    op.add_column("assets", sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("assets", sa.Column("run_at", sa.BigInteger))
    op.create_table(
        "asset_thumbnails",
        sa.Column("asset_id", sa.String(24), nullable=False),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("asset_id", name="pk_asset_thumbnails"),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name="fk_asset_thumbnails_asset_id_assets", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("asset_thumbnails")
    for name in reversed(_COLUMNS):
        op.drop_column("assets", name)

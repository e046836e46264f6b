"""Makes the index by which the bytes that accounts hold are added up without reading a single asset."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    here = sa.text("content IS NOT NULL")
    op.create_index("ix_assets_held", "assets", ["account", "size"], sqlite_where=here, postgresql_where=here)


def downgrade() -> None:
    op.drop_index("ix_assets_held", "assets")

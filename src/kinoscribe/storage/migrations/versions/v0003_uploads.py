"""Makes the tables of multipart uploads and their chunks."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Not used yet."""


def downgrade() -> None:
    """Nothing to take back yet."""

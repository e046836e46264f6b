"""Makes the tables of indexes and the videos in them."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Not used yet."""


def downgrade() -> None:
    """Nothing to take back yet."""

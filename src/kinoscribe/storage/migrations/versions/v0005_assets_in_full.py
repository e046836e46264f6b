"""Gives assets what their processing by a worker needs."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Not used yet."""


def downgrade() -> None:
    """Nothing to take back yet."""

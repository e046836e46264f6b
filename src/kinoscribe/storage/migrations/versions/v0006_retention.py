"""Makes room for what ages are told by."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Not used yet."""


def downgrade() -> None:
    """Nothing to take back yet."""

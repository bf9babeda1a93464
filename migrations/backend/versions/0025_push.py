"""Reserved."""

from migrations.sql import run

revision = "0025_push"
down_revision = "0024_channels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

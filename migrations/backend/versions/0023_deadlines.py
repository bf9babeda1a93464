"""Reserved."""

from migrations.sql import run

revision = "0023_deadlines"
down_revision = "0022_backups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

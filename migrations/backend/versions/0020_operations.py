"""Reserved."""

from migrations.sql import run

revision = "0020_operations"
down_revision = "0019_administration"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

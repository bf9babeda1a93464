"""Reserved."""

from migrations.sql import run

revision = "0026_statistics"
down_revision = "0025_push"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""Reserved."""

from migrations.sql import run

revision = "0037_abuse"
down_revision = "0036_merging"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

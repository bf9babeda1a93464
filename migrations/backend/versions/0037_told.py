"""What the worker told once is kept by the worker alone."""

from migrations.sql import run

revision = "0037_told"
down_revision = "0036_abuse"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

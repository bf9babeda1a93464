"""The queue (procrastinate 3.10)."""

from migrations.sql import run

revision = "0006_jobs"
down_revision = "0005_platform"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

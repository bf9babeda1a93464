"""Routing, reports, their timeline, visibility and changes."""

from migrations.sql import run

revision = "0007_reports"
down_revision = "0006_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""The inbox in the app."""

from migrations.sql import run

revision = "0008_notifications"
down_revision = "0007_reports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""Limits shared by all processes: one row a key, one round trip a decision."""

from migrations.sql import run

revision = "0010_limits"
down_revision = "0008_notifications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""Retention by rule, and what a granted deletion takes beside the account."""

from migrations.sql import run

revision = "0039_retention"
down_revision = "0038_merging"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

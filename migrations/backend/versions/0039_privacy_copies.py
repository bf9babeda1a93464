"""Copies of one's own data."""

from migrations.sql import run

revision = "0039_privacy_copies"
down_revision = "0039_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

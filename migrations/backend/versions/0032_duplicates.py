"""Followers of reports, and reports near a place."""

from migrations.sql import run

revision = "0032_duplicates"
down_revision = "0029_contact"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

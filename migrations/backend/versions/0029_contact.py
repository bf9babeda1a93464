"""Contacts of the people behind reports, sealed."""

from migrations.sql import run

revision = "0029_contact"
down_revision = "0028_work"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""Holes that a reading found: recoveries, notices, places for evidence, what who leaves takes along."""

from migrations.sql import run

revision = "0033_holes"
down_revision = "0032_duplicates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

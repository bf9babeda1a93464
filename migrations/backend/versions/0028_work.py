"""Officers' work: assignments, internal notes."""

from migrations.sql import run

revision = "0028_work"
down_revision = "0027_evidence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

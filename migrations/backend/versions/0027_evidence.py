"""Closing with evidence or a reasoned refusal; additions, withdrawal, rating, one reopening."""

from migrations.sql import run

revision = "0027_evidence"
down_revision = "0026_statistics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

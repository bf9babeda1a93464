"""The audit log: events, pseudonym keys, the log and its leaves, counted refusals."""

from migrations.sql import run

revision = "0003_audit"
down_revision = "0002_identity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

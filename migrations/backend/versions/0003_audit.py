"""The audit log: events, pseudonym keys, the log and its leaves, counted refusals.

Revision ID: 0003_audit
Revises: 0002_identity
"""

from migrations.sql import run

revision = "0003_audit"
down_revision = "0002_identity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run `sql/0003_audit.sql`."""
    run(__file__)


def downgrade() -> None:
    """Never: a log that can be taken away is none."""
    raise NotImplementedError("the audit log is not removed")

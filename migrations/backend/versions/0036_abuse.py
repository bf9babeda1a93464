"""Blocks of senders who abuse reports: with a reason and a term, seen by them, appealed once."""

from migrations.sql import run

revision = "0036_abuse"
down_revision = "0035_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

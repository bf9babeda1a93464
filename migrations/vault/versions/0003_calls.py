"""Proofs that were used."""

from migrations.sql import run

revision = "0003_calls"
down_revision = "0002_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="vault_owner")

"""The access ledger: who opened what of whom, shown to the person."""

from migrations.sql import run

revision = "0035_ledger"
down_revision = "0034_privacy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

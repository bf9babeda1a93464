"""Consents, requests of data subjects, the register of processing; the data-protection officer's duty."""

from migrations.sql import run

revision = "0034_privacy"
down_revision = "0033_holes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""The vault's own second factor."""

from migrations.sql import run

revision = "0008_second_factor"
down_revision = "0007_records"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="vault_owner")

"""Records, sealed, and results of writes."""

from migrations.sql import run

revision = "0007_records"
down_revision = "0006_tree"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="vault_owner")

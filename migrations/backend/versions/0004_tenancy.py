"""Units, officials, duties, citizens."""

from migrations.sql import run

revision = "0004_tenancy"
down_revision = "0003_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

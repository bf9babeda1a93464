"""Idempotent answers; partitions."""

from migrations.sql import run

revision = "0005_platform"
down_revision = "0004_tenancy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

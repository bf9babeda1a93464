"""Whoever keeps the keys brings records' data keys to newer epochs; older epochs can then be destroyed."""

from migrations.sql import run

revision = "0010_destruction"
down_revision = "0009_credential_resets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="vault_owner")

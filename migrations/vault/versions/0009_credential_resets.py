"""Resets of credentials at Keycloak."""

from migrations.sql import run

revision = "0009_credential_resets"
down_revision = "0008_second_factor"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="vault_owner")

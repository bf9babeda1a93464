"""The register of authority."""

from migrations.sql import run

revision = "0005_authority"
down_revision = "0004_keyring"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="vault_owner")

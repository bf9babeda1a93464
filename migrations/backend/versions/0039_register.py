"""The register of processing as it is true now."""

from migrations.sql import run

revision = "0039_register"
down_revision = "0039_privacy_copies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

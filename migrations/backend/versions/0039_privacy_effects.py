"""What follows from consents and from answers to requests of data subjects."""

from migrations.sql import run

revision = "0039_privacy_effects"
down_revision = "0037_told"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

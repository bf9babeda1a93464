"""Reserved."""

from migrations.sql import run

revision = "0016_officials"
down_revision = "0015_directory"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

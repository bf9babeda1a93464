"""Reserved."""

from migrations.sql import run

revision = "0022_backups"
down_revision = "0021_media_release"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

"""Release of files by an officer, and what the public page shows of them."""

from migrations.sql import run

revision = "0021_media_release"
down_revision = "0020_operations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

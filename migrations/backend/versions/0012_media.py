"""Media: files of reports, private until released."""

from migrations.sql import run

revision = "0012_media"
down_revision = "0011_feed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

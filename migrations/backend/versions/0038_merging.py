"""Near duplicates are merged into one report, and taken apart again."""

from migrations.sql import run

revision = "0038_merging"
down_revision = "0039_privacy_effects"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

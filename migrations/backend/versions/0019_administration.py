"""Units, categories, routing rules and calendars as data that administrators change; the history of it.

Rules that there are become the first set of rules, in force since the earliest of them.
"""

from migrations.sql import run

revision = "0019_administration"
down_revision = "0018_devices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

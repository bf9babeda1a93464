"""Channels: who hands in reports of others, what came in, and what goes back."""

from migrations.sql import run

revision = "0024_channels"
down_revision = "0023_deadlines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

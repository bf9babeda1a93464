"""The role of what counts the edge's refusals."""

from migrations.sql import run_as_login

revision = "0013_edge"
down_revision = "0012_media"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_as_login(__file__)

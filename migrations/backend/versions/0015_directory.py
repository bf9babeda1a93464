"""What is asked of the directory: requests, what officers signed, the steps done, what was used once."""

from migrations.sql import run

revision = "0015_directory"
down_revision = "0014_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

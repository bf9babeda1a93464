"""Citizens' accounts: proven numbers, messages, recovery, deletion, reports that wait for an owner."""

from migrations.sql import run

revision = "0017_accounts"
down_revision = "0016_officials"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

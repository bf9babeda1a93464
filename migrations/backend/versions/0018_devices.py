"""Sessions and devices as their owners see them; keys blocked for ever; ends that leave one session."""

from migrations.sql import run

revision = "0018_devices"
down_revision = "0017_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")

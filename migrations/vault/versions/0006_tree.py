"""The role of the vault's relay; the tree of the vault's log, its checkpoints and cosignatures."""

from migrations.sql import run_as_login

revision = "0006_tree"
down_revision = "0005_authority"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_as_login(__file__)

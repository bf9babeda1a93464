"""Owner and runtime roles of the vault's cluster."""

from migrations.sql import run_as_login

revision = "0001_roles"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_as_login(__file__)

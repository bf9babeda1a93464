"""The vault's own log, and what a process asks before it takes work."""

from alembic import op

from migrations.sql import run

revision = "0002_audit"
down_revision = "0001_roles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As the login role, whose table it is.
    op.execute("GRANT USAGE ON SCHEMA migration TO vault_owner")
    op.execute("GRANT SELECT ON migration.alembic_version TO vault_owner")
    run(__file__, owner="vault_owner")

"""Processes ask how far the database is migrated: the owner may read Alembic's table, nobody else."""

from alembic import op

from migrations.sql import run

revision = "0020_operations"
down_revision = "0019_administration"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As the login role, whose table it is.
    op.execute("GRANT USAGE ON SCHEMA migration TO backend_owner")
    op.execute("GRANT SELECT ON migration.alembic_version TO backend_owner")
    run(__file__, owner="backend_owner")

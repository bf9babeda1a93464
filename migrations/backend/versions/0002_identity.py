"""Identity: proof replay, ends of sessions, first uses, cursors of Keycloak's events.

Revision ID: 0002_identity
Revises: 0001_roles
"""

from migrations.sql import run

revision = "0002_identity"
down_revision = "0001_roles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run `sql/0002_identity.sql`."""
    run(__file__, owner="backend_owner")


def downgrade() -> None:
    """Never: forgetting the ends of sessions would revive them."""
    raise NotImplementedError("ends of sessions are not forgotten")

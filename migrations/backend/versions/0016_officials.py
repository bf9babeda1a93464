"""Officials: code, state, who changed what, resets by two, reviews; the duty that administers people."""

from alembic import op
from sqlalchemy import text

from foundation.vietnamese import fold
from migrations.sql import run

revision = "0016_officials"
down_revision = "0015_directory"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(__file__, owner="backend_owner")
    connection = op.get_bind()
    # What people are found by is made in Python: the database folds no Vietnamese letters.
    connection.execute(text("SET LOCAL ROLE backend_owner"))
    for official_id, name in connection.execute(text("SELECT id, name FROM tenancy.official")).all():
        connection.execute(
            text("UPDATE tenancy.official SET search_text = :folded WHERE id = :id"),
            {"id": official_id, "folded": fold(name)},
        )
    connection.execute(text("RESET ROLE"))

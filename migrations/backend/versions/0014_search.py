"""Search of reports by folded words, and the words of the reports that are there."""

from alembic import op
from sqlalchemy import text

from foundation.vietnamese import words
from migrations.sql import run

revision = "0014_search"
down_revision = "0013_edge"
branch_labels = None
depends_on = None

_ALL = text("SELECT id, body, place, code FROM reports.report")
_KEEP = text("SELECT reports.write_search(:id, cast(:words AS text[]))")


def upgrade() -> None:
    run(__file__, owner="backend_owner")
    connection = op.get_bind()
    connection.execute(text("SET LOCAL ROLE backend_owner"))
    for report in connection.execute(_ALL).all():
        found = words(f"{report.body} {report.place} {report.code}")
        connection.execute(_KEEP, {"id": report.id, "words": list(found)})
    connection.execute(text("RESET ROLE"))

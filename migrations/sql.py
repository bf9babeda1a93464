"""Revisions are versioned .sql files: what reviewers read is what runs."""

from pathlib import Path

from alembic import op
from sqlalchemy import Connection, text


def run(revision_file: str, owner: str) -> None:
    """Execute `sql/<stem>.sql` of the revision's own database, as the owner role."""
    connection = op.get_bind()
    connection.execute(text(f"SET LOCAL ROLE {owner}"))
    _execute(connection, _script(revision_file))
    connection.execute(text("RESET ROLE"))


def run_as_login(revision_file: str) -> None:
    """Execute a revision that makes roles: the owner can't, the migrator's login role can."""
    _execute(op.get_bind(), _script(revision_file))


def _execute(connection: Connection, script: str) -> None:
    # The driver's own call: several statements at once, and a percent sign is a percent sign.
    connection.connection.driver_connection.execute(script)  # type: ignore[union-attr]  # psycopg's connection


def _script(revision_file: str) -> str:
    revision = Path(revision_file)
    return (revision.parent.parent / "sql" / f"{revision.stem}.sql").read_text(encoding="utf-8")

"""Revisions are versioned .sql files: what reviewers read is what runs."""

from pathlib import Path

from alembic import op


def run(revision_file: str) -> None:
    """Execute `sql/<stem>.sql` of the revision's own database. Statements are separated by PostgreSQL itself."""
    revision = Path(revision_file)
    script = revision.parent.parent / "sql" / f"{revision.stem}.sql"
    op.get_bind().exec_driver_sql(script.read_text(encoding="utf-8"))

"""The walls of a migrated database are those that were agreed on: security_tests/golden/backend.txt.

It needs a database, so it is a test and no part of `./ioc check`. After a wanted change:
`python -m security_tests.golden --write --settings FILE` on a migrated database, and read the difference.
"""

from security_tests.golden import FOLDER, describe
from tests.conftest import Database


def _agreed() -> list[str]:
    return (FOLDER / "backend.txt").read_text(encoding="utf-8").splitlines()


def _found(database: Database, *changes: str) -> list[str]:
    with database.cluster.connect(database.name) as superuser:
        for change in changes:
            superuser.execute(change.encode())
        return describe(superuser, "backend").splitlines()


def test_walls_are_as_agreed(database: Database) -> None:
    assert _found(database) == _agreed()


def test_removed_force_shows(database: Database) -> None:
    found = _found(database, "ALTER TABLE reports.report NO FORCE ROW LEVEL SECURITY")
    assert set(found) - set(_agreed()) == {"table reports.report owner=backend_owner rls=enabled"}


def test_grant_on_one_partition_shows(database: Database) -> None:
    part = (
        "(SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'reports.timeline'::regclass LIMIT 1)"
    )
    grant = f"DO $$ BEGIN EXECUTE format('GRANT SELECT ON %s TO backend_app', {part}); END $$"
    found = _found(database, grant)
    assert set(found) - set(_agreed()) == {"table partition of reports.timeline grant SELECT to backend_app"}


def test_loosened_search_path_shows(database: Database) -> None:
    found = _found(database, "ALTER FUNCTION citizens.resolve RESET search_path")
    wanted = "citizens.resolve(text,text,uuid) owner=backend_owner DEFINER no settings grants={backend_app}"
    assert set(found) - set(_agreed()) == {f"function {wanted}"}

"""What a runtime role may do beside reading and writing rows, and what row-level security can't stop."""

import psycopg
import pytest

from security_tests.attacks.database.scene import DENIED, Rows, Scene
from stack.postgres import PostgresCluster

RUNTIME = ("backend_app", "backend_worker", "backend_relay", "backend_directory")
DATABASE_RIGHTS = "SELECT datacl::text FROM pg_database WHERE datname = %s"


def test_row_security_off_is_an_error_not_a_way_round(scene: Scene) -> None:
    with scene.as_role("backend_app", "minh") as connection:
        connection.execute("SET LOCAL row_security = off")
        assert scene.outcome(connection, "SELECT code FROM reports.report") == DENIED


def test_copy_out_without_settings_copies_nothing(scene: Scene) -> None:
    copying = "COPY reports.report TO STDOUT"
    with scene.as_role("backend_app") as connection, connection.cursor().copy(copying) as copy:
        assert [bytes(row) for row in copy] == []


def test_copy_into_a_list_is_refused(scene: Scene) -> None:
    with scene.as_role("backend_app", "lan") as connection:
        assert scene.outcome(connection, "COPY reports.report_visibility FROM STDIN") == DENIED


@pytest.mark.parametrize("role", RUNTIME)
@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE backend_owner",
        "SET ROLE backend_migrator",
        "SET SESSION AUTHORIZATION backend_owner",
        "CREATE TEMP TABLE t (n int)",
        "CREATE TABLE reports.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION jobs.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE reports.report DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE reports.report NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY report_read ON reports.report",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "GRANT backend_owner TO CURRENT_USER",
        "TRUNCATE reports.report",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/leak'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_runtime_role_is_denied(scene: Scene, role: str, statement: str) -> None:
    with scene.as_role(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_worker_does_not_become_the_city(scene: Scene) -> None:
    with scene.as_role("backend_worker") as connection:
        assert scene.outcome(connection, "SET ROLE backend_city") == DENIED


@pytest.mark.parametrize("column", ["body", "place", "answer", "h3_cell", "routing_reason"])
def test_worker_does_not_read_what_was_written(scene: Scene, column: str) -> None:
    with scene.as_role("backend_worker") as connection:
        assert scene.outcome(connection, f"SELECT {column} FROM reports.report") == DENIED


def test_relay_sees_no_report(scene: Scene) -> None:
    with scene.as_role("backend_relay") as connection:
        assert scene.outcome(connection, "SELECT code FROM reports.report") == DENIED


def test_forged_settings_open_another_unit(scene: Scene) -> None:
    """Not a wall: whoever runs SQL of his own as backend_app forges the settings (threats.md).

    Row-level security protects from a forgotten WHERE. Against injected SQL stand bind parameters alone.
    """
    with scene.as_role("backend_app", "minh") as connection:
        connection.execute("SELECT set_config('ioc.units', %(hidden_unit)s::text, true)", scene.facts)
        found = scene.outcome(connection, "SELECT code FROM reports.report WHERE code = %(hidden_code)s")
    assert found == Rows(((scene.facts["hidden_code"],),))


def test_forged_city_role_opens_every_report(scene: Scene) -> None:
    """Not a wall either: backend_app may take the city's role, for city-level duties need it."""
    with scene.as_role("backend_app", "minh") as connection:
        connection.execute("SET LOCAL ROLE backend_city")
        found = scene.outcome(connection, "SELECT count(*) FROM reports.report")
    assert found == Rows(((3,),))


def test_volumes_of_tables_are_readable_for_who_runs_sql(scene: Scene) -> None:
    """Not a wall: pg_class and pg_stat count all rows. The API runs no statement that shows them."""
    with scene.as_role("backend_app") as connection:
        found = scene.outcome(
            connection, "SELECT reltuples FROM pg_class WHERE oid = 'reports.report'::regclass"
        )
    assert found == Rows(((3.0,),))


def test_settings_end_with_their_transaction(scene: Scene) -> None:
    with scene.as_role("backend_app", "minh") as connection:
        connection.rollback()
        assert scene.outcome(connection, "SELECT code FROM reports.report") == Rows()


def test_empty_settings_are_nothing_not_an_error(scene: Scene) -> None:
    with scene.as_role("backend_app") as connection:
        connection.execute("SELECT set_config('ioc.units', '', true), set_config('ioc.citizen', '', true)")
        assert scene.outcome(connection, "SELECT code FROM reports.report") == Rows()


def test_copied_database_has_the_rights_of_its_template(
    backend_cluster: PostgresCluster, scene: Scene, migrated_template: str
) -> None:
    """CREATE DATABASE … TEMPLATE does not copy them: without that, everybody may connect and make tables."""
    with backend_cluster.connect() as superuser:
        copied = superuser.execute(DATABASE_RIGHTS, (scene.database.name,)).fetchone()
        assert copied == superuser.execute(DATABASE_RIGHTS, (migrated_template,)).fetchone()


def test_nobody_else_may_connect(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        everybody = superuser.execute(
            "SELECT a.privilege_type FROM pg_database d,"
            " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a"
            " WHERE d.datname = current_database() AND a.grantee = 0"
        ).fetchall()
    assert everybody == []

"""The clusters trust nobody, and copies of a database keep their rights."""

from pathlib import Path

import psycopg
import pytest

from stack.home import Home
from stack.postgres import PostgresCluster
from tests.conftest import Database


def _connect(database: Database, role: str, password: str | None) -> psycopg.Connection:
    return psycopg.connect(
        host=database.host, port=database.port, dbname=database.name, user=role, password=password
    )


def test_role_with_its_password_is_let_in(database: Database) -> None:
    settings = database.settings("backend_app")
    with _connect(database, "backend_app", settings.password_file.read_text()) as connection:
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row == ("backend_app", database.name)


@pytest.mark.parametrize("role", ["backend_app", "backend_migrator", "backend_superuser"])
def test_wrong_password_is_refused(database: Database, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _connect(database, role, "wrong")


def test_superuser_without_password_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        _connect(database, database.superuser, None)


def test_every_rule_demands_scram(backend_cluster: PostgresCluster) -> None:
    with backend_cluster.connect() as connection:
        rows = connection.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
    assert rows == [("local", "scram-sha-256"), ("local", "scram-sha-256")]


def test_cluster_listens_on_no_network(backend_cluster: PostgresCluster) -> None:
    with backend_cluster.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_stranger_has_no_right_on_a_copy(database: Database) -> None:
    with database.cluster.connect() as connection:
        row = connection.execute(
            "SELECT has_database_privilege('public', %s, 'CONNECT')", (database.name,)
        ).fetchone()
    assert row == (False,)


def test_password_files_are_the_owners_only(database: Database) -> None:
    modes = {path.stat().st_mode & 0o777 for path in database.cluster.home.folder.glob("secrets/*")}
    assert modes == {0o600}


def test_link_in_the_data_folder_is_not_followed(test_home: Home, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    cluster = PostgresCluster(test_home, "linked", durable=False)
    cluster.initialise()
    try:
        for name in ("pg_hba.conf", "postgresql.auto.conf"):
            (cluster.data / name).unlink()
            (cluster.data / name).symlink_to(victim)
        cluster.command()
        assert (victim.read_text(encoding="utf-8"), (cluster.data / "pg_hba.conf").is_symlink()) == (
            "mine",
            False,
        )
    finally:
        cluster.remove()

"""The vault's database: its walls as agreed on, and what its one role can't do.

After a wanted change: `python -m security_tests.golden --write --settings FILE` on a migrated database.
"""

import psycopg
import pytest

from foundation.database.connections import for_psycopg
from security_tests.golden import FOLDER, describe
from tests.parts import Database


def _app(database: Database) -> psycopg.Connection:
    return psycopg.connect(**for_psycopg(database.settings("vault_app")), autocommit=True)


def test_walls_are_as_agreed(vault_database: Database) -> None:
    with vault_database.cluster.connect(vault_database.name) as superuser:
        found = describe(superuser, "vault").splitlines()
    assert found == (FOLDER / "vault.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM calls.proof",
        "DELETE FROM calls.proof",
        "UPDATE calls.proof SET jti = 'x'",
        "SELECT * FROM audit.event",
        "DELETE FROM audit.event",
        "UPDATE audit.log SET next_sequence = 7",
        "SELECT * FROM audit.pseudonym_key",
        "SELECT audit.open_epoch(NULL, 7)",
        "CREATE TEMPORARY TABLE x (y int)",
        "CREATE SCHEMA mine",
        "SET ROLE vault_owner",
    ],
)
def test_vault_can_not(vault_database: Database, statement: str) -> None:
    with _app(vault_database) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_proof_of_another_device_is_not_written(vault_database: Database) -> None:
    insert = "INSERT INTO calls.proof (jkt, jti) VALUES (%s, 'j')"
    with _app(vault_database) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(insert, ("a" * 43,))
        with connection.transaction():
            connection.execute("SELECT set_config('ioc.device', %s, true)", ("a" * 43,))
            connection.execute(insert, ("a" * 43,))
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(insert, ("b" * 43,))


def test_sweep_forgets_what_can_not_come_back(vault_database: Database) -> None:
    with vault_database.cluster.connect(vault_database.name) as superuser:
        superuser.execute(
            "INSERT INTO calls.proof (jkt, jti, used)"
            " VALUES (repeat('a', 43), 'old', now() - interval '151 s'),"
            " (repeat('a', 43), 'new', now() - interval '149 s')"
        )
        with _app(vault_database) as connection:
            assert connection.execute("SELECT calls.sweep()").fetchone() == (1,)
        assert superuser.execute("SELECT jti FROM calls.proof").fetchall() == [("new",)]


def test_no_role_of_the_vault_is_let_into_the_backends_cluster(backend_cluster, vault_database) -> None:
    settings = for_psycopg(vault_database.settings("vault_app")) | {
        "host": str(backend_cluster.sockets),
        "dbname": "backend",
    }
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**settings)

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
        "SELECT * FROM keyring.epoch_key",
        "INSERT INTO keyring.epoch_key (tenant, class, epoch, wrapped) VALUES ('00070', 1, 1, 'x')",
        "DELETE FROM keyring.epoch_key",
        "UPDATE calls.request_key SET wrapped = 'x'",
        "DELETE FROM calls.request_key",
        "SET ROLE vault_keyring",
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


WRAPPED = "vault:v1:" + "A" * 80


def test_epoch_is_found_by_its_whole_name_alone(vault_database: Database) -> None:
    with _app(vault_database) as connection:
        connection.execute("SELECT keyring.begin('00070', 3, %s)", (WRAPPED,))
        connection.execute("SELECT keyring.begin('00070', 3, %s)", (WRAPPED.replace("A", "B"),))
        find = "SELECT * FROM keyring.find(%s, %s, %s)"
        assert connection.execute(find, ("00070", 3, None)).fetchall() == [(1, WRAPPED)]
        for name in (("00071", 3, None), ("00070", 2, None), ("00070", 3, 2), (None, 3, None)):
            assert connection.execute(find, name).fetchall() == []


def test_first_epoch_is_not_begun_again_when_later_ones_stand(vault_database: Database) -> None:
    with vault_database.cluster.connect(vault_database.name) as superuser:
        superuser.execute(
            "INSERT INTO keyring.epoch_key (tenant, class, epoch, wrapped) VALUES ('00070', 3, 2, %s)",
            (WRAPPED,),
        )
        with _app(vault_database) as connection:
            assert connection.execute("SELECT keyring.begin('00070', 3, %s)", (WRAPPED,)).fetchone() == (
                None,
            )
        assert superuser.execute("SELECT epoch FROM keyring.epoch_key").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM calls.request_key",
        "SELECT keyring.begin('00070', 3, 'x')",
        "UPDATE keyring.epoch_key SET tenant = '00071'",
        "INSERT INTO audit.event (id, line) VALUES (gen_random_uuid(), '{}')",
        "SET ROLE vault_owner",
    ],
)
def test_rotator_can_not(vault_database: Database, statement: str) -> None:
    settings = for_psycopg(vault_database.settings("vault_keyring"))
    with (
        psycopg.connect(**settings, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_seed_is_gone_an_hour_after_its_keys_end(vault_database: Database) -> None:
    insert = (
        "INSERT INTO calls.request_key (kid, made, not_after, wrapped) VALUES"
        " ('\\x0000000000000001', now() - interval '49 h 1 min', now() - interval '1 h 1 min', %s),"
        " ('\\x0000000000000002', now() - interval '48 h 50 min', now() - interval '50 min', %s)"
    )
    with _app(vault_database) as connection:
        connection.execute(insert.encode(), (WRAPPED, WRAPPED))
        assert connection.execute("SELECT calls.forget_request_keys()").fetchone() == (1,)
        assert connection.execute("SELECT kid FROM calls.request_key").fetchall() == [(b"\0" * 7 + b"\2",)]

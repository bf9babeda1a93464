"""What is done to a restored backend: nothing taken away is given back, the log has a new name."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Database


def _ask(database: Database, statement: str, *values: object) -> Any:
    with database.cluster.connect(database.name) as connection:
        row = connection.execute(statement.encode(), values or None).fetchone()
    assert row is not None
    return row[0]


_NOTHING: dict[str, Any] = {"keys": [], "devices": [], "officials": [], "duties": [], "deletions": []}


def test_blocked_key_is_blocked_again(database: Database) -> None:
    taken = _NOTHING | {"keys": [{"iss": "i", "sub": "s", "jkt": "k"}]}
    done = _ask(database, "SELECT recovery.take_again(%s)", Jsonb(taken))
    assert (done["keys"], _ask(database, "SELECT recovery.taken() -> 'keys'")) == (1, taken["keys"])


def test_epoch_is_above_every_one_that_there_was(database: Database) -> None:
    assert _ask(database, "SELECT audit.open_epoch(NULL, 7)").endswith("/backend/8")
    assert _ask(database, "SELECT audit.open_epoch(NULL, 3)").endswith("/backend/9")


def test_sessions_of_every_person_of_the_issuer_are_over(database: Database) -> None:
    _ask(database, "SELECT recovery.end_sessions(ARRAY['https://a'], 'restore:1')")
    admit = (
        "SELECT identity.admit(%s, 'sub', 'sid', clock_timestamp() - interval '1 minute', 'jkt', %s,"
        " clock_timestamp() + interval '1 second')"
    )
    assert _ask(database, admit, "https://a", "one") == "ended"
    assert _ask(database, admit, "https://b", "two") == "unseen"


@pytest.mark.parametrize("role", ["backend_app", "backend_worker", "backend_directory", "backend_relay"])
def test_no_runtime_role_may_settle(database: Database, role: str) -> None:
    assert _ask(database, "SELECT has_schema_privilege(%s, 'recovery', 'USAGE')", role) is False

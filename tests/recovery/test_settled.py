"""What is done to a restored backend: nothing taken away is given back, the log has a new name."""

from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Database


def _ask(database: Database, statement: str, *values: object) -> Any:
    with database.cluster.connect(database.name) as connection:
        row = connection.execute(statement.encode(), values or None).fetchone()
    assert row is not None
    return row[0]


def _do(database: Database, *statements: str, **values: object) -> None:
    """As the superuser, past triggers and foreign keys: of each table only the row that matters is made."""
    with database.cluster.connect(database.name) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode(), values)


_NOTHING: dict[str, Any] = {"keys": [], "devices": [], "officials": [], "duties": [], "deletions": []}
_CITIZEN = (
    "INSERT INTO citizens.citizen (id, issuer, subject) VALUES (%(id)s, %(issuer)s, %(id)s::uuid::text)"
)
_ASKED = (
    "INSERT INTO citizens.deletion (citizen_id, asked_at, due_at)"
    " VALUES (%(id)s, now(), now() + interval '7 days')"
)
_DELETION = (
    "SELECT count(*) FROM citizens.deletion WHERE citizen_id = %s AND state = 'asked' AND due_at <= now()"
)
_FILE = """
INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, width, height, octets,
  created_at, version, released_at, released_by)
VALUES (%(id)s, %(id)s, 1, %(id)s, 'photo', 'released', 'image/jpeg', 1, 1, 1, now(), 2, now(), %(id)s)
"""
_TEXT = "INSERT INTO releases.text VALUES (%(id)s, 'released', 'Số 0912…', 1, now(), %(id)s)"


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


def test_account_that_was_deleted_and_forgotten_since_is_deleted_again(database: Database) -> None:
    citizen = str(uuid4())
    _do(database, _CITIZEN, id=citizen, issuer="urn:ioc:deleted")
    taken = _ask(database, "SELECT recovery.taken()")
    _do(database, "UPDATE citizens.citizen SET issuer = 'https://a' WHERE id = %(id)s", id=citizen)
    done = _ask(database, "SELECT recovery.take_again(%s)", Jsonb(taken))
    assert (done["forgotten"], _ask(database, _DELETION, citizen)) == (1, 1)


def test_deletion_that_was_asked_for_before_is_due_when_it_was_carried_out_since(database: Database) -> None:
    citizen = str(uuid4())
    _do(database, _CITIZEN, id=citizen, issuer="urn:ioc:deleted")
    taken = _ask(database, "SELECT recovery.taken()")
    _do(database, "UPDATE citizens.citizen SET issuer = 'https://a' WHERE id = %(id)s", _ASKED, id=citizen)
    _ask(database, "SELECT recovery.take_again(%s)", Jsonb(taken))
    assert _ask(database, _DELETION, citizen) == 1


def test_deletion_that_was_taken_back_since_does_not_come_back(database: Database) -> None:
    citizen = str(uuid4())
    _do(database, _CITIZEN, id=citizen, issuer="https://a")
    taken = _ask(database, "SELECT recovery.taken()")
    _do(database, _ASKED, id=citizen)
    done = _ask(database, "SELECT recovery.take_again(%s)", Jsonb(taken))
    left = _ask(database, "SELECT count(*) FROM citizens.deletion WHERE citizen_id = %s", citizen)
    assert (done["kept"], left) == (1, 0)


def test_photo_that_was_taken_back_since_is_not_shown_again(database: Database) -> None:
    photo = str(uuid4())
    _do(
        database,
        _FILE,
        "UPDATE media.object SET state = 'private', version = 3, released_at = NULL, released_by = NULL"
        " WHERE id = %(id)s",
        id=photo,
    )
    taken = _ask(database, "SELECT recovery.taken()")
    _do(database, "DELETE FROM media.object WHERE id = %(id)s", _FILE, id=photo)
    done = _ask(database, "SELECT recovery.take_again(%s)", Jsonb(taken))
    assert (done["files"], _ask(database, "SELECT state FROM media.object WHERE id = %s", photo)) == (
        1,
        "private",
    )


@pytest.mark.parametrize("state", ["withdrawn", "released"])
def test_text_that_was_taken_back_or_replaced_since_is_not_shown_again(
    database: Database, state: str
) -> None:
    report = str(uuid4())
    change = "UPDATE releases.text SET state = %(state)s, body = 'khác', version = 3 WHERE report_id = %(id)s"
    _do(database, _TEXT, change, id=report, state=state)
    taken = _ask(database, "SELECT recovery.taken()")
    _do(database, "DELETE FROM releases.text WHERE report_id = %(id)s", _TEXT, id=report)
    done = _ask(database, "SELECT recovery.take_again(%s)", Jsonb(taken))
    shown = _ask(database, "SELECT state FROM releases.text WHERE report_id = %s", report)
    assert (done["texts"], shown) == (1, "withdrawn")


def test_what_was_released_and_never_taken_back_stays_released(database: Database) -> None:
    report = str(uuid4())
    _do(database, _FILE, _TEXT, id=report)
    done = _ask(database, "SELECT recovery.take_again(recovery.taken())")
    assert (done["files"], done["texts"]) == (0, 0)


def _people(database: Database, *changes: str) -> dict[str, str]:
    """Two people, of whom Lan has a number, after these changes."""
    people = {"lan": str(uuid4()), "hung": str(uuid4())}
    with database.cluster.connect(database.name) as connection:
        for person in people.values():
            connection.execute(_CITIZEN.encode(), {"id": person, "issuer": "https://a"})
        for change in (_HAS, *changes):
            connection.execute(change.encode(), people)
    return people


def _before(database: Database, people: dict[str, str], *moves: str) -> int:
    """The database as of before, where Lan has the number; how many were taken with what is known by now."""
    numbers = _ask(database, "SELECT recovery.numbers()")
    before = (
        "DELETE FROM citizens.phone",
        "DELETE FROM citizens.phone_left",
        "DELETE FROM citizens.phone_move",
    )
    _do(database, *before, _HAS, *moves, **people)
    return int(_ask(database, "SELECT recovery.take_numbers_again(%s)", Jsonb(numbers)))


_DIGEST = "decode(repeat('11', 32), 'hex')"
_HAS = f"INSERT INTO citizens.phone VALUES (%(lan)s, {_DIGEST}, now())"
_MOVE = f"INSERT INTO citizens.phone_move VALUES ({_DIGEST}, %(hung)s, 's', now(), now())"
_MOVED = f"SELECT citizens.move_phone({_DIGEST}, now() + interval '1 day')"
_ANOTHER = "UPDATE citizens.phone SET digest = decode(repeat('22', 32), 'hex')"
_BACK = f"UPDATE citizens.phone SET digest = {_DIGEST}"


@pytest.mark.parametrize("changes", [(_MOVE, _MOVED), (_ANOTHER,)], ids=["moved", "changed"])
def test_number_that_an_account_has_left_since_is_not_given_back(
    database: Database, changes: tuple[str, ...]
) -> None:
    people = _people(database, *changes)
    taken = _before(database, people)
    assert (taken, _ask(database, "SELECT count(*) FROM citizens.phone")) == (1, 0)


def test_number_that_an_account_has_again_stays(database: Database) -> None:
    people = _people(database, _ANOTHER, _BACK)
    taken = _before(database, people)
    assert (taken, _ask(database, "SELECT count(*) FROM citizens.phone")) == (0, 1)


def test_move_that_was_given_up_since_does_not_come_back(database: Database) -> None:
    people = _people(database)
    _before(database, people, _MOVE)
    assert _ask(database, "SELECT count(*) FROM citizens.phone_move") == 0


def test_move_that_still_waits_goes_on(database: Database) -> None:
    people = _people(database, _MOVE)
    _before(database, people, _MOVE)
    assert _ask(database, "SELECT count(*) FROM citizens.phone_move") == 1


def test_who_is_forgotten_leaves_no_number_that_was_left(database: Database) -> None:
    _people(database, _ANOTHER, "UPDATE citizens.citizen SET issuer = 'urn:ioc:deleted' WHERE id = %(lan)s")
    assert _ask(database, "SELECT count(*) FROM citizens.phone_left") == 0

"""What is done to a restored cluster before anybody else sees it: a new log, no session, nothing given back.

`Taken` is what had been taken away by the newest moment that the archive reaches. A restore to an earlier
moment would give it back: blocked devices, suspended people, replaced credentials. So it is taken again.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from stack.postgres import PostgresCluster

# Of Keycloak 26.7: sessions live in these tables, those that are not "offline" too.
_SESSIONS = ("offline_client_session", "offline_user_session")
_NOT_BEFORE = "UPDATE realm SET not_before = extract(epoch FROM clock_timestamp())::integer"
# Of a password what it is, of the others only that they are there: a counter moves at each use.
_CREDENTIALS = """
SELECT id, CASE type WHEN 'password'
  THEN encode(sha256(convert_to(coalesce(secret_data, ''), 'UTF8')), 'hex') ELSE '' END
FROM credential"""
_REPLACED = """
DELETE FROM credential c WHERE NOT EXISTS (
  SELECT FROM unnest(%(ids)s::text[], %(digests)s::text[]) AS n (id, digest)
  WHERE n.id = c.id AND (c.type <> 'password'
    OR n.digest = encode(sha256(convert_to(coalesce(c.secret_data, ''), 'UTF8')), 'hex')))"""
_DISABLED = "SELECT id, enabled FROM user_entity"
_DISABLE = """
UPDATE user_entity u SET enabled = false
WHERE u.enabled AND NOT EXISTS (SELECT FROM unnest(%(enabled)s::text[]) AS n (id) WHERE n.id = u.id)"""
# A number that is another one by now: who has the old one now recovers nothing with it.
_NUMBERS = "SELECT user_id, value FROM user_attribute WHERE name = 'phone_verified'"
_UNVERIFY = """
DELETE FROM user_attribute a WHERE a.name IN ('phone_verified', 'phone_verified_at') AND EXISTS (
  SELECT FROM user_attribute v WHERE v.user_id = a.user_id AND v.name = 'phone_verified' AND NOT EXISTS (
    SELECT FROM unnest(%(owners)s::text[], %(numbers)s::text[]) AS n (id, number)
    WHERE n.id = v.user_id AND n.number = v.value))"""
_OPEN_VAULT_LOG = """
SELECT audit.open_epoch((
  SELECT c.root FROM audit.log l JOIN audit.checkpoint c ON c.epoch = l.epoch AND c.size = l.next_sequence
  ORDER BY l.epoch DESC LIMIT 1), %s)"""
_USED = ("revoked_token", "single_use_object")


def taken_from_backend(cluster: PostgresCluster) -> dict[str, Any]:
    """What the backend had taken away, and the epoch of its log."""
    with cluster.connect(cluster.name) as connection:
        found: dict[str, Any] = _value(connection, "SELECT recovery.taken()")
        found["numbers"] = _value(connection, "SELECT recovery.numbers()")
    return found


def settle_backend(
    cluster: PostgresCluster, taken: dict[str, Any], issuers: Sequence[str], event: str
) -> dict[str, Any]:
    """End sessions, take again, open a new log above every epoch that was; what was done, counted."""
    with cluster.connect(cluster.name) as connection, connection.transaction():
        done: dict[str, Any] = _value(connection, "SELECT recovery.take_again(%s)", Jsonb(taken))
        numbers = Jsonb(taken["numbers"])
        done["numbers"] = _value(connection, "SELECT recovery.take_numbers_again(%s)", numbers)
        done["sessions"] = _value(connection, "SELECT recovery.end_sessions(%s, %s)", list(issuers), event)
        # This log has no tree yet, so the old one has no root to name.
        done["log"] = _value(connection, "SELECT audit.open_epoch(NULL, %s)", taken["epoch"])
    return done


_REVIVED = """
DO $$ BEGIN
  IF to_regclass('calls.request_key') IS NOT NULL THEN  -- a backup of before has none
    DELETE FROM calls.request_key;
  END IF;
END $$
"""


def taken_from_vault(cluster: PostgresCluster) -> dict[str, Any]:
    """The epoch of the vault's log. Nothing else of the vault can be taken away yet."""
    with cluster.connect(cluster.name) as connection:
        return {"epoch": _value(connection, "SELECT max(epoch) FROM audit.log")}


def settle_vault(cluster: PostgresCluster, taken: dict[str, Any]) -> dict[str, Any]:
    """Open a new log above every epoch that was, which names the old one's root if all of it was signed.

    Seeds of request keys that a backup revives go again.
    """
    with cluster.connect(cluster.name) as connection, connection.transaction():
        connection.execute(_REVIVED)
        return {"log": _value(connection, _OPEN_VAULT_LOG, taken["epoch"])}


def media_of(cluster: PostgresCluster) -> set[str]:
    """The media that the database names, as 32 hexadecimal digits."""
    with cluster.connect(cluster.name) as connection:
        rows = connection.execute("SELECT id FROM media.object WHERE state <> 'lost'").fetchall()
    return {row[0].hex for row in rows}


def taken_from_keycloak(cluster: PostgresCluster) -> dict[str, Any]:
    """What there is at Keycloak: what is not there any more was taken away."""
    with cluster.connect("keycloak") as connection:
        credentials = connection.execute(_CREDENTIALS.encode()).fetchall()
        people = connection.execute(_DISABLED.encode()).fetchall()
        numbers = connection.execute(_NUMBERS.encode()).fetchall()
        used = {table: _rows(connection, table) for table in _USED}
    return {
        "ids": [row[0] for row in credentials],
        "digests": [row[1] for row in credentials],
        "enabled": [person for person, enabled in people if enabled],
        "owners": [row[0] for row in numbers],
        "numbers": [row[1] for row in numbers],
        "used": used,
    }


def settle_keycloak(cluster: PostgresCluster, taken: dict[str, Any] | None) -> dict[str, Any]:
    """End every session, refuse every token of before, take again; what was done, counted."""
    done: dict[str, Any] = {}
    with cluster.connect("keycloak") as connection, connection.transaction():
        for table in _SESSIONS:
            done["sessions"] = connection.execute(f"DELETE FROM {table}".encode()).rowcount  # noqa: S608 - ours
        connection.execute(_NOT_BEFORE.encode())
        if taken is not None:
            done["credentials"] = connection.execute(_REPLACED.encode(), taken).rowcount
            done["people"] = connection.execute(_DISABLE.encode(), taken).rowcount
            done["unverified"] = connection.execute(_UNVERIFY.encode(), taken).rowcount
            for table, rows in taken["used"].items():
                _add(connection, table, rows)
    return done


def _rows(connection: psycopg.Connection, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _value(
        connection,
        f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM {table} t",  # noqa: S608 - ours
    )
    return found


def _add(connection: psycopg.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    source = f"jsonb_populate_recordset(NULL::{table}, %s)"
    statement = f"INSERT INTO {table} SELECT * FROM {source} ON CONFLICT DO NOTHING"  # noqa: S608 - ours
    connection.execute(statement.encode(), (Jsonb(rows),))


def _value(connection: psycopg.Connection, statement: str, *values: object) -> Any:
    row = connection.execute(statement.encode(), values or None).fetchone()
    if row is None:
        raise RuntimeError(f"no answer to {statement}")
    return row[0]

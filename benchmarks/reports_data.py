"""Ten years of reports: `python -m benchmarks.reports_data --settings FILE --rows 1000000`.

FILE holds the DatabaseSettings of a superuser on a migrated and seeded database: the load runs with triggers
off, and what they would have written (who sees what) is written by the same rule in bulk. `differences` runs
the triggers on a sample and compares.

What is like a city's: a few wards have most of the reports and many have few, one department has 1 in 3,000;
reports grow over the years; nearly all old ones are closed, all states are among the new; three in ten were
handed over to a department, so that two units see them; one citizen in five has written more than once.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import psycopg

from foundation.settings import DatabaseSettings, load, read_secret
from foundation.vietnamese import words

RARE = "D0003"
YEARS = 10
# What every report of the load says, but for its numbers.
_BODY = (
    "Ngõ phố số Phản ánh số đèn đường tắt từ tối qua mặt đường có ổ gà"
    " rác chưa được thu gom rất mong sớm xử lý"
)

_CITIZENS = """
INSERT INTO citizens.citizen (id, issuer, subject)
SELECT (lpad(to_hex(n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       'https://localhost/realms/benchmark', 'citizen-' || n
FROM generate_series(1, greatest(%(rows)s / 5, 1)) n
"""
_DRAWN = """
CREATE TEMP TABLE drawn ON COMMIT DROP AS
SELECT n, %(now)s::timestamptz - power(random(), 1.4) * make_interval(days => %(days)s) AS created_at,
       random() AS ward, random() AS who, random() AS forwarded, random() AS state, random() AS category
FROM generate_series(1, %(rows)s) n
"""
# A uuidv7 of the moment; codes are 64 of the 80 random bits, in Crockford's alphabet.
_REPORTS = """
INSERT INTO reports.report (id, code, citizen_id, category, ward_id, place, body, state, handler_id,
  participants, visible_units, routing_reason, answer, closing_reason, closed_at, version,
  created_at, updated_at)
SELECT (lpad(to_hex((extract(epoch FROM d.created_at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(d.n::text), 1, 3) || '8' || substr(md5(d.n || 'b'), 1, 15))::uuid,
  upper(substr(md5(d.n || 'code'), 1, 16)), c.id,
  k.codes[1 + floor(d.category * cardinality(k.codes))::int], w.ward,
  'Ngõ ' || d.n %% 400 || ' phố số ' || d.n %% 37,
  'Phản ánh số ' || d.n || ': đèn đường tắt từ tối qua, mặt đường có ổ gà,'
    || ' rác chưa được thu gom, rất mong sớm xử lý.',
  s.state, h.handler, CASE WHEN h.handler = w.ward THEN '{}' ELSE ARRAY[w.ward] END,
  CASE WHEN h.handler = w.ward THEN ARRAY[w.ward] ELSE ARRAY[w.ward, h.handler] END, '{"rule": "benchmark"}',
  CASE WHEN s.state IN ('answered', 'closed') THEN 'Đã xử lý xong.' END,
  CASE WHEN s.state = 'closed' THEN 'resolved' END,
  CASE WHEN s.state = 'closed' THEN d.created_at END, 1, d.created_at, d.created_at
FROM drawn d
CROSS JOIN (SELECT array_agg(code ORDER BY code) AS codes FROM routing.category) k
CROSS JOIN (SELECT array_agg(id ORDER BY code) AS ids FROM tenancy.unit
            WHERE kind IN ('ward', 'commune')) wards
CROSS JOIN (SELECT array_agg(id ORDER BY code) AS ids FROM tenancy.unit
            WHERE kind = 'department' AND code <> %(rare)s) departments
CROSS JOIN (SELECT id FROM tenancy.unit WHERE code = %(rare)s) rare
CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM citizens.citizen
            WHERE issuer = 'https://localhost/realms/benchmark') people
CROSS JOIN LATERAL (SELECT wards.ids[1 + floor(power(d.ward, 2.5) * cardinality(wards.ids))::int] AS ward) w
CROSS JOIN LATERAL (SELECT people.ids[1 + floor(power(d.who, 2) * cardinality(people.ids))::int] AS id) c
CROSS JOIN LATERAL (SELECT CASE
    WHEN d.forwarded < 1.0 / 3000 THEN rare.id
    WHEN d.forwarded < 0.3 THEN departments.ids[1 + floor(power(d.forwarded / 0.3, 2)
                                                         * cardinality(departments.ids))::int]
    ELSE w.ward END AS handler) h
CROSS JOIN LATERAL (SELECT CASE
    WHEN d.created_at < %(now)s::timestamptz - interval '60 days' AND d.state < 0.995 THEN 'closed'
    ELSE (ARRAY['received', 'in_progress', 'awaiting_citizen', 'answered', 'closed'])[1 + d.n %% 5]
    END AS state) s
ORDER BY d.created_at
"""
# As the trigger reports.keep_visibility does for each row.
_VISIBILITY = """
INSERT INTO reports.report_visibility (unit_id, created_at, report_id, state)
SELECT u.id, r.created_at, r.id, r.state FROM reports.report r, unnest(r.visible_units) u(id)
WHERE r.routing_reason = '{"rule": "benchmark"}' ORDER BY r.created_at
"""
_READERS = """
INSERT INTO reports.report_by_reader (reader, code, report_id)
SELECT reports.reader_of_unit(u.id), r.code, r.id FROM reports.report r, unnest(r.visible_units) u(id)
WHERE r.routing_reason = '{"rule": "benchmark"}'
UNION ALL
SELECT r.citizen_id, r.code, r.id FROM reports.report r WHERE r.routing_reason = '{"rule": "benchmark"}'
"""
_INBOX = """
INSERT INTO notifications.inbox (id, recipient, change_id, kind, resource, version, at)
SELECT gen_random_uuid(), r.citizen_id, r.id, 'report.accepted', 'report:' || r.code, 2, r.created_at
FROM reports.report r WHERE r.routing_reason = '{"rule": "benchmark"}'
"""
# As reports.write_search does with foundation.vietnamese.words: the folded words of the text above.
_SEARCH = """
INSERT INTO reports.report_search (report_id, created_at, entry)
SELECT r.id, r.created_at, array_to_tsvector(%(words)s || regexp_split_to_array(
    substring(r.body FROM '[0-9]+') || regexp_replace(r.place, '[^0-9]+', ' ', 'g') || ' ' || lower(r.code),
    ' +') || reports.search_scopes(r.visible_units, r.state, r.created_at))
FROM reports.report r WHERE r.routing_reason = '{"rule": "benchmark"}' ORDER BY r.created_at
"""
_ENTRY_INDEX = "SELECT pg_get_indexdef('reports.report_search_entry'::regclass)"
_SAMPLE = """
CREATE TEMP TABLE sample ON COMMIT DROP AS
SELECT r.*, gen_random_uuid() AS new_id, upper(substr(md5(r.code), 1, 16)) AS new_code
FROM reports.report r WHERE r.routing_reason = '{"rule": "benchmark"}' ORDER BY md5(r.code) LIMIT %(size)s
"""
_BY_TRIGGER = (
    """
    INSERT INTO reports.report (id, code, citizen_id, category, ward_id, place, body, state, handler_id,
      visible_units, routing_reason, version, created_at, updated_at)
    SELECT new_id, new_code, citizen_id, category, ward_id, place, body, 'received',
      coalesce(participants[1], handler_id), '{}', '{}', 1, created_at, updated_at FROM sample
    """,
    """
    UPDATE reports.report r SET handler_id = s.handler_id, state = s.state, closing_reason = s.closing_reason,
      closed_at = s.closed_at
    FROM sample s WHERE r.id = s.new_id
    """,
)
_DIFFERENCES = """
WITH loaded AS (
  SELECT s.id, 'report' AS what, s.participants::text || s.visible_units::text AS value FROM sample s
  UNION ALL SELECT s.id, 'visibility', v.unit_id || v.created_at::text || v.state
            FROM sample s JOIN reports.report_visibility v ON v.report_id = s.id
  UNION ALL SELECT s.id, 'reader', k.reader::text
            FROM sample s JOIN reports.report_by_reader k ON k.report_id = s.id
), triggered AS (
  SELECT s.id, 'report' AS what, r.participants::text || r.visible_units::text AS value
  FROM sample s JOIN reports.report r ON r.id = s.new_id
  UNION ALL SELECT s.id, 'visibility', v.unit_id || v.created_at::text || v.state
            FROM sample s JOIN reports.report_visibility v ON v.report_id = s.new_id
  UNION ALL SELECT s.id, 'reader', k.reader::text
            FROM sample s JOIN reports.report_by_reader k ON k.report_id = s.new_id
)
SELECT what || ': ' || value FROM ((TABLE loaded EXCEPT ALL TABLE triggered)
  UNION ALL (TABLE triggered EXCEPT ALL TABLE loaded)) x
"""


def fill(connection: psycopg.Connection, rows: int, now: str = "2026-11-24T00:00:00Z") -> None:
    """Add `rows` reports. `connection` is a superuser's; everything is one transaction."""
    facts = {"rows": rows, "now": now, "days": YEARS * 365, "rare": RARE, "words": list(words(_BODY))}
    with connection.transaction():
        # Neither triggers nor foreign keys: both are satisfied by what is inserted.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute("SELECT setseed(0.42)")
        for statement in (_CITIZENS, _DRAWN, _REPORTS, _VISIBILITY, _READERS, _INBOX):
            connection.execute(statement.encode(), facts if "%(" in statement else None)
        _fill_search(connection, facts)
    _vacuum(connection)


def _fill_search(connection: psycopg.Connection, facts: dict[str, Any]) -> None:
    """The index is built once, not grown word by word."""
    index = connection.execute(_ENTRY_INDEX).fetchone()
    connection.execute("DROP INDEX reports.report_search_entry")
    connection.execute(_SEARCH, facts)
    connection.execute(
        "INSERT INTO reports.search_word SELECT w FROM unnest(%(words)s::text[]) w WHERE w ~ '^[a-z]{3,8}$'"
        " ON CONFLICT DO NOTHING",
        facts,
    )
    connection.execute(str(index and index[0]).encode())


def _vacuum(connection: psycopg.Connection) -> None:
    """Until every page of the lists is known to be visible: autovacuum's snapshot may hold it up."""
    for _ in range(30):
        connection.execute(
            "VACUUM (ANALYZE) citizens.citizen, reports.report, reports.report_visibility,"
            " reports.report_by_reader, reports.report_search, reports.search_word, notifications.inbox"
        )
        row = connection.execute(
            "SELECT relpages - relallvisible FROM pg_class WHERE oid = 'reports.report_visibility'::regclass"
        ).fetchone()
        if row == (0,):
            return
        time.sleep(0.5)
    raise RuntimeError("something holds a snapshot: VACUUM can't mark pages as visible")


def differences(connection: psycopg.Connection, size: int = 500) -> list[str]:
    """What the triggers would have written otherwise than `fill` did, for a sample; nothing is kept."""
    with connection.transaction(force_rollback=True):
        connection.execute(_SAMPLE, {"size": size})
        for statement in _BY_TRIGGER:
            connection.execute(statement.encode())
        return [row[0] for row in connection.execute(_DIFFERENCES)]


def connect(settings: DatabaseSettings) -> psycopg.Connection:
    """A connection whose statements commit by themselves."""
    return psycopg.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.name,
        user=settings.user,
        password=read_secret(settings.password_file).decode(),
        autocommit=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports_data")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    started = time.monotonic()
    with connect(load(arguments.settings, DatabaseSettings)) as connection:
        fill(connection, arguments.rows)
        wrong = differences(connection)
    if wrong:
        raise SystemExit(f"the load differs from the triggers: {wrong[:5]}")
    print(f"{arguments.rows} reports in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

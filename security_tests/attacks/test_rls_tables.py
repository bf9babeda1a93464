"""Every table there is, also those that come later: without settings nothing, with A's nothing of B's."""

from dataclasses import dataclass

import psycopg
import pytest

from security_tests.attacks.database.scene import Refused, Scene

# What every person may see, and what is no tenant's; each with its reason. A new table belongs to a tenant.
PUBLIC = {
    "routing.category": "reference data",
    "routing.rule": "reference data",
    "routing.rule_set": "reference data: what a report's routing reason names",
    "deadlines.calendar": "reference data",
    "deadlines.hours": "reference data",
    "deadlines.year": "reference data",
    "deadlines.day": "reference data",
    "deadlines.rule_set": "reference data: what a report's countdown names",
    "deadlines.rule": "reference data",
    "deadlines.pause_reason": "reference data",
    "abuse.reason": "reference data: for what a sender may be blocked",
    "ledger.delay_rule": "reference data: by which laws entries of the access ledger are shown late",
    "ledger.month": "totals of months that are over, after the longest delay",
    "privacy.clock": "reference data: how many days a right has",
    "privacy.consent_text": "reference data: what consent is asked for",
    "privacy.retention_rule": "reference data: how long what is kept",
    "reports.legal_reason": "reference data: grounds of refusals",
    "tenancy.unit": "names and codes of the city's units are public; Party bodies have attacks of their own",
    "published.category": "made for everybody, hourly and rounded; written by backend_publisher alone",
    "published.document": "as published.category",
    "published.edition": "as published.category",
    "published.place": "as published.category",
    "published.unit": "as published.category",
    "published.ward": "as published.category",
}
MACHINERY = {
    "audit.event": "INSERT only, so that refusals of unknown callers are recorded",
    "audit.log": "epoch and origin only",
    "audit.leaf": "the relay's",
    "citizens.message": "INSERT only, sealed: what is to be sent by SMS; the worker reads",
    "directory.request": "INSERT only for who asks, whose key signs; the directory reads",
    "directory.asking": "as directory.request",
    "directory.step": "the directory's",
    "directory.used": "the directory's",
    "directory.vouched": "the directory's",
    "identity.session_seen": "INSERT only",
    "identity.session_end": "INSERT only",
    "identity.event_cursor": "the directory's",
    "identity.blocked_key": "INSERT only: a key once given up is blocked for ever",
    "jobs.procrastinate_jobs": "ids can be read, payloads can't; who enqueues needs no principal",
    "jobs.procrastinate_events": "INSERT only",
}
ROLES = ("backend_app", "backend_relay", "backend_directory")
TENANT_SCHEMAS = (
    "abuse",
    "changes",
    "channels",
    "citizens",
    "contacts",
    "deadlines",
    "duplicates",
    "ledger",
    "notifications",
    "platform",
    "privacy",
    "reports",
    "routing",
    "statistics",
    "tenancy",
    "work",
)
# Each table with the columns that the current role may read and change.
_TABLES = """
SELECT c.oid::regclass::text, c.relkind = 'p',
  coalesce(string_agg(quote_ident(a.attname), ', ') FILTER (
    WHERE has_column_privilege(c.oid, a.attnum, 'SELECT')), ''),
  coalesce(array_agg(quote_ident(a.attname)::text) FILTER (
    WHERE has_column_privilege(c.oid, a.attnum, 'UPDATE')), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE')
GROUP BY c.oid ORDER BY 1
"""


@dataclass(frozen=True)
class Table:
    """A table as a role meets it."""

    name: str
    partitioned: bool
    readable: str
    changeable: list[str]


def _tables(connection: psycopg.Connection) -> list[Table]:
    connection.execute("SELECT set_config('search_path', '', true)")
    return [Table(*row) for row in connection.execute(_TABLES)]


def _visible(connection: psycopg.Connection, table: Table) -> list[str]:
    """Rows of `table` as text, as far as the role may name columns of it."""
    if not table.readable:
        return []
    query = f"SELECT to_jsonb(x)::text FROM (SELECT {table.readable} FROM {table.name}) x"
    return [row[0] for row in connection.execute(query.encode())]


def _changes(scene: Scene, connection: psycopg.Connection, table: Table) -> list[str]:
    """What of INSERT, UPDATE and DELETE was not refused and touched a row."""
    # Without an id a row has no partition, and no policy is asked.
    values = "(id) VALUES (%(own_id)s)" if table.partitioned else "DEFAULT VALUES"
    attempts = {f"DELETE FROM {table.name}", f"INSERT INTO {table.name} {values}"}
    attempts |= {f"UPDATE {table.name} SET {column} = {column}" for column in table.changeable}
    done = []
    for statement in sorted(attempts):
        connection.execute("SAVEPOINT attempt")
        outcome = scene.outcome(connection, statement)
        connection.execute("ROLLBACK TO attempt")
        if not (outcome == Refused("42501") or getattr(outcome, "count", None) == 0):
            done.append(f"{statement}: {outcome}")
    return done


@pytest.mark.parametrize("role", ROLES)
def test_plain_sql_without_settings_sees_nothing(scene: Scene, role: str) -> None:
    with scene.as_role(role) as connection:
        seen = [table.name for table in _tables(connection) if _visible(connection, table)]
    assert [name for name in seen if name not in PUBLIC | MACHINERY] == []


@pytest.mark.parametrize("role", ROLES)
def test_plain_sql_without_settings_changes_nothing(scene: Scene, role: str) -> None:
    with scene.as_role(role) as connection:
        tables = [table for table in _tables(connection) if table.name not in MACHINERY]
        done = [change for table in tables for change in _changes(scene, connection, table)]
    assert "\n".join(done) == ""


def test_new_table_without_policy_would_be_noticed(scene: Scene) -> None:
    made = ("CREATE TABLE reports.forgotten AS SELECT code FROM reports.report",
            "GRANT SELECT ON reports.forgotten TO backend_app")  # fmt: skip
    with scene.without(made, "backend_app") as connection:
        seen = [table.name for table in _tables(connection) if _visible(connection, table)]
    assert "reports.forgotten" in seen


@pytest.mark.parametrize("who", ["minh", "lan"])
def test_with_the_settings_of_one_nothing_of_the_other_is_seen(scene: Scene, who: str) -> None:
    secrets = [str(scene.facts[name]) for name in ("hidden_code", "hidden_id", "hung")] + ["Ngõ kín"]
    with scene.as_role("backend_app", who) as connection:
        found = [
            (table.name, secret)
            for table in _tables(connection)
            for row in _visible(connection, table)
            for secret in secrets
            if secret in row
        ]
    assert found == []


def test_the_other_sees_its_own(scene: Scene) -> None:
    with scene.as_role("backend_app", "dung") as connection:
        code = scene.facts["hidden_code"]
        tables = [t.name for t in _tables(connection) if any(code in row for row in _visible(connection, t))]
    assert tables == ["platform.idempotency", "reports.report", "reports.report_by_reader"]


def test_city_level_sees_no_party_body(scene: Scene) -> None:
    with scene.without((), "backend_city", "quang") as connection:
        rows = connection.execute("SELECT code FROM tenancy.unit WHERE kind = 'party'").fetchall()
    assert rows == []


def test_row_level_security_is_forced_on_every_tenant_table(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        open_tables = superuser.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY(%s)"
            " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1",
            (list(TENANT_SCHEMAS),),
        ).fetchall()
    assert open_tables == []


def test_nothing_is_granted_on_a_partition(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        granted = superuser.execute(
            "SELECT c.oid::regclass::text, a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a"
            " WHERE c.relispartition AND a.grantee <> c.relowner"
        ).fetchall()
    assert granted == []


def test_every_view_runs_as_its_caller_but_the_public_ones(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        definers = superuser.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'v' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
            " AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false) ORDER BY 1"
        ).fetchall()
    assert definers == [("reports.public_report",), ("reports.public_timeline",)]


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        ("public_report", "category closing_reason code created_at handler_code handler_name merged_into"
         " state updated_at ward_code ward_name"),
        ("public_timeline", "at code kind to_state unit_code unit_name version"),
    ],
)  # fmt: skip
def test_public_view_has_safe_columns_only(scene: Scene, view: str, columns: str) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        rows = superuser.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = ('reports.' || %s)::regclass AND attnum > 0"
            " ORDER BY 1",
            (view,),
        ).fetchall()
    assert " ".join(row[0] for row in rows) == columns


def test_every_definer_function_has_an_empty_search_path(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        loose = superuser.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosecdef"
            " AND NOT coalesce(p.proconfig @> ARRAY['search_path=\"\"'], false)"
        ).fetchall()
    assert loose == []


def test_no_function_of_ours_is_everybodys(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        everybodys = superuser.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,"
            " aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
            " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND a.grantee = 0"
        ).fetchall()
    assert everybodys == []


def test_no_deletion_cascades_into_tenant_tables(scene: Scene) -> None:
    with scene.database.cluster.connect(scene.database.name) as superuser:
        cascading = superuser.execute(
            "SELECT k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE k.contype = 'f' AND k.confdeltype NOT IN ('a', 'r') AND n.nspname = ANY(%s)",
            (list(TENANT_SCHEMAS),),
        ).fetchall()
    assert cascading == []


def test_no_counter_in_tenant_tables_but_the_units_inner_number(scene: Scene) -> None:
    """A serial tells how many others there are. Units' numbers stay inside: public is their code."""
    with scene.database.cluster.connect(scene.database.name) as superuser:
        counters = superuser.execute(
            "SELECT c.oid::regclass::text, a.attname FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid"
            " AND d.adnum = a.attnum WHERE n.nspname = ANY(%s) AND a.attnum > 0 AND c.relkind IN ('r', 'p')"
            " AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%%nextval%%')",
            (list(TENANT_SCHEMAS),),
        ).fetchall()
    assert counters == [("tenancy.unit", "id")]


def test_no_enum_stands_in_a_tenant_table(scene: Scene) -> None:
    """Comparison of enums is not leakproof: under row-level security it is no index condition."""
    with scene.database.cluster.connect(scene.database.name) as superuser:
        enums = superuser.execute(
            "SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute a"
            " JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE t.typtype = 'e' AND n.nspname = ANY(%s)",
            (list(TENANT_SCHEMAS),),
        ).fetchall()
    assert enums == []

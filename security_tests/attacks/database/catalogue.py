"""Attacks past row-level security: statement, guard, outcome with it and without.

`guards` are the statements that remove the guard. Each attack is run twice: as it is, where it must fail,
and without its guard, where it must succeed; so a guard that guards nothing is noticed too.
"""

from dataclasses import dataclass

from security_tests.attacks.database.scene import DENIED, Changed, Outcome, Refused, Rows

NO_RLS = ("ALTER TABLE reports.report DISABLE ROW LEVEL SECURITY",)
_INSERT_REPORT = """
INSERT INTO reports.report (id, code, citizen_id, category, ward_id, place, body, state, handler_id,
  routing_reason, version, created_at, updated_at)
VALUES (gen_random_uuid(), {code}, {citizen}, 'road', %(unit)s, 'x', 'x', {state}, {handler}, %(reason)s, 1,
  now(), now())
"""
_INSERT_STEP = """
INSERT INTO reports.timeline (id, report_id, version, at, kind, to_state, to_unit_id, actor_kind, actor_id)
VALUES ('{id}', {report}, 9, now(), 'accepted', 'in_progress', %(unit)s, 'official', {actor})
"""
# In a partition that every migrated database has: the month of the migration is always there.
_STEP_ID = "%(own_id)s"
_RATE = """
INSERT INTO reports.timeline
  (id, report_id, version, at, kind, to_state, to_unit_id, actor_kind, actor_id, stars)
VALUES ({id}, %(own_id)s, 9, now(), 'rated', 'closed', %(unit)s, 'citizen', %(minh)s, 5)
"""
_INSERT_CHANGE = """
INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
VALUES (%(own_id)s, 'report.closed', 'report:' || {code}, 9, now(), '{{}}', {citizen})
"""
_CLAIM = """
INSERT INTO platform.idempotency (subject, operation, key, body_digest, created_at)
VALUES ({subject}, 'report.submit', 'k23456789012345678', decode(repeat('00', 32), 'hex'), now())
"""


def _report(
    code: str = "'7777777777777777'",
    citizen: str = "%(lan)s",
    state: str = "'received'",
    handler: str = "%(unit)s",
) -> str:
    return _INSERT_REPORT.format(code=code, citizen=citizen, state=state, handler=handler)


def _step(report: str, actor: str = "%(minh)s") -> str:
    return _INSERT_STEP.replace("'{id}'", _STEP_ID).format(report=report, actor=actor)


def _policy(name: str, table: str, rule: str) -> tuple[str, ...]:
    return (f"DROP POLICY {name} ON {table}", f"CREATE POLICY {name} ON {table} {rule}")


def _search_of(function: str, owners: str) -> tuple[str, ...]:
    """The function as it would be if it believed its caller."""
    return (
        f"CREATE OR REPLACE FUNCTION reports.{function}(units int[], words text[], state text,"
        " before_at timestamptz, before_id uuid, wanted int) RETURNS SETOF uuid"
        " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $f$ SELECT reports.search_walk("
        f"{owners}, words, state, before_at, before_id, wanted) $f$",
    )


@dataclass(frozen=True)
class Attack:
    """`who` runs `statement` as `role`. `mistake` is what somebody did before."""

    name: str
    who: str
    statement: str
    guards: tuple[str, ...]
    fails: Outcome
    succeeds: Outcome
    role: str = "backend_app"
    mistake: tuple[str, ...] = ()


_SUBMIT_OPEN = _policy("report_submit", "reports.report", "FOR INSERT TO backend_app WITH CHECK (true)")
_STEP_OPEN = _policy("timeline_write", "reports.timeline", "FOR INSERT TO backend_app WITH CHECK (true)")
_CHANGE_OPEN = _policy("change_of_report", "changes.change", "FOR INSERT TO backend_app WITH CHECK (true)")
_CLAIM_OPEN = _policy("own", "platform.idempotency", "TO backend_app USING (true) WITH CHECK (true)")
_WORK_OPEN = _policy(
    "report_work", "reports.report", "FOR UPDATE TO backend_app USING (true) WITH CHECK (true)"
)
_UNIT_OPEN = _policy("unit_read", "tenancy.unit", "FOR SELECT TO backend_app USING (true)")
_TAKEN = "Key (code)=({}) already exists."

ATTACKS = (
    # Reading.
    Attack(
        "forgotten WHERE",
        "minh",
        "SELECT code FROM reports.report WHERE handler_id = %(hidden_unit)s",
        NO_RLS,
        Rows(),
        Rows((("<hidden_code>",),)),
    ),
    Attack(
        "citizen reads another's report",
        "lan",
        "SELECT place FROM reports.report WHERE code = %(hidden_code)s",
        NO_RLS,
        Rows(),
        Rows((("Ngõ kín thôn Đông",),)),
    ),
    Attack(
        "unit's list of another unit",
        "minh",
        "SELECT state FROM reports.report_visibility WHERE unit_id = %(hidden_unit)s",
        ("ALTER TABLE reports.report_visibility DISABLE ROW LEVEL SECURITY",),
        Rows(),
        Rows((("in_progress",),)),
    ),
    Attack(
        "codes of another citizen",
        "lan",
        "SELECT code FROM reports.report_by_reader WHERE reader = %(hung)s",
        ("ALTER TABLE reports.report_by_reader DISABLE ROW LEVEL SECURITY",),
        Rows(),
        Rows((("<hidden_code>",),)),
    ),
    Attack(
        "history of a hidden report",
        "minh",
        "SELECT count(*) FROM reports.timeline WHERE report_id = %(hidden_id)s",
        ("ALTER TABLE reports.timeline DISABLE ROW LEVEL SECURITY",),
        Rows(((0,),)),
        Rows(((2,),)),
    ),
    Attack(
        "another's inbox",
        "lan",
        "SELECT kind FROM notifications.inbox",
        ("ALTER TABLE notifications.inbox DISABLE ROW LEVEL SECURITY",),
        Rows(),
        Rows((("report.accepted",),)),
    ),
    Attack(
        "another's stored answers",
        "lan",
        "SELECT DISTINCT operation FROM platform.idempotency WHERE subject = %(hung)s",
        ("ALTER TABLE platform.idempotency DISABLE ROW LEVEL SECURITY",),
        Rows(),
        Rows((("report.submit",),)),
    ),
    Attack(
        "colleagues' names",
        "minh",
        "SELECT count(*) FROM tenancy.official",
        ("ALTER TABLE tenancy.official DISABLE ROW LEVEL SECURITY",),
        Rows(((1,),)),
        Rows(((9,),)),
    ),
    Attack(
        "Party bodies for a ward's officer",
        "minh",
        "SELECT count(*) FROM tenancy.unit WHERE id = %(party_unit)s",
        _UNIT_OPEN,
        Rows(((0,),)),
        Rows(((1,),)),
    ),
    Attack(
        "Party bodies for city level",
        "quang",
        "SELECT count(*) FROM tenancy.unit WHERE id = %(party_unit)s",
        _policy("unit_read", "tenancy.unit", "FOR SELECT TO backend_city USING (true)"),
        Rows(((0,),)),
        Rows(((1,),)),
        role="backend_city",
    ),
    Attack(
        "city level without a principal",
        "nobody",
        "SELECT count(*) FROM reports.report",
        _policy("city_read", "reports.report", "FOR SELECT TO backend_city USING (true)"),
        Rows(((0,),)),
        Rows(((3,),)),
        role="backend_city",
    ),
    Attack(
        "changes for city level without a principal",
        "nobody",
        "SELECT count(*) > 0 FROM changes.change",
        _policy("city_seen", "changes.change", "FOR SELECT TO backend_city USING (true)"),
        Rows(((False,),)),
        Rows(((True,),)),
        role="backend_city",
    ),
    Attack(
        "search for city level without a principal",
        "nobody",
        "SELECT count(*) FROM reports.search_city(NULL, '{den}', NULL, NULL, NULL, 9)",
        _search_of("search_city", "'{c}'"),
        Rows(((0,),)),
        Rows(((3,),)),
        role="backend_city",
    ),
    Attack(
        "search in a hidden unit",
        "minh",
        "SELECT count(*) FROM reports.search_units(ARRAY[%(hidden_unit)s], '{den}', NULL, NULL, NULL, 9)",
        _search_of("search_units", "ARRAY(SELECT 'u' || u FROM unnest(units) u)"),
        Rows(((0,),)),
        Rows(((1,),)),
    ),
    Attack(
        "search by the city's function",
        "minh",
        "SELECT count(*) FROM reports.search_city(NULL, '{den}', NULL, NULL, NULL, 9)",
        ("GRANT EXECUTE ON FUNCTION reports.search_city TO backend_app",),
        DENIED,
        Rows(((3,),)),
    ),
    Attack(
        "words of hidden reports",
        "minh",
        "SELECT count(*) FROM reports.report_search",
        (
            "GRANT SELECT ON reports.report_search TO backend_app",
            "ALTER TABLE reports.report_search DISABLE ROW LEVEL SECURITY",
        ),
        DENIED,
        Rows(((3,),)),
    ),
    Attack(
        "words that anybody wrote",
        "minh",
        "SELECT count(*) > 0 FROM reports.search_word",
        (
            "GRANT SELECT ON reports.search_word TO backend_app",
            "ALTER TABLE reports.search_word DISABLE ROW LEVEL SECURITY",
        ),
        DENIED,
        Rows(((True,),)),
    ),
    Attack(
        "words written for another's report",
        "lan",
        "SELECT reports.index_words(%(hidden_id)s, '{mine}')",
        (
            "DELETE FROM reports.report_search",
            "CREATE OR REPLACE FUNCTION reports.index_words(report uuid, words text[]) RETURNS void"
            " LANGUAGE sql SECURITY DEFINER SET search_path = ''"
            " AS 'SELECT reports.write_search(report, words)'",
        ),
        DENIED,
        Rows(((None,),)),
    ),
    Attack(
        "who stands behind the pseudonyms",
        "minh",
        "SELECT count(*) > 0 FROM audit.pseudonym_key",
        ("GRANT SELECT ON audit.pseudonym_key TO backend_app",),
        DENIED,
        Rows(((True,),)),
    ),
    Attack(
        "statistics of columns",
        "minh",
        "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'report'",
        NO_RLS,
        Rows(((False,),)),
        Rows(((True,),)),
    ),
    Attack(
        "audit events",
        "minh",
        "SELECT count(*) > 0 FROM audit.event",
        ("GRANT SELECT ON audit.event TO backend_app",),
        DENIED,
        Rows(((True,),)),
    ),
    # A leaky expression in WHERE runs after the policy: it meets visible rows only.
    Attack(
        "error that tells a hidden row",
        "minh",
        "SELECT count(*) FROM reports.report"
        " WHERE 1 / (CASE WHEN place LIKE 'Ngõ kín%%' THEN 0 ELSE 1 END) = 1",
        NO_RLS,
        Rows(((2,),)),
        Refused("22012"),
    ),
    # Partitions.
    Attack(
        "partition directly",
        "minh",
        "SELECT count(*) > 0 FROM <partition>",
        ("GRANT SELECT ON <partition> TO backend_app", "ALTER TABLE <partition> DISABLE ROW LEVEL SECURITY"),
        DENIED,
        Rows(((True,),)),
    ),
    Attack(
        "partition granted by mistake",
        "minh",
        "SELECT count(*) > 0 FROM <partition>",
        ("ALTER TABLE <partition> DISABLE ROW LEVEL SECURITY",),
        Rows(((False,),)),
        Rows(((True,),)),
        mistake=("GRANT SELECT ON <partition> TO backend_app",),
    ),
    # Probes by errors.
    Attack(
        "unique probe: whose value",
        "lan",
        _report("%(hidden_code)s"),
        NO_RLS,
        Refused("23505"),
        Refused("23505", _TAKEN.format("<hidden_code>")),
    ),
    Attack(
        "foreign key probe, hidden report", "minh", _step("%(hidden_id)s"), _STEP_OPEN, DENIED, Changed(1)
    ),
    Attack(
        "foreign key probe, absent report",
        "minh",
        _step("%(absent_id)s"),
        _STEP_OPEN,
        DENIED,
        Refused("23503", 'Key is not present in table "report".'),
    ),
    Attack(
        "foreign key probe, Party unit",
        "lan",
        _report(handler="%(party_unit)s"),
        _SUBMIT_OPEN,
        DENIED,
        Changed(1),
    ),
    Attack(
        "foreign key probe, absent unit",
        "lan",
        _report(handler="%(absent_unit)s"),
        _SUBMIT_OPEN,
        DENIED,
        Refused("23503", 'Key is not present in table "unit".'),
    ),
    Attack(
        "ON CONFLICT probe of another's key",
        "minh",
        _CLAIM.format(subject="%(thao)s") + "ON CONFLICT DO NOTHING",
        _CLAIM_OPEN,
        DENIED,
        Changed(1),
    ),
    Attack(
        "ON CONFLICT overwrites a hidden row",
        "lan",
        _report("%(hidden_code)s") + "ON CONFLICT (code) DO UPDATE SET answer = 'x'",
        NO_RLS,
        DENIED,
        Changed(1),
    ),
    Attack(
        "MERGE into a hidden row",
        "minh",
        "MERGE INTO reports.report r USING (SELECT 1) x ON r.code = %(hidden_code)s"
        " WHEN MATCHED THEN UPDATE SET answer = 'x'",
        NO_RLS,
        Changed(0),
        Changed(1),
    ),
    # Writing where one may not.
    Attack(
        "row moved to oneself",
        "minh",
        "UPDATE reports.report SET handler_id = %(unit)s WHERE code = %(hidden_code)s",
        NO_RLS,
        Changed(0),
        Changed(1),
    ),
    Attack(
        "work on a report handed over",
        "minh",
        "UPDATE reports.report SET answer = 'x' WHERE code = %(gone_code)s",
        NO_RLS,
        Changed(0),
        Changed(1),
    ),
    Attack(
        "report handed to a Party body",
        "minh",
        "UPDATE reports.report SET handler_id = %(party_unit)s WHERE code = %(own_code)s",
        _WORK_OPEN,
        DENIED,
        Changed(1),
    ),
    Attack(
        "oneself among those who see",
        "minh",
        "UPDATE reports.report SET visible_units = '{1,2}'",
        ("GRANT UPDATE (visible_units) ON reports.report TO backend_app",),
        DENIED,
        Changed(1),
    ),
    Attack("report of another citizen", "lan", _report(citizen="%(hung)s"), _SUBMIT_OPEN, DENIED, Changed(1)),
    Attack(
        "report that is born answered", "lan", _report(state="'answered'"), _SUBMIT_OPEN, DENIED, Changed(1)
    ),
    Attack(
        "history in another's name", "minh", _step("%(own_id)s", "%(thao)s"), _STEP_OPEN, DENIED, Changed(1)
    ),
    Attack(
        "rating in the citizen's place",
        "minh",
        _RATE.replace("{id}", _STEP_ID),
        ("DROP POLICY rated_by_citizen ON reports.timeline",),
        DENIED,
        Changed(1),
    ),
    Attack(
        "history rewritten",
        "minh",
        "UPDATE reports.timeline SET note = 'x'",
        (
            "GRANT UPDATE ON reports.timeline TO backend_app",
            "CREATE POLICY x ON reports.timeline FOR UPDATE TO backend_app USING (true)",
        ),
        DENIED,
        Changed(5),
    ),
    Attack(
        "change announced of a hidden report",
        "minh",
        _INSERT_CHANGE.format(code="%(hidden_code)s", citizen="%(hung)s"),
        _CHANGE_OPEN,
        DENIED,
        Changed(1),
    ),
    Attack(
        "change announced to another citizen",
        "minh",
        _INSERT_CHANGE.format(code="%(own_code)s", citizen="%(hung)s"),
        _CHANGE_OPEN,
        DENIED,
        Changed(1),
    ),
    Attack(
        "change placed before the cursor",
        "minh",
        "INSERT INTO changes.change (id, x, kind, resource, version, at, units, citizen_id)"
        " VALUES (%(own_id)s, '3', 'x', 'report:' || %(own_code)s, 9, now(), '{}', %(lan)s)",
        ("GRANT INSERT ON changes.change TO backend_app",),
        DENIED,
        Changed(1),
    ),
    Attack(
        "events rewritten",
        "minh",
        "UPDATE audit.event SET line = line WHERE false",
        ("GRANT UPDATE, SELECT ON audit.event TO backend_app",),
        DENIED,
        Changed(0),
    ),
    Attack(
        "events deleted",
        "minh",
        "DELETE FROM audit.event WHERE id <> %(own_id)s AND false",
        ("GRANT DELETE, SELECT ON audit.event TO backend_app",),
        DENIED,
        Changed(0),
    ),
    Attack(
        "deletion that cascades",
        "lan",
        "DELETE FROM reports.report WHERE code = %(own_code)s AND false",
        ("GRANT DELETE ON reports.report TO backend_app",),
        DENIED,
        Changed(0),
    ),
    # Beside the policies.
    Attack(
        "TRUNCATE",
        "minh",
        "TRUNCATE notifications.inbox",
        ("GRANT TRUNCATE ON notifications.inbox TO backend_app",),
        DENIED,
        Changed(-1),
    ),
    Attack(
        "temporary table",
        "minh",
        "CREATE TEMP TABLE t (n int)",
        ("GRANT TEMPORARY ON DATABASE <database> TO backend_app",),
        DENIED,
        Changed(-1),
    ),
    Attack(
        "schema of one's own",
        "minh",
        "CREATE SCHEMA mine",
        ("GRANT CREATE ON DATABASE <database> TO backend_app",),
        DENIED,
        Changed(-1),
    ),
    Attack(
        "function in public",
        "minh",
        "CREATE FUNCTION public.leak(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
        ("GRANT CREATE, USAGE ON SCHEMA public TO backend_app",),
        DENIED,
        Changed(-1),
    ),
    Attack(
        "policy of one's own",
        "minh",
        "CREATE POLICY mine ON reports.report USING (true)",
        ("ALTER TABLE reports.report OWNER TO backend_app", "ALTER ROLE backend_app NOLOGIN"),
        DENIED,
        Changed(-1),
    ),
    Attack(
        "counter of a sequence",
        "minh",
        "SELECT last_value > 0 FROM jobs.procrastinate_jobs_id_seq",
        ("GRANT SELECT ON jobs.procrastinate_jobs_id_seq TO backend_app",),
        DENIED,
        Rows(((True,),)),
    ),
    Attack(
        "jobs' payloads",
        "minh",
        "SELECT count(*) > 0 FROM jobs.procrastinate_jobs WHERE args IS NOT NULL",
        ("GRANT SELECT ON jobs.procrastinate_jobs TO backend_app",),
        DENIED,
        Rows(((True,),)),
    ),
    Attack(
        "owner's function",
        "minh",
        "SELECT platform.ensure_partitions('reports.timeline', '2030-01-01', 0)",
        ("GRANT EXECUTE ON FUNCTION platform.ensure_partitions TO backend_app",),
        DENIED,
        Rows(((0,),)),
    ),
    Attack(
        "resolve without an identity",
        "nobody",
        "SELECT official_name FROM tenancy.resolve(NULL, NULL, 'C0001', current_date)",
        (
            "CREATE OR REPLACE FUNCTION tenancy.resolve(an_issuer text, a_subject text, a_unit_code text,"
            " a_day date)"
            " RETURNS TABLE (official_id uuid, official_name text, unit_id int, duties jsonb, units int[],"
            " administered int[])"
            " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS"
            " $$ SELECT id, 'all', 1, '[]'::jsonb, '{}'::int[],"
            " '{}'::int[] FROM tenancy.official LIMIT 1 $$",
        ),
        Rows(),
        Rows((("all",),)),
    ),
    Attack(
        "text through the public view",
        "nobody",
        "SELECT body FROM reports.public_report",
        (
            "CREATE OR REPLACE VIEW reports.public_report AS"
            " SELECT r.code, r.category, ''::text AS ward_code,"
            " ''::text AS ward_name, ''::text AS handler_code, ''::text AS handler_name,"
            " r.state, r.closing_reason,"
            " r.created_at, r.updated_at, r.code AS merged_into,"
            " 'x'::text AS body FROM reports.report r LIMIT 1",
        ),
        Refused("42703"),
        Rows((("x",),)),
    ),
)

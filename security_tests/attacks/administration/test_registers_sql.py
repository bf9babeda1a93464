"""SQL of a forgotten decision: what the database itself keeps from officers, and from administrators too.

Each attack is tried twice: on the database as it is, and after a superuser took its one guard away, where it
has its effect. So each guard is seen to be what holds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from foundation.database.connections import for_psycopg
from foundation.database.principal_settings import APPLY, settings_of
from foundation.identity.principal import Principal
from tests.backend.offices import OF_A_WARD, Office
from tests.backend.world import HOAN_KIEM, key

DENIED, VIOLATED, NOTHING = "42501", "23514", "0 rows"
_MINH_ADMINISTERS = (
    "UPDATE tenancy.duty SET kind = 'platform_admin',"
    " unit_id = (SELECT id FROM tenancy.unit WHERE code = 'C0001')"
    " WHERE official_id = (SELECT id FROM tenancy.official WHERE name = 'Trần Văn Minh')"
)


@dataclass(frozen=True)
class Attack:
    """`who` runs `statement`; with the `guard` taken away it touches a row."""

    name: str
    who: str
    statement: str
    expected: str
    guard: Sequence[str]


def _open(table: str, *commands: str) -> list[str]:
    """A policy that lets everybody."""
    clauses = {
        "INSERT": "WITH CHECK (true)",
        "DELETE": "USING (true)",
        "UPDATE": "USING (true) WITH CHECK (true)",
    }
    return [
        f"CREATE POLICY open_{command.lower()} ON {table} FOR {command} TO backend_app {clauses[command]}"
        for command in commands
    ]


UNIT = """
INSERT INTO tenancy.unit (code, parent_id, name, name_key, kind)
SELECT '{code}', (SELECT id FROM tenancy.unit WHERE code = '{parent}'), 'Sở', 'so', '{kind}'
"""
MOVE = """
UPDATE tenancy.unit SET parent_id = (SELECT id FROM tenancy.unit WHERE code = '{to}') WHERE code = '{unit}'
"""
HISTORY = """
INSERT INTO platform.history (id, kind, code, version, at, action, actor_id, actor_unit, after)
VALUES (uuidv7(), 'unit', 'D0002', 9, now(), 'unit.rename', '{actor}', 'C0001', '{{}}')
"""
RULE = """
INSERT INTO routing.rule (id, set_number, code, place_id)
VALUES (uuidv7(), {number}, 'mine', (SELECT id FROM tenancy.unit WHERE code = '00070'))
"""
ACTIVE_SET = """
INSERT INTO routing.rule_set (number, state, note, created_at, from_day)
VALUES (9, 'active', 'của tôi', now(), current_date)
"""
BACKDATE = "UPDATE routing.rule_set SET state = 'active', from_day = platform.today() - 2 WHERE number = 2"
END_DUTIES = """
SELECT tenancy.end_duties_of(id, current_date, now()) FROM tenancy.unit WHERE code = '00376'
"""
HAND_OVER = "SELECT reports.hand_over(id, current_date, now(), 9) FROM tenancy.unit WHERE code = '00008'"
OF_HOAN_KIEM = """
SELECT * FROM reports.hand_over(
  (SELECT id FROM tenancy.unit WHERE code = '00070'), current_date, now(), 9)
"""
SEE = "CREATE POLICY see ON {} FOR SELECT TO backend_app USING (true)"
DOUBLE = "ALTER TABLE routing.rule DROP CONSTRAINT rule_set_number_place_id_category_key"
CULTURE = "UPDATE routing.category SET ended_on = current_date WHERE code = 'tree'"
WHOLE_WEEK = "INSERT INTO deadlines.hours VALUES ('office', current_date + 9, '{[0,10081)}')"
TRIGGER_OFF = "ALTER TABLE {} DISABLE TRIGGER {}"
HOURS = "INSERT INTO deadlines.hours VALUES ('office', current_date - 7, '{[0,10)}')"
ATTACKS = [
    Attack(
        "unit by an officer",
        "minh",
        UNIT.format(code="D0099", parent="C0001", kind="department"),
        DENIED,
        _open("tenancy.unit", "INSERT"),
    ),
    Attack(
        "unit by a ward's administrator",
        "ward",
        UNIT.format(code="D0099", parent="C0001", kind="department"),
        DENIED,
        _open("tenancy.unit", "INSERT"),
    ),
    Attack(
        "name of a unit by an officer",
        "minh",
        "UPDATE tenancy.unit SET name = 'Sở tôi' WHERE code = 'D0001'",
        NOTHING,
        _open("tenancy.unit", "UPDATE"),
    ),
    Attack(
        "a second root",
        "tu",
        UNIT.format(code="C0002", parent="none", kind="city"),
        DENIED,
        _open("tenancy.unit", "INSERT"),
    ),
    Attack(
        "a ward below a Party body",
        "tu",
        MOVE.format(unit=HOAN_KIEM, to="P0002"),
        VIOLATED,
        [TRIGGER_OFF.format("tenancy.unit", "unit_tree"), SEE.format("tenancy.unit")],
    ),
    Attack(
        "a Party body below the city",
        "tu",
        MOVE.format(unit="P0002", to="C0001"),
        NOTHING,
        [
            TRIGGER_OFF.format("tenancy.unit", "unit_tree"),
            *_open("tenancy.unit", "UPDATE"),
            SEE.format("tenancy.unit"),
        ],
    ),
    Attack(
        "a cycle",
        "tu",
        MOVE.format(unit="C0001", to="D0001"),
        VIOLATED,
        [TRIGGER_OFF.format("tenancy.unit", "unit_tree")],
    ),
    Attack(
        "another code of a unit",
        "tu",
        "UPDATE tenancy.unit SET code = 'D0098' WHERE code = 'D0001'",
        DENIED,
        ["GRANT UPDATE ON tenancy.unit TO backend_app"],
    ),
    Attack(
        "a unit forgotten",
        "tu",
        "DELETE FROM tenancy.unit WHERE code = 'D0013'",
        DENIED,
        ["GRANT DELETE ON tenancy.unit TO backend_app", *_open("tenancy.unit", "DELETE")],
    ),
    Attack(
        "history rewritten",
        "tu",
        "UPDATE platform.history SET after = '{}'",
        DENIED,
        ["GRANT UPDATE ON platform.history TO backend_app", *_open("platform.history", "UPDATE")],
    ),
    Attack(
        "history removed",
        "tu",
        "DELETE FROM platform.history",
        DENIED,
        ["GRANT DELETE ON platform.history TO backend_app", *_open("platform.history", "DELETE")],
    ),
    Attack(
        "history in another's name",
        "tu",
        HISTORY.format(actor="{the_other}"),
        DENIED,
        _open("platform.history", "INSERT"),
    ),
    Attack(
        "history by an officer",
        "minh",
        HISTORY.format(actor="{minh}"),
        DENIED,
        _open("platform.history", "INSERT"),
    ),
    Attack(
        "history read by an officer",
        "minh",
        "SELECT 1 FROM platform.history",
        NOTHING,
        [SEE.format("platform.history")],
    ),
    Attack(
        "category by an officer",
        "minh",
        "INSERT INTO routing.category VALUES ('mine', 'Của tôi', 'Mine', 1)",
        DENIED,
        _open("routing.category", "INSERT"),
    ),
    Attack("category ended by an officer", "minh", CULTURE, NOTHING, _open("routing.category", "UPDATE")),
    Attack(
        "category forgotten",
        "tu",
        "DELETE FROM routing.category WHERE code = 'culture'",
        DENIED,
        ["GRANT DELETE ON routing.category TO backend_app", *_open("routing.category", "DELETE")],
    ),
    Attack("rule by an officer", "minh", RULE.format(number=2), DENIED, _open("routing.rule", "INSERT")),
    Attack(
        "rule into the set in force",
        "tu",
        RULE.format(number=1),
        VIOLATED,
        [TRIGGER_OFF.format("routing.rule", "rule_of_draft")],
    ),
    Attack(
        "rule out of the set in force",
        "tu",
        "DELETE FROM routing.rule WHERE set_number = 1 AND code = 'ward-handles'",
        VIOLATED,
        [TRIGGER_OFF.format("routing.rule", "rule_of_draft")],
    ),
    Attack(
        "two rules for one question",
        "tu",
        RULE.format(number=2).replace("'00070'", "'C0001'"),
        "23505",
        [DOUBLE],
    ),
    Attack("set put in force at once", "tu", ACTIVE_SET, DENIED, _open("routing.rule_set", "INSERT")),
    Attack("set in force since yesterday", "tu", BACKDATE, DENIED, _open("routing.rule_set", "UPDATE")),
    Attack(
        "set in force given up",
        "tu",
        "UPDATE routing.rule_set SET state = 'discarded' WHERE number = 1",
        NOTHING,
        _open("routing.rule_set", "UPDATE"),
    ),
    Attack("hours of last week", "tu", HOURS, DENIED, _open("deadlines.hours", "INSERT")),
    Attack(
        "hours of the past removed",
        "tu",
        "DELETE FROM deadlines.hours WHERE from_day < current_date - 1",
        NOTHING,
        _open("deadlines.hours", "DELETE"),
    ),
    Attack(
        "hours that overlap a week",
        "tu",
        WHOLE_WEEK,
        VIOLATED,
        ["ALTER TABLE deadlines.hours DROP CONSTRAINT hours_week_check"],
    ),
    Attack(
        "day of another year",
        "tu",
        "INSERT INTO deadlines.day VALUES ('2026-12-31', 2027, 'off', 'x', 'x')",
        VIOLATED,
        ["ALTER TABLE deadlines.day DROP CONSTRAINT day_check"],
    ),
    Attack(
        "day off by an officer",
        "minh",
        "INSERT INTO deadlines.day VALUES ('2027-12-31', 2027, 'off', 'x', 'x')",
        DENIED,
        _open("deadlines.day", "INSERT"),
    ),
    Attack(
        "duties of a unit that goes on",
        "tu",
        END_DUTIES,
        DENIED,
        ["UPDATE tenancy.unit SET ended_on = current_date WHERE code = '00376'"],
    ),
    Attack(
        "reports handed over by the api",
        "tu",
        HAND_OVER,
        DENIED,
        ["GRANT EXECUTE ON FUNCTION reports.hand_over TO backend_app"],
    ),
    Attack(
        "reports read by an administrator",
        "tu",
        "SELECT 1 FROM reports.report",
        NOTHING,
        [SEE.format("reports.report")],
    ),
    Attack(
        "figures of reports for an officer",
        "minh",
        "SELECT 1 FROM routing.reports_since('2020-01-01')",
        NOTHING,
        [_MINH_ADMINISTERS],
    ),
    Attack(
        "what a unit has for an officer",
        "minh",
        "SELECT 1 FROM tenancy.holdings_of(1, current_date)",
        NOTHING,
        [_MINH_ADMINISTERS],
    ),
]


@contextmanager
def attacking(
    office: Office, principal: Principal, guard: Sequence[str] = ()
) -> Iterator[psycopg.Connection]:
    """A transaction as the api has it for a principal, after a superuser removed guards; rolled back."""
    settings = office.database.settings(office.database.superuser)
    with psycopg.connect(**for_psycopg(settings)) as connection:
        for statement in guard:
            connection.execute(statement.encode())
        connection.execute(b"SET LOCAL ROLE backend_app")
        values = settings_of(principal)
        connection.execute(_numbered(APPLY), dict(zip("abcd", values, strict=False)))
        yield connection
        connection.rollback()


def _numbered(statement: str) -> bytes:
    for number, name in enumerate("abcd", start=1):
        statement = statement.replace(f"${number}", f"%({name})s")
    return statement.encode()


def outcome(connection: psycopg.Connection, statement: str) -> str:
    """The error's code, "0 rows", or "done"."""
    try:
        cursor = connection.execute(statement.encode())
    except psycopg.Error as error:
        return str(error.sqlstate)
    return "done" if cursor.rowcount > 0 else NOTHING


async def _scene(office: Office) -> dict[str, Principal]:
    """A draft, a history, a year, an open report, a merged ward with one: something to attack."""
    tu = await office.administrator()
    await office.world.submitted()
    await office.rules.draft(tu, None, "Bản nháp", key())
    await office.calendars.confirm_year(tu, 2027, 0, "Quyết định", [], key())
    await office.world.submitted(ward="00008")
    await office.units.end(tu, "00008", 1, HOAN_KIEM, key())
    return {
        "tu": tu,
        "minh": await office.world.official("minh"),
        "ward": await office.administrator(OF_A_WARD, HOAN_KIEM),
    }


async def test_each_attack_fails_and_would_not_without_its_guard(office: Office) -> None:
    """One database for all: every attack is rolled back."""
    people = await _scene(office)
    names = {
        "the_other": str(office.rows("SELECT id FROM tenancy.official WHERE name = 'Đặng Thu Thủy'")[0][0]),
        "minh": str(office.rows("SELECT id FROM tenancy.official WHERE name = 'Trần Văn Minh'")[0][0]),
    }
    found, wanted = {}, {}
    for attack in ATTACKS:
        statement = attack.statement
        for name, value in names.items():
            statement = statement.replace("{" + name + "}", value)
        with attacking(office, people[attack.who]) as connection:
            held = outcome(connection, statement)
        with attacking(office, people[attack.who], attack.guard) as connection:
            opened = outcome(connection, statement)
        found[attack.name], wanted[attack.name] = (held, opened), (attack.expected, "done")
    assert found == wanted


async def test_worker_moves_no_report_of_a_unit_that_goes_on(office: Office) -> None:
    await _scene(office)
    with psycopg.connect(**for_psycopg(office.database.settings("backend_worker"))) as connection:
        assert outcome(connection, OF_HOAN_KIEM) == NOTHING

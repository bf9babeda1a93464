"""The database's own walls around deadlines: each attack fails, and would not without its guard."""

import psycopg
import pytest

from tests.backend.deadlines.rig import Rig
from tests.backend.world import SOC_SON, connect

WORKER, CITY_ROLE = "backend_worker", "backend_city"
REFUSED, NOTHING = "42501", "nothing"
# Who, what he tries at a clock that is not his or that has stopped, and how the database answers.
ATTACKS = [
    ("minh", "UPDATE deadlines.clock SET due_at = now() WHERE unit_id = {there}", NOTHING),
    ("minh", "UPDATE deadlines.clock SET unit_id = {there} WHERE stopped_at IS NULL", REFUSED),
    ("minh", "UPDATE deadlines.clock SET report_id = report_id", REFUSED),
    ("minh", "DELETE FROM deadlines.clock", REFUSED),
    ("minh", "INSERT INTO deadlines.clock (report_id) SELECT report_id FROM deadlines.followed", REFUSED),
    ("minh", "INSERT INTO deadlines.pause (id, report_id, reason, started_at, until_at, official_id)"
     " VALUES (uuidv7(), '{foreign}', 'weather', now(), now() + interval '1 day', '{minh}')", REFUSED),
    ("minh", "INSERT INTO deadlines.pause (id, report_id, reason, started_at, until_at, official_id)"
     " VALUES (uuidv7(), '{own}', 'weather', now(), now() + interval '1 day', '{dung}')", REFUSED),
    ("minh", "UPDATE deadlines.followed SET urgency = 'normal' WHERE report_id = '{foreign}'", NOTHING),
    ("minh", "UPDATE deadlines.rule_set SET state = 'discarded'", NOTHING),
    ("minh", "INSERT INTO deadlines.rule_set (number, state, note, created_at)"
     " VALUES (9, 'draft', 'x', now())", REFUSED),
    ("minh", "UPDATE deadlines.pause_reason SET longest = '900d'", REFUSED),
    ("minh", "SELECT 1 FROM deadlines.people_of(1, 'lead', current_date)", REFUSED),
    ("minh", "SELECT 1 FROM deadlines.stopped_since('-infinity', 10)", NOTHING),
    ("lan", "SELECT 1 FROM deadlines.clock", NOTHING),
    ("lan", "UPDATE deadlines.followed SET urgency = 'urgent'", NOTHING),
    ("lan", "INSERT INTO deadlines.pause (id, report_id, reason, started_at, until_at, official_id)"
     " VALUES (uuidv7(), '{own}', 'weather', now(), now() + interval '1 day', '{minh}')", REFUSED),
]  # fmt: skip


async def facts(rig: Rig) -> dict[str, str]:
    """Two reports in two wards, and who is who."""
    own, foreign = await rig.accepted(), await rig.submitted(ward=SOC_SON)
    ids = dict(rig.rows("SELECT code, id::text FROM reports.report"))
    units = dict(rig.rows("SELECT code, id FROM tenancy.unit"))
    minh, dung = await rig.world.official("minh"), await rig.world.official("dung")
    return {
        "own": ids[own.code],
        "foreign": ids[foreign.code],
        "here": str(units["00070"]),
        "there": str(units[SOC_SON]),
        "minh": str(minh.official_id),
        "dung": str(dung.official_id),
        "lan": str((await rig.world.citizen()).citizen_id),
    }


def tried(rig: Rig, role: str, settings: dict[str, str], statement: str) -> str:
    """How the database answers: an SQLSTATE, "nothing" or "done"."""
    # The city's role is one that the api takes; nobody signs in with it.
    login = "backend_app" if role == CITY_ROLE else role
    with connect(rig.database.settings(login)) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        try:
            cursor = connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or "lost"
        touched = len(cursor.fetchall()) if cursor.description else cursor.rowcount
        return "done" if touched else NOTHING


@pytest.mark.parametrize(("who", "statement", "answer"), ATTACKS)
async def test_attack_with_the_apps_own_role_fails(rig: Rig, who: str, statement: str, answer: str) -> None:
    known = await facts(rig)
    citizen = who == "lan"
    settings = {
        "ioc.subject": known[who],
        "ioc.citizen": known[who] if citizen else "",
        "ioc.units": "" if citizen else known["here"],
    }
    assert tried(rig, "backend_app", settings, statement.format(**known)) == answer


async def test_stopped_clock_stays_even_for_the_worker(rig: Rig) -> None:
    await rig.accepted()
    statement = "UPDATE deadlines.clock SET late = true WHERE stopped_at IS NOT NULL"
    assert tried(rig, WORKER, {}, statement) == "23514"


async def test_rules_in_force_stay_even_for_an_administrator(rig: Rig) -> None:
    tu = await rig.office.administrator()
    settings = {"ioc.subject": str(tu.official_id)}
    assert tried(rig, CITY_ROLE, settings, "DELETE FROM deadlines.rule") == "23514"
    assert tried(rig, CITY_ROLE, settings, "UPDATE deadlines.rule SET handle = '9d'") == REFUSED


async def test_worker_reads_steps_and_no_words(rig: Rig) -> None:
    await rig.accepted()
    assert tried(rig, WORKER, {}, "SELECT at, to_state FROM reports.timeline") == "done"
    assert tried(rig, WORKER, {}, "SELECT note FROM reports.timeline") == REFUSED


async def test_public_countdown_names_no_person_and_no_id(rig: Rig) -> None:
    report = await rig.accepted()
    columns = rig.rows(
        "SELECT unnest(proargnames) FROM pg_proc WHERE oid IN ('deadlines.clocks_of'::regproc,"
        " 'deadlines.pauses_of'::regproc)"
    )
    assert not {"report_id", "official_id", "unit_id", "citizen_id"} & {row[0] for row in columns}
    assert rig.clocks(report.code)

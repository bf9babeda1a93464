"""The access ledger: who opened what, shown to its citizen alone, with nobody's name."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.ledger import service as module
from backend.ledger.service import SETTLED, Ledger
from backend.ledger.types import Purpose, Role, Subject
from backend.reports.queries import ReportQueries
from backend.reports.types import OpenedReport
from foundation import deadline
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from tests.backend.ledger.conftest import Rig
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, NOON, POLICIES, key

TODAY = date(2026, 11, 24)
FIVE = 5


async def test_opening_is_shown_with_role_unit_day_and_purpose(rig: Rig) -> None:
    rig.staff(HOAN_KIEM, FIVE)
    await rig.opened("minh")
    (entry,) = await rig.shown()
    assert (entry.number, entry.report, entry.subject) == (1, rig.code, Subject.REPORT)
    assert (entry.role, entry.unit.code, entry.day) == (Role.HANDLER, HOAN_KIEM, TODAY)
    assert (entry.purpose, entry.delay_rule) == (Purpose.HANDLING, None)


async def test_operator_of_the_city_and_the_unit_of_before_are_told_apart(rig: Rig) -> None:
    await rig.world.reports.forward(
        await rig.world.official("minh"), rig.code, 1, CONSTRUCTION, "Thuộc Sở Xây dựng.", key()
    )
    await rig.opened("quang", "minh", "ha")
    assert [(entry.role, entry.purpose) for entry in await rig.shown()] == [
        (Role.CITY_OPERATOR, Purpose.SUPERVISION),
        (Role.HANDLER, Purpose.INVOLVED),
        (Role.HANDLER, Purpose.HANDLING),
    ]


async def test_unit_under_five_people_shows_the_one_above(rig: Rig) -> None:
    rig.staff(CITY, FIVE)
    await rig.opened("minh")
    assert [entry.unit.code for entry in await rig.shown()] == [CITY]


async def test_people_whose_duty_has_ended_do_not_hide_anybody(rig: Rig) -> None:
    rig.staff(HOAN_KIEM, FIVE)
    rig.staff(CITY, FIVE)
    rig.rows("UPDATE tenancy.duty SET until_day = date '2026-11-23' WHERE from_day = date '2026-01-01'")
    rig.staff(CITY, FIVE)
    await rig.opened("minh")
    assert [entry.unit.code for entry in await rig.shown()] == [CITY]


@pytest.mark.parametrize("state", ["suspended", "ended"])
async def test_people_who_are_not_at_work_do_not_hide_anybody(rig: Rig, state: str) -> None:
    rig.staff(HOAN_KIEM, FIVE)
    rig.rows("UPDATE tenancy.official SET state = %s WHERE issuer = 'x'", state)
    rig.staff(CITY, FIVE)
    await rig.opened("minh")
    assert [entry.unit.code for entry in await rig.shown()] == [CITY]


async def test_without_a_large_unit_the_topmost_is_shown(rig: Rig) -> None:
    await rig.opened("minh")
    assert [entry.unit.code for entry in await rig.shown()] == [CITY]


async def test_unit_that_has_grown_since_does_not_name_who_was_alone(rig: Rig) -> None:
    await rig.opened("minh")
    rig.staff(HOAN_KIEM, FIVE)
    assert [entry.unit.code for entry in await rig.shown()] == [CITY]


async def test_one_entry_a_day_for_a_unit_and_role_whoever_and_however_often(rig: Rig) -> None:
    other = Ledger(rig.world.database, PolicyEngine.load(POLICIES), rig.world.clock, new_uuid)
    await rig.opened("minh", "minh", "thao")
    (report,) = rig.rows("SELECT id, code FROM reports.report")
    await other.note(await rig.world.official("minh"), [OpenedReport(*report)], listed=False)
    assert len(await rig.shown()) == 1


async def test_noting_does_not_end_the_time_of_the_request(rig: Rig) -> None:
    async with deadline.deadline(3600):
        current = deadline._current.get()
        assert current is not None
        await rig.opened("minh")
        noted = current.timeout.when()
        await rig.world.submitted()
        assert (noted, current.timeout.when()) == (current.ends, None)
    assert len(await rig.shown()) == 1


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 24, 16, 59, 59, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 24, 17, 0, 0, tzinfo=UTC), date(2026, 11, 25)),
    ],
)
async def test_day_is_the_day_in_ha_noi(rig: Rig, at: datetime, day: date) -> None:
    minh = await rig.world.official("minh")
    rig.world.clock.advance(at - NOON)
    await rig.queries.one(minh, rig.code)
    assert [entry.day for entry in await rig.shown()] == [day]


async def test_contact_opened_just_before_midnight_is_of_that_day_in_ha_noi(rig: Rig) -> None:
    rig.rows(
        "INSERT INTO contacts.opening (id, report_id, official_id, unit_id, at, purpose)"
        " SELECT %s, r.id, %s, r.handler_id, '2026-11-23T17:30Z', 'visit' FROM reports.report r",
        new_uuid(),
        (await rig.world.official("minh")).official_id,
    )
    (entry,) = await rig.shown()
    assert (entry.subject, entry.role, entry.day) == (Subject.CONTACT, Role.HANDLER, TODAY)
    assert entry.purpose is Purpose.VISIT


async def test_lists_searches_and_timelines_are_noted_too(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.queries.of_units(minh, PageRequest(20), None, None)
    await rig.queries.by_codes(minh, [rig.code])
    await rig.queries.timelines(minh, [rig.code])
    assert [entry.subject for entry in await rig.shown()] == [Subject.LISTED, Subject.REPORT]


async def test_report_beyond_the_page_is_not_noted(rig: Rig) -> None:
    await rig.world.submitted()
    await rig.queries.of_units(await rig.world.official("minh"), PageRequest(1), None, None)
    assert len(await rig.shown()) == 1


async def test_who_is_refused_leaves_no_entry(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.opened("dung")
    assert rig.rows("SELECT 1 FROM ledger.entry") == []


async def test_citizen_who_reads_the_own_report_is_not_noted(rig: Rig) -> None:
    await rig.queries.one(await rig.citizen(), rig.code)
    assert rig.rows("SELECT 1 FROM ledger.entry") == []


class Broken:
    """Nothing can be kept."""

    async def note(
        self, principal: OfficialPrincipal, reports: Sequence[OpenedReport], *, listed: bool
    ) -> None:
        raise ConnectionError("away")


async def test_what_can_not_be_noted_is_not_shown(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    queries = ReportQueries(
        rig.world.database, PolicyEngine.load(POLICIES), rig.world.clock, openings=Broken()
    )
    for read in (
        queries.one(minh, rig.code),
        queries.timeline(minh, rig.code),
        queries.timelines(minh, [rig.code]),
        queries.by_codes(minh, [rig.code]),
        queries.of_units(minh, PageRequest(20), None, None),
    ):
        with pytest.raises(ConnectionError):
            await read


async def test_failed_note_is_tried_again(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    rig.rows("REVOKE EXECUTE ON FUNCTION ledger.note FROM backend_app")
    with pytest.raises(DBAPIError):
        await rig.queries.one(minh, rig.code)
    rig.rows("GRANT EXECUTE ON FUNCTION ledger.note TO backend_app")
    await rig.queries.one(minh, rig.code)
    assert len(await rig.shown()) == 1


async def test_first_opening_of_a_day_by_each_official_is_in_the_audit_log(rig: Rig) -> None:
    await rig.opened("minh", "minh", "thao", "thao")
    told = rig.rows(
        "SELECT line::jsonb #>> '{unmapped,resource}', line::jsonb #>> '{unmapped,unit}',"
        " line::jsonb #>> '{actor,user,uid}' FROM audit.event"
        " WHERE line::jsonb #>> '{unmapped,action}' = 'report.open'"
    )
    assert [row[:2] for row in told] == [(f"report:{rig.code}", HOAN_KIEM)] * 2
    assert len({row[2] for row in told}) == len(told)


async def test_list_names_each_report_in_the_audit_log_though_a_colleague_opened_them(rig: Rig) -> None:
    codes = {rig.code, (await rig.world.submitted()).code, (await rig.world.submitted()).code}
    for name in ("minh", "thao"):
        await rig.queries.of_units(await rig.world.official(name), PageRequest(20), None, None)
    told = rig.rows(
        "SELECT jsonb_path_query_array(line::jsonb, '$.resources[*].uid') FROM audit.event"
        " WHERE line::jsonb #>> '{unmapped,action}' = 'report.open'"
    )
    assert [sorted(named) for (named,) in told] == [sorted(f"report:{code}" for code in codes)] * 2


async def test_second_role_of_the_same_day_is_noted_too(rig: Rig) -> None:
    await rig.opened("quang")
    quang = await rig.world.official("quang")
    rig.give_duty(quang.official_id, HOAN_KIEM, "handler")
    await rig.opened("quang")
    assert [entry.role for entry in await rig.shown()] == [Role.CITY_OPERATOR, Role.HANDLER]


@pytest.mark.parametrize("changed", [{"unit_id": 1}, {"duties": ()}, {"units": frozenset[int]()}])
async def test_opening_as_somebody_else_is_not_taken_for_known(rig: Rig, changed: dict[str, Any]) -> None:
    minh = await rig.world.official("minh")
    (report,) = rig.rows("SELECT id, code FROM reports.report")
    for who in (minh, replace(minh, **changed), minh):
        await rig.ledger.note(who, [OpenedReport(*report)], listed=False)
    assert len(rig.events("report.open")) == len((minh, changed))


async def test_another_citizen_sees_nothing_and_finds_no_report(rig: Rig) -> None:
    await rig.opened("minh")
    assert await rig.shown("hung") == []
    with pytest.raises(NotFound):
        await rig.shown("hung", rig.code)
    with pytest.raises(NotFound):
        await rig.shown("hung", "0000000000000000")
    with pytest.raises(InvalidInput):
        await rig.shown("hung", "x")


async def test_one_report_is_shown_alone_and_numbered_by_itself(rig: Rig) -> None:
    await rig.opened("minh")
    rig.code = (await rig.world.submitted()).code
    await rig.opened("minh", "quang")
    assert [entry.number for entry in await rig.shown(code=rig.code)] == [1, 2]
    assert len(await rig.shown()) == 3


async def test_sign_in_older_than_15_minutes_is_refused(rig: Rig) -> None:
    lan = await rig.citizen()
    rig.world.clock.advance(timedelta(minutes=15, seconds=1))
    with pytest.raises(Forbidden):
        await rig.ledger.mine(lan, PageRequest(20))


async def test_entries_of_the_last_moments_are_not_numbered_yet(rig: Rig) -> None:
    await rig.opened("minh")
    rig.world.clock.advance(timedelta(seconds=9))
    page = await rig.ledger.mine(await rig.citizen(), PageRequest(20))
    assert page.items == ()


async def test_pages_follow_each_other(rig: Rig) -> None:
    await rig.opened("minh", "quang")
    rig.world.clock.advance(SETTLED)
    first = await rig.ledger.mine(await rig.citizen(), PageRequest(1))
    second = await rig.ledger.mine(await rig.citizen(), PageRequest(1, first.positions[0]))
    assert (first.has_next, second.has_next) == (True, False)
    assert [entry.number for entry in (*first.items, *second.items)] == [2, 1]


async def test_nobody_is_told_of_an_opening(rig: Rig) -> None:
    counted = (
        "SELECT (SELECT count(*) FROM notifications.inbox), (SELECT count(*) FROM changes.change),"
        " (SELECT count(*) FROM jobs.procrastinate_jobs), (SELECT version FROM reports.report)"
    )
    before = rig.rows(counted)
    await rig.opened("minh", "quang")
    assert rig.rows(counted) == before


async def test_database_hands_entries_to_no_role(rig: Rig) -> None:
    await rig.opened("minh")
    people = [await rig.citizen(), await rig.world.official("minh"), await rig.world.official("quang")]
    for who in people:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with rig.world.database.read_scope(who, AuditEvent("ledger.read")) as scope:
                await scope.rows("SELECT 1 FROM ledger.entry LIMIT $1", 9)


async def test_database_notes_nothing_in_a_citizens_name_and_no_contact_that_was_not_opened(rig: Rig) -> None:
    for who, subject in ((await rig.citizen(), "report"), (await rig.world.official("minh"), "contact")):
        with pytest.raises(DBAPIError):
            async with rig.world.database.unit_of_work(who, AuditEvent("report.open")) as work:
                await work.connection.execute(
                    text("SELECT ledger.note(ARRAY[:id ::uuid], ARRAY[:id ::uuid], :subject, :at)"),
                    {"id": new_uuid(), "subject": subject, "at": NOON},
                )


OTHER_MOMENTS = ["-2 minutes", "2 minutes", "-31 days", "1 day"]


@pytest.mark.parametrize("off", OTHER_MOMENTS)
async def test_database_notes_openings_of_no_other_moment(rig: Rig, off: str) -> None:
    rig.let_time_pass()
    ((report, _),) = rig.rows("SELECT id, code FROM reports.report")
    with pytest.raises(DBAPIError, match="not now"):
        await noted_at(rig, report, off)
    assert rig.rows("SELECT 1 FROM ledger.entry") == []


async def test_database_notes_openings_of_this_moment_on_its_day_in_ha_noi(rig: Rig) -> None:
    rig.let_time_pass()
    ((report, _),) = rig.rows("SELECT id, code FROM reports.report")
    await noted_at(rig, report, "0 seconds")
    assert rig.rows("SELECT day = (noted_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date FROM ledger.entry") == [
        (True,)
    ]


async def noted_at(rig: Rig, report: UUID, off: str) -> None:
    """What a stolen api says as Minh, so far from the database's clock."""
    async with rig.world.database.unit_of_work(
        await rig.world.official("minh"), AuditEvent("report.open")
    ) as work:
        await work.connection.execute(
            text(
                "SELECT ledger.note(ARRAY[:id ::uuid], ARRAY[:report ::uuid], 'report',"
                f" clock_timestamp() + interval '{off}')"
            ),
            {"id": new_uuid(), "report": report},
        )
        await work.record(AuditEvent("report.open"))
        await work.commit()


@pytest.mark.parametrize("off", OTHER_MOMENTS)
async def test_contact_is_opened_at_no_other_moment(rig: Rig, off: str) -> None:
    rig.let_time_pass()
    minh = await rig.world.official("minh")
    with pytest.raises(DBAPIError, match="not now"):
        async with rig.world.database.unit_of_work(minh, AuditEvent("contact.open")) as work:
            await work.connection.execute(
                text(
                    "INSERT INTO contacts.opening (id, report_id, official_id, unit_id, at, purpose)"
                    f" SELECT :id, r.id, :me, r.handler_id, clock_timestamp() + interval '{off}', 'visit'"
                    " FROM reports.report r"
                ),
                {"id": new_uuid(), "me": minh.official_id},
            )
    assert rig.rows("SELECT 1 FROM ledger.entry") == []


async def test_process_remembers_no_more_than_so_many(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 1)
    await rig.opened("minh", "quang", "minh")
    assert (len(rig.ledger._known), len(await rig.shown())) == (1, 2)

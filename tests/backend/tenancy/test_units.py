"""Units as administrators change them: made, renamed, moved, ended; what follows, and who may not."""

import asyncio
from datetime import date

import pytest

from backend.administration.errors import AlreadyEnded, CodeTaken
from backend.administration.types import HistoryKind
from backend.reports.errors import UnknownUnit
from backend.reports.store import unit_that_takes_reports
from backend.routing.errors import UnknownWard
from backend.routing.service import RoutingService
from backend.tenancy.errors import NoDutyHere, UnitCycle, UnitInUse, WrongParent, WrongSuccessor
from backend.tenancy.types import NewUnit
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.paging import PageRequest
from foundation.recording import AuditEvent
from tests.backend.offices import AND_OPERATOR, OF_A_WARD, THE_OTHER, Office
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, SOC_SON, key

NEW = NewUnit("D0099", "Sở Chuyển đổi số", "department", CITY)
BA_DINH, TODAY = "00004", date(2026, 11, 24)
EVERY_LETTER = (
    "Ắ Ằ Ẳ Ẵ Ặ Ấ Ầ Ẩ Ẫ Ậ Đ É È Ẻ Ẽ Ẹ Ế Ề Ể Ễ Ệ Ớ Ờ Ở Ỡ Ợ Ố Ồ Ổ Ỗ Ộ Ứ Ừ Ử Ữ Ự Ý Ỳ Ỷ Ỹ Ỵ ơ ư ă â ê ô đ"
)


def jobs(office: Office, task: str) -> list[dict[str, int | str]]:
    """Arguments of the jobs that wait."""
    statement = "SELECT args FROM jobs.procrastinate_jobs WHERE task_name = %s ORDER BY id"
    return [row[0] for row in office.rows(statement, task)]


def id_of(office: Office, code: str) -> int:
    return int(office.rows("SELECT id FROM tenancy.unit WHERE code = %s", code)[0][0])


async def test_new_unit_is_found_and_keycloak_follows(office: Office) -> None:
    tu = await office.administrator()
    done = await office.units.create(tu, NEW, key())
    found = await office.found_units.units(tu, None, "chuyen doi so", 10, None)
    assert (done.version, [unit.parent_code for unit in found.items]) == (1, [CITY])
    assert jobs(office, "organisations.follow") == [{"unit": "D0099"}]


async def test_name_with_every_letter_is_kept_and_found_without_marks(office: Office) -> None:
    tu = await office.administrator()
    await office.units.create(tu, NewUnit("D0099", EVERY_LETTER, "department", CITY), key())
    found = await office.found_units.units(tu, None, "a a a a a a a a a a d e", 10, None)
    assert [unit.name for unit in found.items] == [EVERY_LETTER]


async def test_name_typed_with_loose_marks_is_kept_as_letters(office: Office) -> None:
    tu = await office.administrator()
    await office.units.create(tu, NewUnit("D0099", "So\u031b\u0309  Y\u0301", "department", CITY), key())
    assert (await office.found_units.unit(tu, "D0099")).name == "Sở Ý"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 201,
        "Sở\x00Y tế",
        "Sở\nY tế",
        "Sở \u202eếT Y",
        "S\u200bở",
        "\ud800",
        "123",
        "Z\u0335\u0336\u0337",
    ],
)
async def test_name_that_misleads_is_refused(office: Office, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await office.units.create(
            await office.administrator(), NewUnit("D0099", name, "department", CITY), key()
        )
    assert refusal.value.field == "name"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("00004x", "ward"),
        ("D0099", "ward"),
        ("99999", "department"),
        ("P0099", "department"),
        ("C0002", "department"),
        ("", "ward"),
    ],
)
async def test_code_of_another_kind_is_refused(office: Office, code: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await office.units.create(await office.administrator(), NewUnit(code, "Tên", kind, CITY), key())
    assert refusal.value.field == "code"


@pytest.mark.parametrize("kind", ["party", "city", "", "district"])
async def test_roots_and_party_bodies_are_not_made(office: Office, kind: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await office.units.create(await office.administrator(), NewUnit("P0009", "Ban", kind, "P0001"), key())
    assert refusal.value.field == "kind"


async def test_code_once_used_is_taken(office: Office) -> None:
    with pytest.raises(CodeTaken):
        await office.units.create(
            await office.administrator(), NewUnit(CONSTRUCTION, "Sở mới", "department", CITY), key()
        )


async def test_same_request_again_has_one_effect(office: Office) -> None:
    tu, once = await office.administrator(), key()
    first = await office.units.create(tu, NEW, once)
    assert await office.units.create(tu, NEW, once) == first
    assert len(jobs(office, "organisations.follow")) == 1


async def test_same_key_for_another_body_is_refused(office: Office) -> None:
    tu, once = await office.administrator(), key()
    await office.units.create(tu, NEW, once)
    with pytest.raises(IdempotencyMismatch):
        await office.units.create(tu, NEW, Idempotency(once.key, b"\x02" * 32))


@pytest.mark.parametrize("name", ["minh", "quang", "phuong"])
async def test_officer_without_the_duty_changes_nothing(office: Office, name: str) -> None:
    with pytest.raises(Forbidden):
        await office.units.create(await office.world.official(name), NEW, key())
    assert office.rows("SELECT 1 FROM tenancy.unit WHERE code = 'D0099'") == []


async def test_administrator_of_a_ward_changes_nothing_of_the_city(office: Office) -> None:
    with pytest.raises(Forbidden):
        await office.units.create(await office.administrator(OF_A_WARD, HOAN_KIEM), NEW, key())


async def test_renaming_is_in_the_history_with_who_and_what(office: Office) -> None:
    tu = await office.administrator()
    done = await office.units.rename(tu, CONSTRUCTION, 1, "Sở Xây dựng và Hạ tầng", key())
    (entry,) = (await office.history.history(tu, HistoryKind.UNIT, CONSTRUCTION, PageRequest(10))).items
    assert (done.version, entry.actor, entry.actor_unit, entry.action) == (
        2,
        "Đặng Anh Tú",
        CITY,
        "unit.rename",
    )
    (difference,) = entry.differences
    assert (difference.field, difference.before, difference.after) == (
        "name",
        '"Sở Xây dựng"',
        '"Sở Xây dựng và Hạ tầng"',
    )


async def test_history_comes_in_pages_newest_first(office: Office) -> None:
    tu = await office.administrator()
    for version in (1, 2, 3):
        await office.units.rename(tu, CONSTRUCTION, version, f"Sở thứ {version}", key())
    page = await office.history.history(tu, HistoryKind.UNIT, CONSTRUCTION, PageRequest(2))
    rest = await office.history.history(
        tu, HistoryKind.UNIT, CONSTRUCTION, PageRequest(2, page.positions[-1])
    )
    versions = [entry.version for entry in (*page.items, *rest.items)]
    assert (versions, page.has_next, rest.has_next) == ([4, 3, 2], True, False)


@pytest.mark.parametrize("name", ["minh", "quang"])
async def test_history_is_for_administrators(office: Office, name: str) -> None:
    with pytest.raises(Forbidden):
        await office.history.history(
            await office.world.official(name), HistoryKind.UNIT, CONSTRUCTION, PageRequest(10)
        )


async def test_version_that_is_no_more_is_a_conflict(office: Office) -> None:
    tu = await office.administrator()
    await office.units.rename(tu, CONSTRUCTION, 1, "Sở khác", key())
    with pytest.raises(VersionConflict) as refusal:
        await office.units.rename(tu, CONSTRUCTION, 1, "Sở khác nữa", key())
    assert refusal.value.current == 2


async def test_of_two_administrators_at_once_one_wins(office: Office) -> None:
    one, other = await office.administrator(), await office.administrator(THE_OTHER)
    outcomes = await asyncio.gather(
        office.units.rename(one, CONSTRUCTION, 1, "Sở của Tú", key()),
        office.units.rename(other, CONSTRUCTION, 1, "Sở của Thủy", key()),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Done", "VersionConflict"]


async def test_moved_unit_stands_below_another_at_once(office: Office) -> None:
    tu = await office.administrator()
    await office.units.move(tu, "D0002", 1, CONSTRUCTION, key())
    path = office.rows("SELECT tenancy.path_of(id) FROM tenancy.unit WHERE code = 'D0002'")[0][0]
    assert path == [id_of(office, code) for code in ("D0002", CONSTRUCTION, CITY)]


@pytest.mark.parametrize("parent", ["P0002", "99999", "nothing", BA_DINH, CONSTRUCTION])
async def test_ward_moves_neither_to_a_party_body_nor_to_what_takes_none(office: Office, parent: str) -> None:
    with pytest.raises(WrongParent):
        await office.units.move(await office.administrator(), HOAN_KIEM, 1, parent, key())


async def test_party_body_is_not_there_for_administrators(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.units.move(await office.administrator(), "P0002", 1, CITY, key())


async def test_unit_is_not_moved_below_itself(office: Office) -> None:
    with pytest.raises(UnitCycle):
        await office.units.move(await office.administrator(), CONSTRUCTION, 1, CONSTRUCTION, key())


async def test_unit_is_not_moved_below_its_own_unit(office: Office) -> None:
    tu = await office.administrator()
    await office.units.move(tu, "D0002", 1, CONSTRUCTION, key())
    with pytest.raises(UnitCycle):
        await office.units.move(tu, CONSTRUCTION, 1, "D0002", key())


async def test_two_moves_at_once_make_no_cycle(office: Office) -> None:
    one, other = await office.administrator(), await office.administrator(THE_OTHER)
    outcomes = await asyncio.gather(
        office.units.move(one, "D0002", 1, CONSTRUCTION, key()),
        office.units.move(other, CONSTRUCTION, 1, "D0002", key()),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Done", "UnitCycle"]


async def test_city_is_not_moved_and_not_ended(office: Office) -> None:
    tu = await office.administrator()
    with pytest.raises(WrongParent):
        await office.units.move(tu, CITY, 1, CONSTRUCTION, key())
    with pytest.raises(WrongSuccessor):
        await office.units.end(tu, CITY, 1, None, key())


async def test_unit_with_an_open_report_is_not_ended(office: Office) -> None:
    await office.world.submitted(ward=BA_DINH)
    with pytest.raises(UnitInUse) as refusal:
        await office.units.end(await office.administrator(), BA_DINH, 1, None, key())
    assert (refusal.value.open_reports, refusal.value.people) == (1, 0)


async def test_unit_with_people_is_not_ended(office: Office) -> None:
    with pytest.raises(UnitInUse) as refusal:
        await office.units.end(await office.administrator(), SOC_SON, 1, None, key())
    assert (refusal.value.people, refusal.value.duties) == (1, 1)


async def test_unit_that_rules_name_is_not_ended(office: Office) -> None:
    with pytest.raises(UnitInUse) as refusal:
        await office.units.end(await office.administrator(), "D0003", 1, None, key())
    assert refusal.value.rules == 1


async def test_unit_with_nothing_left_ends_and_is_listed_on_demand(office: Office) -> None:
    tu = await office.administrator()
    await office.units.end(tu, "D0013", 1, None, key())
    now = await office.found_units.units(tu, None, "cong an", 10, None)
    ever = await office.found_units.units(tu, None, "cong an", 10, None, ended=True)
    assert (now.items, [unit.ended_on for unit in ever.items]) == ((), [TODAY])


async def test_ended_unit_is_not_changed(office: Office) -> None:
    tu = await office.administrator()
    await office.units.end(tu, "D0013", 1, None, key())
    with pytest.raises(AlreadyEnded):
        await office.units.rename(tu, "D0013", 2, "Tên khác", key())


async def test_ended_ward_takes_no_report_and_is_no_target(office: Office) -> None:
    tu = await office.administrator()
    await office.units.end(tu, BA_DINH, 1, None, key())
    with pytest.raises(UnknownWard):
        await office.world.submitted(ward=BA_DINH)
    report = await office.world.submitted()
    with pytest.raises(UnknownUnit):
        await office.world.reports.forward(
            await office.world.official("minh"), report.code, 1, BA_DINH, "Chuyển", key()
        )


async def test_merged_wards_reports_go_to_the_successor_and_the_citizen_is_told(office: Office) -> None:
    lan = await office.world.citizen()
    report = await office.world.submitted(lan, ward=BA_DINH)
    await office.units.end(await office.administrator(), BA_DINH, 1, HOAN_KIEM, key())
    assert jobs(office, "reports.hand_over") == [{"unit": id_of(office, BA_DINH)}]
    assert await office.hand_over.run(id_of(office, BA_DINH)) == 1
    seen = await office.world.queries.one(await office.world.official("minh"), report.code)
    assert (seen.handler.code, seen.version) == (HOAN_KIEM, 2)
    timeline = await office.world.queries.timelines(lan, [report.code])
    last = timeline[report.code][-1]
    assert (last.step, last.unit.code, last.actor) == ("forwarded", HOAN_KIEM, "system")
    assert len(jobs(office, "reports.fan_out")) == 2


async def test_handing_over_again_moves_nothing(office: Office) -> None:
    await office.world.submitted(ward=BA_DINH)
    await office.units.end(await office.administrator(), BA_DINH, 1, HOAN_KIEM, key())
    await office.hand_over.run(id_of(office, BA_DINH))
    assert await office.hand_over.run(id_of(office, BA_DINH)) == 0


async def test_old_ward_in_an_app_is_the_one_that_it_became_part_of(office: Office) -> None:
    await office.units.end(await office.administrator(), BA_DINH, 1, HOAN_KIEM, key())
    report = await office.world.submitted(ward=BA_DINH)
    seen = await office.world.queries.one(await office.world.official("minh"), report.code)
    assert (seen.ward.code, seen.handler.code) == (HOAN_KIEM, HOAN_KIEM)


async def test_duties_at_a_merged_unit_end_and_its_people_work_there_no_more(office: Office) -> None:
    await office.units.end(await office.administrator(), SOC_SON, 1, HOAN_KIEM, key())
    duty = "SELECT until_day FROM tenancy.duty WHERE unit_id = %s"
    assert office.rows(duty, id_of(office, SOC_SON)) == [(date(2026, 11, 23),)]
    told = "SELECT actor_name, kind, duty FROM tenancy.official_change"
    assert office.rows(told) == [("Đặng Anh Tú", "duty_ended", "handler")]
    with pytest.raises(NoDutyHere):
        await office.world.official("dung")


async def test_units_below_a_merged_one_go_along(office: Office) -> None:
    tu = await office.administrator()
    await office.units.move(tu, "D0002", 1, CONSTRUCTION, key())
    await office.units.end(tu, CONSTRUCTION, 1, "D0013", key())
    assert (await office.found_units.unit(tu, "D0002")).parent_code == "D0013"


@pytest.mark.parametrize("heir", [HOAN_KIEM, CITY, "P0002", "D9999", CONSTRUCTION])
async def test_department_becomes_part_of_a_department_only(office: Office, heir: str) -> None:
    with pytest.raises(WrongSuccessor):
        await office.units.end(await office.administrator(), CONSTRUCTION, 1, heir, key())


async def test_successor_below_the_unit_is_refused(office: Office) -> None:
    tu = await office.administrator()
    await office.units.move(tu, "D0002", 1, CONSTRUCTION, key())
    with pytest.raises(WrongSuccessor):
        await office.units.end(tu, CONSTRUCTION, 1, "D0002", key())


async def test_refused_change_and_change_are_events(office: Office) -> None:
    tu = await office.administrator()
    await office.units.rename(tu, CONSTRUCTION, 1, "Sở mới", key())
    with pytest.raises(VersionConflict):
        await office.units.rename(tu, CONSTRUCTION, 1, "Sở mới hơn", key())
    lines = [row[0] for row in office.rows("SELECT line FROM audit.event ORDER BY id")]
    told = [line for line in lines if '"unit.rename"' in line]
    assert [("common.version_conflict" in line, "unit:D0001" in line) for line in told] == [
        (False, True),
        (True, True),
    ]
    assert not any("Sở mới" in line for line in lines)


WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 4801 AND NOT granted"


async def test_unit_does_not_end_between_a_reports_routing_and_its_commit(office: Office) -> None:
    tu, lan = await office.administrator(), await office.world.citizen()
    async with office.world.database.unit_of_work(lan, AuditEvent("report.submit")) as work:
        await RoutingService().route(work, "road", BA_DINH, office.world.clock.now())
        ending = asyncio.create_task(office.units.end(tu, BA_DINH, 1, None, key()))
        while not ending.done() and not office.rows(WAITS):  # noqa: ASYNC110 - the database tells no event
            await asyncio.sleep(0.01)
        waited = not ending.done()
    assert (waited, (await ending).version) == (True, 2)


async def test_unit_does_not_end_while_a_report_is_forwarded_to_it(office: Office) -> None:
    tu, minh = await office.administrator(), await office.world.official("minh")
    async with office.world.database.unit_of_work(minh, AuditEvent("report.forward")) as work:
        await unit_that_takes_reports(work, BA_DINH, office.world.clock.now())
        ending = asyncio.create_task(office.units.end(tu, BA_DINH, 1, None, key()))
        while not ending.done() and not office.rows(WAITS):  # noqa: ASYNC110 - the database tells no event
            await asyncio.sleep(0.01)
        waited = not ending.done()
    assert (waited, (await ending).version) == (True, 2)


async def test_administrator_who_also_operates_the_city_has_a_role_that_may(office: Office) -> None:
    """City level acts as a database role of its own: it has the same grants here."""
    who = await office.administrator(AND_OPERATOR)
    await office.world.submitted(ward=BA_DINH)
    await office.units.create(who, NEW, key())
    await office.units.end(who, BA_DINH, 1, HOAN_KIEM, key())
    page = await office.history.history(who, HistoryKind.UNIT, BA_DINH, PageRequest(10))
    assert [entry.actor for entry in page.items] == ["Đặng Ngọc Ẩn"]


async def test_administrator_of_a_ward_reads_no_history(office: Office) -> None:
    with pytest.raises(Forbidden):
        await office.history.history(
            await office.administrator(OF_A_WARD, HOAN_KIEM), HistoryKind.UNIT, BA_DINH, PageRequest(10)
        )


async def test_administrator_reads_no_report(office: Office) -> None:
    report = await office.world.submitted()
    with pytest.raises(NotFound):
        await office.world.queries.one(await office.administrator(), report.code)


async def test_successor_does_not_end_while_reports_are_on_their_way_to_it(office: Office) -> None:
    tu = await office.administrator()
    await office.world.submitted(ward=BA_DINH)
    await office.units.end(tu, BA_DINH, 1, "00008", key())
    with pytest.raises(UnitInUse) as refusal:
        await office.units.end(tu, "00008", 1, None, key())
    assert refusal.value.open_reports == 1


async def test_reports_of_a_chain_of_mergers_reach_its_end(office: Office) -> None:
    tu = await office.administrator()
    report = await office.world.submitted(ward=BA_DINH)
    await office.units.end(tu, BA_DINH, 1, "00008", key())
    await office.units.end(tu, "00008", 1, HOAN_KIEM, key())
    await office.hand_over.run(id_of(office, BA_DINH))
    seen = await office.world.queries.one(await office.world.official("minh"), report.code)
    assert seen.handler.code == HOAN_KIEM

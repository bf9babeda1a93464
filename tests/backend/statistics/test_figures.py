"""Officials' figures: true at once, the same before and after they are summed up, of the own units only."""

from datetime import date, timedelta

import pytest

from backend.reports.types import Asked, ClosingReason, Merge, ReportState
from backend.statistics.queries import READ
from backend.statistics.types import Period, Tally, Wanted
from foundation.errors import Forbidden, InvalidInput, NotFound
from tests.backend.statistics.conftest import THIS_DAY, TODAY, Bureau
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, SOC_SON, key, merging_of, show_evidence

WHOLE_TABLES = ("standing", "daily", "monthly")


async def _close(bureau: Bureau, code: str, version: int) -> int:
    """Minh closes it with evidence; the version after it."""
    world = bureau.world
    show_evidence(bureau.database.settings(bureau.database.superuser), code, world.clock.now())
    minh = await world.official("minh")
    done = await world.reports.close(minh, code, version, ClosingReason.RESOLVED, None, None, key())
    return done.version


async def _worked_on(bureau: Bureau) -> None:
    """Three at Hoàn Kiếm: one new, one closed, one forwarded to the Department of Construction."""
    world = bureau.world
    await world.submitted()
    closed, forwarded = await world.submitted(), await world.submitted(category="road")
    minh = await world.official("minh")
    accepted = await world.reports.accept(minh, closed.code, closed.version, key())
    await _close(bureau, closed.code, accepted.version)
    at = await world.queries.one(minh, forwarded.code)
    target = CONSTRUCTION if at.handler.code == HOAN_KIEM else HOAN_KIEM
    sender = minh if at.handler.code == HOAN_KIEM else await world.official("ha")
    await world.reports.forward(sender, forwarded.code, forwarded.version, target, "Thuộc Sở.", key())


async def test_a_report_counts_in_the_transaction_that_made_it(bureau: Bureau) -> None:
    before = await bureau.figures("quang")
    await bureau.world.submitted()
    after = await bureau.figures("quang")
    assert (before.open, after.open, after.now.received) == (0, 1, 1)
    assert after.standing == {ReportState.RECEIVED: 1}


async def test_summing_up_changes_no_figure(bureau: Bureau) -> None:
    await _worked_on(bureau)
    before = [await bureau.figures(who) for who in ("minh", "ha", "quang")]
    moved = await bureau.roll_up()
    assert moved > 0
    assert bureau.rows("SELECT count(*) FROM statistics.delta") == [(0,)]
    assert [await bureau.figures(who) for who in ("minh", "ha", "quang")] == before


async def test_sums_are_what_a_recount_of_all_reports_gives(bureau: Bureau) -> None:
    await _worked_on(bureau)
    bureau.rows("SELECT statistics.note_rating(id, 4, NULL, created_at) FROM reports.report LIMIT 2")
    await bureau.roll_up()
    summed = {
        table: bureau.rows(f"SELECT * FROM statistics.{table} EXCEPT SELECT * FROM ("
                           f"SELECT * FROM statistics.{table} LIMIT 0) x ORDER BY 1, 2, 3")
        for table in WHOLE_TABLES
    }  # fmt: skip
    with bureau.database.cluster.connect(bureau.database.name) as superuser:
        superuser.execute("SET ROLE backend_owner")
        superuser.execute("SELECT statistics.recount()")
    for table in WHOLE_TABLES:
        counted = bureau.rows(f"SELECT * FROM statistics.{table} ORDER BY 1, 2, 3")
        assert [row for row in summed[table] if any(row[3:])] == counted


async def test_a_forwarded_report_counts_where_it_lies(bureau: Bureau) -> None:
    world = bureau.world
    report = await world.submitted()
    await bureau.roll_up()
    minh = await world.official("minh")
    await world.reports.forward(minh, report.code, report.version, CONSTRUCTION, "Thuộc Sở.", key())
    there, here = await bureau.figures("ha"), await bureau.figures("minh")
    assert (there.open, there.now.received, here.open, here.now.received) == (1, 1, 0, 0)
    assert (await bureau.figures("quang")).now.received == 1


async def test_closing_counts_on_its_own_day(bureau: Bureau) -> None:
    world = bureau.world
    report = await world.submitted()
    minh = await world.official("minh")
    accepted = await world.reports.accept(minh, report.code, report.version, key())
    world.clock.advance(timedelta(days=1))
    await _close(bureau, report.code, accepted.version)
    seen = await bureau.figures(period=Period(TODAY, TODAY + timedelta(days=1)))
    assert [(day.tally.received, day.tally.closed) for day in seen.days] == [(1, 0), (0, 1)]
    assert (seen.open, seen.standing) == (0, {ReportState.CLOSED: 1})


async def test_a_rolled_back_change_counts_nothing(bureau: Bureau) -> None:
    with bureau.database.cluster.connect(bureau.database.name) as superuser:
        report = await bureau.world.submitted()
        with superuser.transaction(force_rollback=True):
            superuser.execute(
                "UPDATE reports.report SET state = 'in_progress' WHERE code = %s", (report.code,)
            )
    assert (await bureau.figures()).standing == {ReportState.RECEIVED: 1}


async def test_what_is_under_way_is_summed_up_when_it_is_done(bureau: Bureau) -> None:
    report = await bureau.world.submitted()
    with bureau.database.cluster.connect(bureau.database.name) as superuser:
        with superuser.transaction():
            superuser.execute(
                "UPDATE reports.report SET state = 'in_progress' WHERE code = %s", (report.code,)
            )
            await bureau.roll_up()
        assert (await bureau.figures()).standing == {ReportState.IN_PROGRESS: 1}
    await bureau.roll_up()
    assert (await bureau.figures()).standing == {ReportState.IN_PROGRESS: 1}


async def test_a_category_alone(bureau: Bureau) -> None:
    await bureau.world.submitted()
    await bureau.world.submitted(category="waste")
    seen = await bureau.figures("quang", category="waste")
    assert (seen.open, [one.category for one in seen.categories]) == (1, ["waste"])


async def test_this_period_stands_beside_the_one_before(bureau: Bureau) -> None:
    await bureau.world.submitted()
    bureau.world.clock.advance(timedelta(days=7))
    await bureau.world.submitted()
    await bureau.world.submitted()
    week = Period(TODAY + timedelta(days=1), TODAY + timedelta(days=7))
    seen = await bureau.figures("quang", period=week)
    assert (seen.before.received, seen.now.received) == (1, 2)
    assert seen.before_period == Period(TODAY - timedelta(days=6), TODAY)


async def test_a_rating_counts_once_and_a_new_one_takes_its_place(bureau: Bureau) -> None:
    await bureau.world.submitted()
    note = "SELECT statistics.note_rating(id, {}, {}, created_at) FROM reports.report"
    bureau.rows(note.format(2, "NULL"))
    bureau.rows(note.format(5, 2))
    seen = (await bureau.figures()).now
    assert (seen.ratings, seen.satisfaction) == (1, 5.0)


async def test_a_rating_with_nothing_else_of_that_day_is_summed_up(bureau: Bureau) -> None:
    await bureau.world.submitted()
    await bureau.roll_up()
    bureau.rows("SELECT statistics.note_rating(id, 4, NULL, created_at) FROM reports.report")
    assert await bureau.roll_up() == 1
    assert (await bureau.figures()).now.satisfaction == 4.0


async def test_what_a_citizen_rates_counts_where_it_was_closed(bureau: Bureau) -> None:
    world = bureau.world
    lan, minh = await world.citizen(), await world.official("minh")
    report = await world.submitted(lan)
    accepted = await world.reports.accept(minh, report.code, report.version, key())
    version = await _close(bureau, report.code, accepted.version)
    rated = await world.reports.rate(lan, report.code, version, 2, None, key())
    assert (await bureau.figures()).now.satisfaction == 2.0
    world.clock.advance(timedelta(hours=1))
    opened = await world.reports.reopen(lan, report.code, rated.version, "Lại tắt.", key())
    again = await world.reports.accept(minh, report.code, opened.version, key())
    world.clock.advance(timedelta(hours=1))
    version = await _close(bureau, report.code, again.version)
    await world.reports.rate(lan, report.code, version, 5, None, key())
    seen = (await bureau.figures()).now
    assert (seen.ratings, seen.satisfaction, seen.closed) == (1, 5.0, 2)


async def test_units_in_one_category(bureau: Bureau) -> None:
    await bureau.world.submitted(category="waste")
    await bureau.world.submitted()
    await bureau.roll_up()
    await bureau.world.submitted(category="waste")
    minh = await bureau.world.official("minh")
    (unit,) = (await bureau.queries.of_units(minh, Wanted(THIS_DAY, category="waste"), 10, None)).items
    assert (unit.now.received, unit.open) == (2, 2)


async def test_units_one_by_one_in_pages(bureau: Bureau) -> None:
    await bureau.world.submitted()
    await bureau.world.submitted(ward=SOC_SON)
    quang, wanted = await bureau.world.official("quang"), Wanted(THIS_DAY)
    seen, after = [], None
    while True:
        page = await bureau.queries.of_units(quang, wanted, 50, after)
        seen += page.items
        if not page.has_next:
            break
        after = page.keys[-1]
    assert len(seen) == len({one.unit.code for one in seen}) > 100
    assert sorted(one.unit.code for one in seen if one.now.received) == sorted([HOAN_KIEM, SOC_SON])


@pytest.mark.parametrize(
    "period",
    [
        Period(date(2026, 11, 24), date(2026, 11, 24)),
        Period(date(2026, 11, 1), date(2026, 11, 30)),
        Period(date(2026, 10, 15), date(2027, 1, 10)),
        Period(date(2026, 11, 20), date(2026, 12, 31)),
        Period(date(2026, 2, 1), date(2026, 12, 31)),
    ],
)
async def test_whole_months_are_the_days_together(bureau: Bureau, period: Period) -> None:
    for days in (0, 20, 30):
        bureau.world.clock.advance(timedelta(days=days))
        await bureau.world.submitted()
    await bureau.roll_up()
    minh = await bureau.world.official("minh")
    page = await bureau.queries.of_units(minh, Wanted(period), 10, None)
    assert page.items[0].now == (await bureau.figures(period=period)).now


async def test_nobody_sees_another_units_figures(bureau: Bureau) -> None:
    for units in ((SOC_SON,), (CITY,), (HOAN_KIEM, SOC_SON), ("99999",), ("rubbish",), ("P0002",)):
        with pytest.raises(NotFound):
            await bureau.figures("minh", units=units)


async def test_row_level_security_holds_without_the_policy(bureau: Bureau) -> None:
    await bureau.world.submitted()
    await bureau.world.submitted(ward=SOC_SON)
    await bureau.roll_up()
    await bureau.world.submitted(ward=SOC_SON)
    minh = await bureau.world.official("minh")
    async with bureau.world.database.read_scope(minh, READ) as scope:
        for table in ("delta", "standing", "daily", "monthly"):
            rows = await scope.rows(f"SELECT DISTINCT unit_id FROM statistics.{table} WHERE $1", True)
            assert {row["unit_id"] for row in rows} <= minh.units


@pytest.mark.parametrize("who", ["phuong", "nga"])
async def test_a_party_body_and_who_has_no_unit_see_no_figures(bureau: Bureau, who: str) -> None:
    with pytest.raises(Forbidden):
        await bureau.figures(who)


@pytest.mark.parametrize(
    ("period", "field"),
    [
        (Period(TODAY, TODAY - timedelta(days=1)), "untilDay"),
        (Period(TODAY - timedelta(days=366), TODAY), "untilDay"),
        (Period(date.min, TODAY), "fromDay"),
        (Period(TODAY, date.max), "untilDay"),
    ],
)
async def test_a_period_that_is_none_is_refused(bureau: Bureau, period: Period, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await bureau.figures(period=period)
    assert refused.value.field == field


@pytest.mark.parametrize("category", ["", "Road", "road; DROP", "x" * 41, "đường"])
async def test_what_can_be_no_category_is_refused(bureau: Bureau, category: str) -> None:
    with pytest.raises(InvalidInput):
        await bureau.figures(category=category)


async def test_too_many_units_and_pages_are_refused(bureau: Bureau) -> None:
    with pytest.raises(InvalidInput):
        await bureau.figures(units=(HOAN_KIEM,) * 201)
    with pytest.raises(InvalidInput):
        await bureau.figures(units=())
    minh = await bureau.world.official("minh")
    for first in (0, -1, 101):
        with pytest.raises(InvalidInput):
            await bureau.queries.of_units(minh, Wanted(THIS_DAY), first, None)


async def test_nothing_happened(bureau: Bureau) -> None:
    seen = await bureau.figures("quang", category="never_used")
    assert (seen.open, seen.now, seen.categories, seen.now.on_time_rate) == (0, Tally(), (), None)


async def test_merged_report_leaves_what_is_open_and_comes_back(bureau: Bureau) -> None:
    main, other = await bureau.world.submitted(), await bureau.world.submitted()
    minh, merges = await bureau.world.official("minh"), merging_of(bureau.world)
    merge = Merge(Asked(main.code, 1), (Asked(other.code, 1),))
    await merges.merge(minh, merge, key())
    seen = await bureau.figures()
    assert (seen.open, seen.standing) == (1, {ReportState.RECEIVED: 1, ReportState.MERGED: 1})
    assert (seen.now.received, seen.now.closed, seen.categories[0].open) == (2, 0, 1)
    await bureau.roll_up()
    assert await bureau.figures() == seen
    await merges.unmerge(minh, other.code, 2, "Khác nhau.", key())
    seen = await bureau.figures()
    assert (seen.open, seen.standing, seen.now.received) == (2, {ReportState.RECEIVED: 2}, 2)

"""Search in officers' lists: with and without diacritics, within limits, nothing but what may be listed."""

from datetime import timedelta

import psycopg
import pytest

from backend.reports.limits import checked_search
from backend.reports.types import Changed, ReportState, Submission
from foundation.errors import InvalidInput
from foundation.paging import MAX_PAGE, PageRequest
from foundation.vietnamese import words
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, World, connect, key
from tests.conftest import Database

PAGE = PageRequest(50)


async def found(
    world: World,
    who: str,
    search: str,
    state: ReportState | None = None,
    units: tuple[str, ...] | None = None,
) -> list[str]:
    """Codes that `who` finds."""
    page = await world.queries.of_units(await world.official(who), PAGE, units, state, search)
    return [report.code for report in page.items]


async def written(world: World, body: str, place: str = "Ngõ 12", ward: str = HOAN_KIEM) -> Changed:
    """A fresh report with this text."""
    submission = Submission("street_light", ward, place, body, None, None)
    return await world.reports.submit(await world.citizen(), submission, key())


@pytest.mark.parametrize(
    "search",
    ["đèn đường", "den duong", "DEN", "tat đèn", "nguy hiêm.", "Den, duo", "  đe\u0300n  ", "hàng bai", "12"],
)
async def test_report_is_found_with_and_without_diacritics(world: World, search: str) -> None:
    submitted = await world.submitted()
    assert await found(world, "minh", search) == [submitted.code]


@pytest.mark.parametrize("search", ["đèn xanh", "duong hiem nguyen", "en duong", "du", "duongx", "du den"])
async def test_report_without_all_the_words_is_not_found(world: World, search: str) -> None:
    await world.submitted()
    assert await found(world, "minh", search) == []


@pytest.mark.parametrize("shown", [str.lower, lambda code: f"{code[:4]}-{code[4:8]} {code[8:]}"])
async def test_report_is_found_by_its_code(world: World, shown) -> None:  # type: ignore[no-untyped-def]
    submitted, _ = await world.submitted(), await world.submitted()
    assert await found(world, "minh", shown(submitted.code)) == [submitted.code]


@pytest.mark.parametrize(
    "search",
    ["", " ", "a", " a ", "…!?", "a" * 101, "một hai ba bốn năm sáu bảy tám chín", "a\x00b", "\ud800a"],
)
def test_search_outside_its_limits_is_refused(search: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        checked_search(search)
    assert refusal.value.field == "search"


async def test_refused_search_names_its_field(world: World) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await found(world, "minh", "x")
    assert refusal.value.field == "search"


@pytest.mark.parametrize(
    "search", ["xanh cham nhap that", "ab", "1 2 3 4 5 6 7 8", "' | 'c:", "a\\b ' & !", "u1:2026"]
)
async def test_no_search_is_taken_for_a_query(world: World, search: str) -> None:
    await world.submitted()
    assert await found(world, "quang", search) == []


@pytest.mark.parametrize(("who", "count"), [("minh", 1), ("dung", 0), ("ha", 0), ("quang", 1)])
async def test_only_reports_of_ones_units_are_found(world: World, who: str, count: int) -> None:
    await world.submitted()
    assert len(await found(world, who, "den duong")) == count


@pytest.mark.parametrize(("who", "units", "count"), [
    ("minh", (SOC_SON,), 0), ("minh", (HOAN_KIEM, SOC_SON), 1), ("quang", (SOC_SON,), 1), ("quang", None, 2),
])  # fmt: skip
async def test_search_narrows_to_the_units_asked_for(
    world: World, who: str, units: tuple[str, ...] | None, count: int
) -> None:
    await world.submitted()
    await world.submitted(ward=SOC_SON)
    assert len(await found(world, who, "den duong", units=units)) == count


async def test_forwarded_report_is_found_by_both_units_and_in_its_new_state(world: World) -> None:
    submitted, minh = await world.submitted(), await world.official("minh")
    accepted = await world.reports.accept(minh, submitted.code, 1, key())
    await world.reports.forward(minh, submitted.code, accepted.version, CONSTRUCTION, "Chuyển", key())
    lists = [await found(world, who, "den") for who in ("minh", "ha", "dung")]
    assert lists == [[submitted.code], [submitted.code], []]


@pytest.mark.parametrize(("state", "count"), [(ReportState.RECEIVED, 0), (ReportState.IN_PROGRESS, 1)])
async def test_search_goes_with_a_state(world: World, state: ReportState, count: int) -> None:
    submitted, minh = await world.submitted(), await world.official("minh")
    await world.reports.accept(minh, submitted.code, 1, key())
    assert len(await found(world, "minh", "den", state)) == count


async def test_pages_of_a_search_are_the_list_newest_first(world: World) -> None:
    codes = []
    for _ in range(7):
        world.clock.advance(timedelta(days=9))
        codes.append((await world.submitted()).code)
        await written(world, "Rác chưa thu gom")
    minh, listed, after = await world.official("minh"), [], None
    for _ in range(4):
        page = await world.queries.of_units(minh, PageRequest(2, after), None, None, "duong den")
        listed += [report.code for report in page.items]
        after = page.positions[-1]
    assert (listed, page.has_next) == (codes[::-1], False)


async def test_a_prefix_completes_to_any_word_there_is(world: World) -> None:
    for word in ("ngập", "ngõ", "nghẽn", "ngã"):
        await written(world, f"Bị {word} nặng")
    assert [len(await found(world, "minh", text)) for text in ("ngh", "nga", "bi nga", "ng")] == [1, 2, 2, 0]


async def test_search_of_more_than_20_units_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await found(world, "quang", "den", units=(HOAN_KIEM,) * 21)
    assert refusal.value.field == "units"


async def test_largest_page_of_a_search_is_answered(world: World) -> None:
    page = await world.queries.of_units(
        await world.official("minh"), PageRequest(MAX_PAGE), None, None, "đèn"
    )
    assert page.items == ()


@pytest.mark.parametrize("role", ["backend_app", "backend_worker", "backend_feed"])
@pytest.mark.parametrize("table", ["report_search", "search_word"])
def test_nobody_reads_the_words(database: Database, role: str, table: str) -> None:
    with connect(database.settings(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT FROM reports.{table}".encode())


@pytest.mark.parametrize(
    "call",
    [
        "search_walk('{c}', '{den}', NULL, NULL, NULL, 9)",
        "search_city(NULL, '{den}', NULL, NULL, NULL, 9)",
        "write_search(gen_random_uuid(), '{x}')",
    ],
)
def test_inner_functions_are_nobodys(database: Database, call: str) -> None:
    app = database.settings("backend_app")
    with connect(app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT reports.{call}".encode())


async def test_search_without_settings_finds_nothing(world: World, database: Database) -> None:
    await world.submitted()
    with connect(database.settings("backend_app")) as connection, connection.transaction():
        units = connection.execute("SELECT array_agg(id) FROM tenancy.unit").fetchone()
        rows = connection.execute(
            "SELECT reports.search_units(%s, '{den}', NULL, NULL, NULL, 9)", units
        ).fetchall()
        connection.execute("SET LOCAL ROLE backend_city")
        city = connection.execute("SELECT reports.search_city(NULL, '{den}', NULL, NULL, NULL, 9)").fetchall()
    assert (rows, city) == ([], [])


@pytest.mark.parametrize("whose", ["another's", "absent"])
async def test_words_of_anothers_and_of_an_absent_report_are_refused_alike(
    world: World, database: Database, whose: str
) -> None:
    await world.submitted()
    with connect(database.settings(database.superuser)) as superuser:
        row = superuser.execute("SELECT id FROM reports.report").fetchone()
    report = row[0] if row and whose == "another's" else "00000000-0000-7000-8000-000000000000"
    hung = await world.citizen("hung")
    with connect(database.settings("backend_app")) as connection, connection.transaction():
        connection.execute("SELECT set_config('ioc.citizen', %s, true)", (str(hung.citizen_id),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT reports.index_words(%s, '{den}')", (report,))


def test_words_are_folded_and_distinct() -> None:
    assert words("Đèn, đường; ĐÈN… ngõ 12/3") == ("den", "duong", "ngo", "12", "3")

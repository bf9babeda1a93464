"""Lists as files: what the asker's list held, once, for a day, and nothing that names anybody."""

import csv
import io
import zipfile
from datetime import timedelta
from uuid import UUID

import pytest

from backend.work.errors import ExportGone, TooManyExports
from backend.work.exports import ExportState, Format
from backend.work.files import HEADINGS, csv_of, harmless, xlsx_of
from backend.work.filters import ListFilter
from foundation.errors import Forbidden, NotFound
from foundation.ids import new_uuid
from tests.backend.work.conftest import Rig
from tests.backend.world import SOC_SON, connect, key


def cells(content: bytes) -> list[list[str]]:
    """The rows of a CSV file."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def asked(rig: Rig, who: str = "minh", kind: Format = Format.CSV, **wanted: object) -> UUID:
    """An export that is asked for."""
    return await rig.exports.ask(await rig.world.official(who), ListFilter(**wanted), kind, key())  # type: ignore[arg-type]


async def test_file_holds_the_askers_list_and_nothing_of_anybody(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    codes = [(await rig.world.submitted()).code for _ in range(3)]
    await rig.world.submitted(ward=SOC_SON)
    await rig.service.write_note(minh, codes[0], "Ghi chú kín", key())
    export = await asked(rig)
    assert (await rig.exports.one(minh, export)).state is ExportState.WAITING
    await rig.export_jobs.make(export)
    made = await rig.exports.one(minh, export)
    assert (made.state, made.done, made.rows) == (ExportState.MADE, 3, 3)
    file = await rig.exports.fetch(minh, export, key())
    rows = cells(file.content)
    assert rows[0] == list(HEADINGS)
    assert {row[0] for row in rows[1:]} == set(codes)
    assert [row[1:9] for row in rows[1:]] == 3 * [
        ["street_light", "00070", rows[1][3], "00070", rows[1][5], "received", "", "app"]
    ]
    text = file.content.decode()
    assert [word for word in ("Hàng Bài", "Đèn đường", "Ghi chú", "Trần") if word in text] == []


async def test_file_is_fetched_once(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.world.submitted()
    export, again = await asked(rig), key()
    with pytest.raises(ExportGone):
        await rig.exports.fetch(minh, export, key())
    await rig.export_jobs.make(export)
    await rig.exports.fetch(minh, export, again)
    for once_more in (again, key()):
        with pytest.raises(ExportGone):
            await rig.exports.fetch(minh, export, once_more)
    assert rig.rows("SELECT content, state FROM work.export") == [(None, "fetched")]
    await rig.export_jobs.make(export)
    assert rig.rows("SELECT content FROM work.export") == [(None,)]


async def test_file_is_gone_after_a_day(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.world.submitted()
    export = await asked(rig)
    await rig.export_jobs.make(export)
    rig.world.clock.advance(timedelta(hours=24))
    with pytest.raises(ExportGone):
        await rig.exports.fetch(minh, export, key())
    with pytest.raises(NotFound):
        await rig.exports.one(minh, export)
    assert (await rig.export_jobs.forget(), await rig.export_jobs.forget()) == (1, 0)
    assert rig.rows("SELECT content, reports, rows FROM work.export") == [(None, [], 1)]


@pytest.mark.parametrize("who", ["thao", "ha", "quang"])
async def test_file_is_its_askers_alone(rig: Rig, who: str) -> None:
    await rig.world.submitted()
    export, other = await asked(rig), await rig.world.official(who)
    await rig.export_jobs.make(export)
    with pytest.raises(NotFound):
        await rig.exports.one(other, export)
    with pytest.raises(ExportGone):
        await rig.exports.fetch(other, export, key())


async def test_asking_and_fetching_are_audited_with_rows_and_filter(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.world.submitted()
    export = await asked(rig, search="đèn")
    await rig.export_jobs.make(export)
    await rig.exports.fetch(minh, export, key())
    lines = rig.rows(
        "SELECT line::jsonb #>> '{unmapped,action}', line::jsonb #>> '{unmapped,purpose}',"
        " line::jsonb #>> '{unmapped,case}' FROM audit.event"
        " WHERE line::jsonb #>> '{unmapped,resource}' = %s ORDER BY xid, id", f"export:{export}",
    )  # fmt: skip
    assert [(action, purpose) for action, purpose, _ in lines] == [
        ("export.ask", "rows_1"),
        ("export.progress", None),
        ("export.make", None),
        ("export.fetch", "rows_1"),
    ]
    assert lines[0][2] == lines[3][2]
    assert lines[0][2].startswith("FILTER-")
    assert rig.rows("SELECT filter FROM work.export") == [({"search": "đèn"},)]


async def test_sixth_file_that_nobody_fetched_is_refused(rig: Rig) -> None:
    for _ in range(5):
        await asked(rig)
    with pytest.raises(TooManyExports):
        await asked(rig)
    rig.world.clock.advance(timedelta(hours=24))
    await asked(rig)


async def test_administrator_of_the_platform_exports_nothing(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.world.submitted()
    rig.duty(minh, "platform_admin", "C0001")
    with pytest.raises(Forbidden):
        await asked(rig)


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u00a0=1",
        "\uff1d1",
        "|x",
        "%x",
        '=HYPERLINK("x")',
    ],
)
def test_cell_that_could_be_a_formula_is_none(cell: str) -> None:
    row = [cell] + [""] * 14
    assert cells(csv_of([row]))[1][0].startswith("'")
    with zipfile.ZipFile(io.BytesIO(xlsx_of([row]))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert '<c r="A2" t="s">' in sheet
    assert harmless("Phường Hoàn Kiếm") == "Phường Hoàn Kiếm"


async def test_ten_thousand_rows_are_written_with_progress(rig: Rig) -> None:
    await rig.world.submitted()
    ((code,),) = rig.rows("SELECT code FROM reports.report")
    minh, export = await rig.world.official("minh"), new_uuid()
    rig.rows(
        "INSERT INTO work.export (id, owner_id, format, filter, reports, rows, state, asked_at, expires_at)"
        " VALUES (%s, %s, 'xlsx', '{}', array_fill(%s::text, ARRAY[10000]), 10000, 'waiting', %s, %s)",
        export, minh.official_id, code, rig.world.clock.now(), rig.world.clock.now() + timedelta(hours=24),
    )  # fmt: skip
    await rig.export_jobs.make(export)
    assert (await rig.exports.one(minh, export)).done == 10_000
    with zipfile.ZipFile(io.BytesIO((await rig.exports.fetch(minh, export, key())).content)) as book:
        assert book.read("xl/worksheets/sheet1.xml").count(b"<row ") == 10_001


async def test_wall_hides_anothers_file_and_lets_nobody_make_his_own(rig: Rig) -> None:
    await rig.world.submitted()
    export, thao, minh = await asked(rig), await rig.world.official("thao"), await rig.world.official("minh")
    await rig.export_jobs.make(export)
    with connect(rig.database.settings("backend_app")) as app, app.transaction():
        app.execute("SELECT set_config('ioc.subject', %s, true)", (str(thao.official_id),))
        assert app.execute("SELECT count(*) FROM work.export").fetchone() == (0,)
    with connect(rig.database.settings("backend_app")) as app, app.transaction():
        app.execute("SELECT set_config('ioc.subject', %s, true)", (str(minh.official_id),))
        with pytest.raises(Exception, match="row-level security"):
            app.execute("UPDATE work.export SET state = 'made', content = 'x'")
    with (
        connect(rig.database.settings("backend_app")) as app,
        pytest.raises(Exception, match="permission denied"),
    ):
        app.execute("SELECT * FROM work.rows_of(%s, 0, 10)", (export,))

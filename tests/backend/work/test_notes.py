"""Internal notes: officers of the units that have or had the report write and read them, nobody else."""

import pytest

from backend.work.types import EntryKind
from foundation.errors import Forbidden, InvalidInput, NotFound
from tests.backend.work.conftest import Rig
from tests.backend.world import CONSTRUCTION, key

NOTE = "Đã gọi công ty chiếu sáng, hẹn 14 giờ.\nChưa có vật tư."


async def test_note_is_read_by_colleagues_with_author_and_moment(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    await rig.service.write_note(minh, code, f"  {NOTE} ", key())
    seen = await rig.work(thao, code)
    assert seen is not None
    (entry,) = seen.entries
    assert (entry.kind, entry.note, entry.at) == (EntryKind.NOTE, NOTE, rig.world.clock.now())
    assert entry.actor is not None
    assert entry.actor.name == "Trần Văn Minh"
    assert rig.actions(code) == ["report.submit", "report.note"]


async def test_note_is_in_nobodys_way(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    code = (await rig.world.submitted()).code
    given = await rig.service.assign(minh, code, 0, rig.code_of(minh), key())
    noted = await rig.service.write_note(minh, code, NOTE, key())
    await rig.service.take_away(minh, code, given.version, key())
    assert noted.version == given.version


async def test_unit_that_had_the_report_goes_on_writing_and_reading(rig: Rig) -> None:
    minh, ha, dung = [await rig.world.official(name) for name in ("minh", "ha", "dung")]
    report = await rig.world.submitted()
    await rig.world.reports.forward(minh, report.code, 1, CONSTRUCTION, "Thuộc Sở", key())
    await rig.service.write_note(minh, report.code, "Từng xử lý năm ngoái.", key())
    await rig.service.write_note(ha, report.code, "Cảm ơn.", key())
    seen = await rig.work(minh, report.code)
    assert seen is not None
    assert [entry.unit_code for entry in seen.entries] == ["00070", CONSTRUCTION]
    with pytest.raises(NotFound):
        await rig.service.write_note(dung, report.code, NOTE, key())
    assert await rig.work(dung, report.code) is None


async def test_operator_of_the_city_writes_no_note(rig: Rig) -> None:
    code = (await rig.world.submitted()).code
    with pytest.raises(Forbidden):
        await rig.service.write_note(await rig.world.official("quang"), code, NOTE, key())


@pytest.mark.parametrize(
    "text", ["", "   \n", "a\x00b", "a\u202eb", "a\u2066b", "a\u200bb", "\ud800", "x" * 4001, "\x1b[31mđỏ"]
)
async def test_text_that_misleads_or_is_too_long_is_refused(rig: Rig, text: str) -> None:
    code = (await rig.world.submitted()).code
    with pytest.raises(InvalidInput):
        await rig.service.write_note(await rig.world.official("minh"), code, text, key())
    assert rig.rows("SELECT 1 FROM work.entry") == []


async def test_note_of_4000_characters_is_taken(rig: Rig) -> None:
    code = (await rig.world.submitted()).code
    await rig.service.write_note(await rig.world.official("minh"), code, "ệ" * 4000, key())
    assert rig.rows("SELECT length(note) FROM work.entry") == [(4000,)]


async def test_audit_line_holds_nothing_of_the_note(rig: Rig) -> None:
    code = (await rig.world.submitted()).code
    await rig.service.write_note(await rig.world.official("minh"), code, "Bí mật của tổ 5", key())
    lines = [row[0] for row in rig.rows("SELECT line::text FROM audit.event")]
    assert [line for line in lines if "tổ 5" in line or "t\\u1ed5 5" in line] == []

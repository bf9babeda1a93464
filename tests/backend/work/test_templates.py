"""Templates of a unit: kept by its head in versions, found by words, filled for a report."""

from uuid import UUID

import pytest

from backend.work.errors import NameTaken, TooManyTemplates
from backend.work.templates import TemplateKind, filled
from foundation.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from foundation.identity.principal import OfficialPrincipal
from tests.backend.work.conftest import Rig
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, connect, key

BODY = "Kính gửi ông/bà, phản ánh {code} tại {ward} đã được {unit} tiếp nhận ({category})."


async def head(rig: Rig) -> OfficialPrincipal:
    """Who leads Hoàn Kiếm."""
    rig.duty(await rig.world.official("yen"), "lead", HOAN_KIEM)
    return await rig.world.official("yen")


async def made(rig: Rig, who: OfficialPrincipal, title: str = "Đã tiếp nhận", body: str = BODY) -> UUID:
    """A template for answers."""
    return await rig.templates.save(who, None, 0, HOAN_KIEM, TemplateKind.ANSWER, title, body, key())


async def test_template_is_filled_for_a_report(rig: Rig) -> None:
    template, minh = await made(rig, await head(rig)), await rig.world.official("minh")
    code = (await rig.world.submitted()).code
    text = await rig.templates.fill(minh, template, code)
    assert text.startswith(f"Kính gửi ông/bà, phản ánh {code} tại Phường Hoàn Kiếm đã được Phường Hoàn Kiếm")
    assert "{" not in text


async def test_report_and_template_of_other_units_are_not_filled(rig: Rig) -> None:
    template = await made(rig, await head(rig))
    minh, dung = await rig.world.official("minh"), await rig.world.official("dung")
    code, hidden = (await rig.world.submitted()).code, (await rig.world.submitted(ward=SOC_SON)).code
    for who, report in ((minh, hidden), (dung, code), (dung, hidden), (minh, "0" * 16)):
        with pytest.raises(NotFound):
            await rig.templates.fill(who, template, report)
    assert await rig.templates.templates(dung, HOAN_KIEM, None, None) == ()


async def test_templates_are_found_by_words_and_kind(rig: Rig) -> None:
    chief, minh = await head(rig), await rig.world.official("minh")
    await made(rig, chief)
    await rig.templates.save(chief, None, 0, HOAN_KIEM, TemplateKind.QUESTION, "Hỏi vị trí", "Ở đâu?", key())

    async def titles(kind: TemplateKind | None, search: str | None) -> list[str]:
        return [one.title for one in await rig.templates.templates(minh, HOAN_KIEM, kind, search)]

    assert await titles(None, None) == ["Hỏi vị trí", "Đã tiếp nhận"]
    assert await titles(TemplateKind.ANSWER, None) == ["Đã tiếp nhận"]
    assert await titles(None, "vi tri") == ["Hỏi vị trí"]
    assert await titles(None, "kính gửi") == ["Đã tiếp nhận"]
    assert await titles(TemplateKind.QUESTION, "tiep nhan") == []


async def test_each_version_stays_and_a_late_writer_is_refused(rig: Rig) -> None:
    chief = await head(rig)
    template = await made(rig, chief)
    change = (template, 1, HOAN_KIEM, TemplateKind.ANSWER, "Mới", "Văn bản mới {code}")
    await rig.templates.save(chief, *change, key())
    with pytest.raises(VersionConflict):
        await rig.templates.save(chief, *change, key())
    (one,) = await rig.templates.templates(chief, HOAN_KIEM, None, None)
    assert (one.title, one.version, one.body) == ("Mới", 2, "Văn bản mới {code}")
    assert rig.rows("SELECT version, title FROM work.template_text ORDER BY 1") == [
        (1, "Đã tiếp nhận"),
        (2, "Mới"),
    ]


async def test_retired_template_is_out_of_use_and_stays(rig: Rig) -> None:
    chief = await head(rig)
    template = await made(rig, chief)
    code = (await rig.world.submitted()).code
    await rig.templates.retire(chief, template, 1, key())
    assert await rig.templates.templates(chief, HOAN_KIEM, None, None) == ()
    with pytest.raises(NotFound):
        await rig.templates.fill(chief, template, code)
    with pytest.raises(NotFound):
        await rig.templates.retire(chief, template, 2, key())
    assert rig.rows("SELECT count(*) FROM work.template_text") == [(1,)]
    await made(rig, chief)


@pytest.mark.parametrize("who", ["minh", "dung", "quang", "yen"])
async def test_who_does_not_lead_the_unit_keeps_no_template(rig: Rig, who: str) -> None:
    with pytest.raises(Forbidden):
        await made(rig, await rig.world.official(who))


async def test_head_of_one_unit_keeps_none_of_another(rig: Rig) -> None:
    chief = await head(rig)
    for unit in (CONSTRUCTION, SOC_SON):
        with pytest.raises(Forbidden):
            await rig.templates.save(chief, None, 0, unit, TemplateKind.ANSWER, "A", "B", key())
    with pytest.raises(InvalidInput):
        await rig.templates.save(chief, None, 0, "không", TemplateKind.ANSWER, "A", "B", key())


@pytest.mark.parametrize(
    "body",
    ["", "{name}", "{code", "}", "{{code}}", "{ code }", "a\x00", "a\u202eb", "x" * 4001, "{0}", "{code.x}"],
)
async def test_body_with_an_unknown_place_or_a_misleading_character_is_refused(rig: Rig, body: str) -> None:
    with pytest.raises(InvalidInput):
        await made(rig, await head(rig), body=body)


def test_what_is_filled_in_is_not_filled_again() -> None:
    values = {"code": "1", "unit": "{code}", "ward": "", "category": ""}
    assert filled("{unit} {code}", values) == "{code} 1"


async def test_second_of_one_title_and_one_too_many_are_refused(rig: Rig) -> None:
    chief = await head(rig)
    await made(rig, chief)
    with pytest.raises(NameTaken):
        await made(rig, chief)
    rig.rows(
        "INSERT INTO work.template (id, unit_id, kind, title, words, version, changed_at)"
        " SELECT uuidv7(), id, 'answer', 't' || n, '{}', 1, now() FROM tenancy.unit, "
        " generate_series(1, 199) n"
        " WHERE code = %s", HOAN_KIEM,
    )  # fmt: skip
    with pytest.raises(TooManyTemplates):
        await made(rig, chief, "Khác")


async def test_wall_hides_templates_from_other_units_and_keeps_versions(rig: Rig) -> None:
    await made(rig, await head(rig))
    dung, minh = await rig.world.official("dung"), await rig.world.official("minh")
    for who, seen in ((dung, 0), (minh, 1)):
        with connect(rig.database.settings("backend_app")) as app, app.transaction():
            app.execute(
                "SELECT set_config('ioc.subject', %s, true), set_config('ioc.units', %s, true)",
                (str(who.official_id), ",".join(map(str, who.units))),
            )
            assert app.execute("SELECT count(*) FROM work.template").fetchone() == (seen,)
            assert app.execute("SELECT count(*) FROM work.template_text").fetchone() == (seen,)
    app = connect(rig.database.settings("backend_app"))
    with app, pytest.raises(Exception, match="permission denied"):
        app.execute("UPDATE work.template_text SET body = 'x'")

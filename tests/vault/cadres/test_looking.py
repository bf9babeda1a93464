"""Lists, look-ups and structure: what may be opened and no more, in the order that people expect."""

import pytest

from tests.vault.records.doubles import Held
from tests.vault.records.office import CONSTRUCTION, HOAN_KIEM, Office, record_of
from vault.cadres import looking
from vault.cadres.glances import is_name
from vault.keyring.types import Class

PEOPLE = {
    "HK-01": "Nguyễn Thị Hòa",
    "HK-02": "Trần Văn An",
    "HK-03": "Nguyễn Văn Đức",
    "HK-04": "Lê Thị Ánh",
    "HK-05": "Phạm Minh Hoa",
}
SORTED = ["Trần Văn An", "Lê Thị Ánh", "Nguyễn Văn Đức", "Phạm Minh Hoa", "Nguyễn Thị Hòa"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three at a time, so that each scan has several."""
    monkeypatch.setattr(looking, "BATCH", 3)


async def _kept(office: Office) -> dict[str, str]:
    kien = office.keeper()
    return {code: await office.kept(kien, code=code, name=name) for code, name in PEOPLE.items()}


def _names(said: dict) -> list[str]:
    return [one["fullName"] for one in said["result"]["files"]]


async def test_list_pages_in_the_order_of_vietnamese_names(office: Office) -> None:
    await _kept(office)
    mai = office.reader()
    pages, after = [], {}
    for _ in range(3):
        said = await office.ask(mai, "cadre.list", first=2, **after)
        pages.append(_names(said))
        after = {"after": said["result"]["next"]}
    assert pages == [SORTED[:2], SORTED[2:4], SORTED[4:]]
    assert after == {"after": None}


async def test_list_shows_what_may_be_opened_and_no_more(office: Office) -> None:
    records = await _kept(office)
    await office.kept(office.keeper("dung", CONSTRUCTION), CONSTRUCTION, code="D-01", name="Vũ Thị Yến")
    mai = office.reader()
    office.register.files |= {"mai": record_of(records["HK-01"]), "chief": record_of(records["HK-02"])}
    office.register.superiors["mai"] = frozenset({"chief"})
    assert _names(await office.ask(mai, "cadre.list")) == SORTED[1:4]
    assert (await office.ask(mai, "cadre.structure"))["result"]["total"] == 3
    assert _names(await office.ask(mai, "cadre.find", name="nguyen")) == ["Nguyễn Văn Đức"]


async def test_event_of_a_look_names_units_alone(office: Office) -> None:
    mai = office.reader("mai", HOAN_KIEM, CONSTRUCTION)
    await office.ask(mai, "cadre.list")
    line = office.rig.events()[-1]
    assert (line["unmapped"]["action"], line["unmapped"]["decision"]) == ("cadre.list", "allow")
    assert "unit:00070" in str(line)
    assert "unit:D0001" in str(line)


@pytest.mark.parametrize("operation", ["cadre.list", "cadre.structure", "cadre.find"])
@pytest.mark.parametrize("tenant", [{}, {"tenant": HOAN_KIEM}])
async def test_nobody_without_a_clearance_looks(office: Office, operation: str, tenant: dict) -> None:
    await _kept(office)
    asked = {"name": "a"} if operation == "cadre.find" else {}
    for device in (
        office.person("colleague"),
        office.person("hoa", Held(HOAN_KIEM, Class.PERSONAL, "reader")),
    ):
        said = await office.ask(device, operation, **asked, **tenant)
        assert said == {"problem": {"code": "common.forbidden"}}


async def test_another_units_files_are_not_looked_through(office: Office) -> None:
    await _kept(office)
    said = await office.ask(office.keeper("dung", CONSTRUCTION), "cadre.list", tenant=HOAN_KIEM)
    assert said == {"problem": {"code": "common.forbidden"}}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "hoa"}, ["Phạm Minh Hoa", "Nguyễn Thị Hòa"]),
        ({"name": "hòa"}, ["Nguyễn Thị Hòa"]),
        ({"name": "hoà"}, ["Nguyễn Thị Hòa"]),
        ({"name": "NGUYEN DUC"}, ["Nguyễn Văn Đức"]),
        ({"name": "nguyễn v"}, ["Nguyễn Văn Đức"]),
        ({"name": "Văn", "post": "chu tich"}, ["Trần Văn An", "Nguyễn Văn Đức"]),
        ({"code": "HK-04"}, ["Lê Thị Ánh"]),
        ({"unit": "00070", "first": 1}, ["Trần Văn An"]),
        ({"unit": "00376"}, []),
    ],
)
async def test_files_are_found(office: Office, query: dict, found: list[str]) -> None:
    await _kept(office)
    said = await office.ask(office.reader(), "cadre.find", **query)
    assert _names(said) == found
    assert said["result"]["more"] is (query.get("first") == 1)


def test_look_up_without_anything_asked_for_is_refused() -> None:
    assert not is_name("hoà bình", "Nguyễn Thị Hòa")
    assert is_name("thi hoa", "Nguyễn Thị Hòa")
    assert not is_name("hỏa", "Nguyễn Thị Hòa")


async def test_empty_look_up_is_refused(office: Office) -> None:
    said = await office.ask(office.reader(), "cadre.find")
    assert said == {"problem": {"code": "common.invalid_input", "field": "parameters"}}


async def test_structure_counts_inside_and_tells_figures_alone(office: Office) -> None:
    kien = office.keeper()
    await office.kept(kien, code="HK-01", birthDate="1999-01-01", citizenId="001099000001")
    await office.kept(kien, code="HK-02", birthDate="1985-01-01", citizenId="001185000001", gender="female")
    await office.kept(kien, code="HK-03", birthDate="1966-11-28", citizenId="001066000001",
                      politicalTheory="bachelor", qualification="doctor")  # fmt: skip
    said = await office.ask(office.reader(), "cadre.structure", tenant=HOAN_KIEM)
    assert said["result"] == {
        "total": 3,
        "on": "2026-11-27",
        "age": {"0-29": 1, "40-49": 1, "50-59": 1},
        "gender": {"female": 1, "male": 2},
        "qualification": {"doctor": 1, "master": 2},
        "politicalTheory": {"advanced": 2, "bachelor": 1},
        "unit": {"00070": 3},
    }


async def test_register_that_changes_within_a_scan_ends_it(office: Office) -> None:
    await _kept(office)
    mai = office.reader()
    office.register.meanwhile = [office.bump]
    said = await office.ask(mai, "cadre.list")
    assert said == {"problem": {"code": "records.changed_meanwhile"}}


async def test_page_that_the_policies_do_not_allow_is_withheld(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = await _kept(office)
    mai = office.reader()
    office.register.files["mai"] = record_of(records["HK-01"])
    everything = looking.Listable(frozenset({HOAN_KIEM}), frozenset())
    monkeypatch.setattr(looking, "listable", lambda _: everything)
    with pytest.raises(looking.FilterMismatch):
        await office.ask(mai, "cadre.list")

"""Imports: a dry run tells bad rows by field, and a part is kept whole or not at all."""

import secrets

import pytest

from tests.vault.records.office import HOAN_KIEM, Office

HEADER = (
    "Số hiệu cán bộ;Họ và tên;Ngày sinh;Giới tính;Nơi sinh;Quê quán;Dân tộc;Số căn cước;Đơn vị;Chức vụ;"
    "Trình độ chuyên môn;Lý luận chính trị\n"
)
HOA = "HK-01;Nguyễn Thị Hòa;3/2/1980;Nữ;Hà Nội;Nam Định;Kinh;001180000001;00070;Chuyên viên;Thạc sĩ;Cao cấp\n"
AN = "HK-02;Trần Văn An;04.12.1975;nam;Hà Nội;Hà Nội;Kinh;001075000001;00070;Trưởng phòng;Đại học;Trung cấp\n"
BAD_SEX = "HK-03;Lê Thị Ánh;1980-02-03;Nữ;Hà Nội;Hà Nội;Kinh;001080000001;00070;Chuyên viên;Đại học;Sơ cấp\n"
BAD_LEVEL = "HK-04;Lê Văn Bình;1980-02-03;Nam;Hà Nội;Hà Nội;Kinh;001080000002;00070;Chuyên viên;Giỏi;Sơ cấp\n"
SHORT = "HK-05;Lê Văn Cường\n"


async def test_good_part_is_kept(office: Office) -> None:
    kien = office.keeper()
    said = await office.ask(kien, "cadre.import", tenant=HOAN_KIEM, csv=HEADER + HOA + AN, dryRun=False)
    result = said["result"]
    assert (result["good"], result["bad"], result["imported"]) == (2, [], 2)
    opened = (await office.ask(kien, "cadre.open", record=result["records"][0]))["result"]["file"]
    assert opened["code"] == "HK-01"
    assert (
        opened["identity"]
        | {
            "birthDate": "1980-02-03",
            "gender": "female",
            "qualification": "master",
            "politicalTheory": "advanced",
        }
        == opened["identity"]
    )
    line = next(line for line in office.rig.events() if line["unmapped"]["action"] == "cadre.import")
    assert all(f"cadre:{record}" in str(line) for record in result["records"])
    assert "Hòa" not in str(line)


async def test_dry_run_keeps_nothing_and_names_bad_rows_and_known_codes(office: Office) -> None:
    kien = office.keeper()
    await office.ask(kien, "cadre.import", tenant=HOAN_KIEM, csv=HEADER + AN, dryRun=False)
    csv = HEADER + HOA + AN + BAD_SEX + "\n" + BAD_LEVEL + SHORT + HOA
    said = await office.ask(kien, "cadre.import", tenant=HOAN_KIEM, csv=csv, dryRun=True)
    assert said["result"] == {
        "good": 2,
        "bad": [
            {"row": 4, "field": "citizenId"},
            {"row": 6, "field": "qualification"},
            {"row": 7, "field": "row"},
            {"row": 8, "field": "code"},
        ],
        "imported": 0,
        "records": [],
        "known": [3],
    }
    assert office.rows("SELECT count(*) FROM records.record") == [(1,)]


async def test_part_with_a_bad_row_is_not_kept(office: Office) -> None:
    csv = HEADER + HOA + BAD_SEX
    said = await office.ask(office.keeper(), "cadre.import", tenant=HOAN_KIEM, csv=csv, dryRun=False)
    assert (said["result"]["imported"], said["result"]["good"]) == (0, 1)
    assert office.rows("SELECT count(*) FROM records.record") == [(0,)]


async def test_repeated_import_is_one_import(office: Office) -> None:
    kien, operation_id = office.keeper(), secrets.token_bytes(16)
    asked = {"tenant": HOAN_KIEM, "csv": HEADER + HOA + AN, "dryRun": False}
    first = await office.again(kien, operation_id, "cadre.import", **asked)
    assert await office.again(kien, operation_id, "cadre.import", **asked) == first
    assert office.rows("SELECT count(*) FROM records.record") == [(2,)]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_reader_imports_nothing(office: Office, *, dry_run: bool) -> None:
    said = await office.ask(
        office.reader(), "cadre.import", tenant=HOAN_KIEM, csv=HEADER + HOA, dryRun=dry_run
    )
    assert said == {"problem": {"code": "common.forbidden"}}


@pytest.mark.parametrize(
    ("csv", "field"),
    [
        ("Số hiệu cán bộ,Lương\nHK-01,1\n", "csv.header"),
        ("code,code,fullName\nHK-01,HK-01,x\n", "csv.header"),
        ("code,fullName\n" + "HK,x\n" * 201, "csv.rows"),
        ('code,fullName\n"HK-01,x\n', "csv"),
    ],
)
async def test_what_is_no_list_is_refused(office: Office, csv: str, field: str) -> None:
    said = await office.ask(office.keeper(), "cadre.import", tenant=HOAN_KIEM, csv=csv, dryRun=True)
    assert said == {"problem": {"code": "common.invalid_input", "field": field}}

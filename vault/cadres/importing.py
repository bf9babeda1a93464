"""Lists of cadres from spreadsheets, as CSV: read, checked row by row, and kept only when every row is good.

An import comes in parts that fit a call. The header names fields as the file's identity has them, or as the
form 2C does in Vietnamese; levels are understood in both.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from foundation.errors import InvalidInput
from foundation.vietnamese import fold
from vault.cadres import checks
from vault.cadres.types import CadreFile

MOST_ROWS = 200
MOST_BAD = 100

_COLUMNS = {
    "so hieu can bo": "code",
    "ho va ten": "fullName",
    "ho va ten khai sinh": "fullName",
    "ngay sinh": "birthDate",
    "gioi tinh": "gender",
    "noi sinh": "birthPlace",
    "que quan": "hometown",
    "dan toc": "ethnicity",
    "ton giao": "religion",
    "so can cuoc": "citizenId",
    "don vi": "unit",
    "chuc vu": "post",
    "trinh do chuyen mon": "qualification",
    "chuyen nganh": "field",
    "ly luan chinh tri": "politicalTheory",
    "ngay vao dang": "partyJoined",
    "ngay chinh thuc": "partyOfficial",
}
_FIELDS = frozenset(_COLUMNS.values())
_VALUES = {
    "gender": {"nam": "male", "nu": "female"},
    "qualification": {
        "chua qua dao tao": "none",
        "trung cap": "vocational",
        "cao dang": "college",
        "dai hoc": "bachelor",
        "thac si": "master",
        "tien si": "doctor",
    },
    "politicalTheory": {
        "chua qua dao tao": "none",
        "so cap": "elementary",
        "trung cap": "intermediate",
        "cao cap": "advanced",
        "cu nhan": "bachelor",
    },
}
_DATES = frozenset({"birthDate", "partyJoined", "partyOfficial"})
_DAY = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_MONTH = re.compile(r"(\d{1,2})[/.](\d{4})")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a part holds. Rows are numbered as a spreadsheet does: the header is 1."""

    good: tuple[tuple[int, CadreFile], ...]
    bad: tuple[tuple[int, str], ...]
    """(row, field): never what stands there."""


def read(text: str, today: date) -> Rows:
    """The rows of a CSV. Raises InvalidInput for a header or an amount that is none of ours."""
    rows = _rows(text)
    header = [_COLUMNS.get(fold(name), name.strip()) for name in next(rows, [])]
    if len(set(header)) != len(header) or not {"code", "fullName"} <= set(header) <= _FIELDS:
        raise InvalidInput("csv.header")
    good, bad, codes = list[tuple[int, CadreFile]](), list[tuple[int, str]](), set[str]()
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if number > MOST_ROWS + 1:
            raise InvalidInput("csv.rows")
        try:
            file = _file(header, cells, today)
            if file.code in codes:
                raise InvalidInput("code")
        except InvalidInput as refusal:
            bad.append((number, refusal.field.removeprefix("file.").removeprefix("identity.")))
            continue
        codes.add(file.code)
        good.append((number, file))
    return Rows(tuple(good), tuple(bad[:MOST_BAD]))


def _rows(text: str) -> Iterator[list[str]]:
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    try:
        yield from csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter, strict=True)
    except csv.Error:
        raise InvalidInput("csv") from None


def _file(header: list[str], cells: list[str], today: date) -> CadreFile:
    if len(cells) != len(header):
        raise InvalidInput("row")
    values = {
        name: _value(name, cell.strip()) for name, cell in zip(header, cells, strict=True) if cell.strip()
    }
    code = values.pop("code", None)
    file = checks.converted({"code": code, "identity": values}, CadreFile, "file")
    checks.check(file, today)
    return file


def _value(name: str, cell: str) -> Any:
    if name in _DATES:
        return _moment(cell)
    return _VALUES.get(name, {}).get(fold(cell), cell)


def _moment(cell: str) -> str:
    """ "3/2/1980" and "02/1980" as ISO writes them; other text as it is."""
    if (day := _DAY.fullmatch(cell)) is not None:
        return f"{day[3]}-{day[2]:>02}-{day[1]:>02}"
    if (month := _MONTH.fullmatch(cell)) is not None:
        return f"{month[2]}-{month[1]:>02}"
    return cell

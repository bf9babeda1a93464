"""Rows as CSV (RFC 4180, UTF-8 with a mark, as spreadsheets expect it) and as XLSX."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter

HEADINGS = (
    "Mã phản ánh",
    "Lĩnh vực",
    "Mã phường xã",
    "Phường xã",
    "Mã đơn vị xử lý",
    "Đơn vị xử lý",
    "Trạng thái",
    "Lý do đóng",
    "Kênh",
    "Mức độ khẩn",
    "Hạn xử lý",
    "Quá hạn",
    "Tiếp nhận lúc",
    "Cập nhật lúc",
    "Đóng lúc",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what could begin one stands behind an apostrophe."""
    return f"'{cell}" if cell.lstrip(" \u00a0").startswith(_FORMULA) else cell


def csv_of(rows: Iterable[Sequence[str]]) -> bytes:
    """The rows under their headings."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADINGS)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def xlsx_of(rows: Iterable[Sequence[str]]) -> bytes:
    """The rows under their headings, every cell a text: no formula, no link."""
    out = io.BytesIO()
    options: dict[str, Any] = {
        "constant_memory": True,
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("Phản ánh")
        for number, row in enumerate([HEADINGS, *rows]):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, harmless(cell))
    return out.getvalue()

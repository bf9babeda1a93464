"""What a copy has in it, as JSON for programs and as a page for people, in one ZIP."""

import html
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from foundation.clock import HANOI

Rows = Sequence[Mapping[str, Any]]
PARTS = {
    "account": "Tài khoản / Account",
    "reports": "Phản ánh / Reports",
    "timeline": "Các bước, câu hỏi, trả lời, đánh giá / Steps, questions, answers, ratings",
    "files": "Ảnh và tệp / Photos and files",
    "accesses": "Ai đã xem / Who opened what",
    "consents": "Đồng ý / Consents",
    "requests": "Yêu cầu / Requests",
    "follows": "Theo dõi / Followed reports",
    "blocks": "Chặn / Blocks",
    "devices": "Thiết bị / Devices",
    "sessions": "Phiên / Sessions",
    "notices": "Thông báo / Notices",
    "preferences": "Cách nhận thông báo / How to be told",
}
"""In the order in which they are made; the names are those of `privacy.copy_part`."""
MOST_ROWS = 5_000
"""Of one part: a person has not so many. A part that is cut says so."""
NOT_IN_IT = (
    "Không có trong bản sao: thông tin liên hệ đã mã hóa, nội dung tệp (tải trong ứng dụng), nhật ký an toàn "
    "(dưới bí danh). / Not in it: contacts, which are sealed; the files themselves, which the app fetches; "
    "the security log, which knows pseudonyms."
)
_PAGE = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><title>Bản sao dữ liệu cá nhân</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{{font:15px/1.4 sans-serif;margin:2em}}table{{border-collapse:collapse;margin-bottom:2em}}
td,th{{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}}</style></head>
<body><h1>Bản sao dữ liệu cá nhân / A copy of your data</h1><p>{made_at}</p>
<p>{not_in_it}</p>{parts}</body></html>
"""


def zip_of(parts: Mapping[str, Rows], made_at: datetime) -> bytes:
    """`data.json` and `data.html`; `parts` by the names of PARTS, each at most MOST_ROWS + 1 rows."""
    cut = sorted(name for name, rows in parts.items() if len(rows) > MOST_ROWS)
    shown = {name: list(rows[:MOST_ROWS]) for name, rows in parts.items()}
    whole = {"format": "ioc-data-copy/1", "madeAt": made_at.isoformat(), "cut": cut, **shown}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", msgspec.json.format(msgspec.json.encode(whole), indent=2))
        archive.writestr("data.html", _page(shown, made_at))
    return out.getvalue()


def _page(parts: Mapping[str, Rows], made_at: datetime) -> str:
    tables = "".join(_table(PARTS[name], rows) for name, rows in parts.items())
    moment = made_at.astimezone(HANOI).strftime("%d/%m/%Y %H:%M")
    return _PAGE.format(made_at=moment, not_in_it=html.escape(NOT_IN_IT), parts=tables)


def _table(title: str, rows: Rows) -> str:
    heading = f"<h2>{html.escape(title)}</h2>"
    if not rows:
        return f"{heading}<p>–</p>"
    names = list(rows[0])
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows
    )
    return f"{heading}<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "có / yes" if value else "không / no"
    return html.escape(str(value))

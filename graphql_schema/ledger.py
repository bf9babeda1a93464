"""The access ledger (sổ truy cập): who opened one's reports and contacts, after a fresh sign-in."""

from datetime import date, timedelta
from typing import Annotated

import strawberry

from backend.ledger import types
from graphql_schema.access import public, step_up
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.reports import CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of

FRESH = timedelta(minutes=15)
MONTHS = 24
strawberry.enum(
    types.Subject,
    name="LedgerSubject",
    description="Đã xem gì: trong danh sách; phản ánh; thông tin liên hệ. / What was opened: "
    "its text in a list; the report; the contact details.",
)
strawberry.enum(
    types.Role,
    name="LedgerRole",
    description="Với vai trò: người xử lý, lãnh đạo, trực điều hành thành phố, cán bộ. / "
    "As what: handler, head, the city's operator, an official without a duty in force.",
)
strawberry.enum(
    types.Purpose,
    name="LedgerPurpose",
    description="Vì sao: xử lý, giám sát, đã hoặc đang phối hợp; với liên hệ là mục đích đã khai. / "
    "Why: handling, supervision, involved before or in a part; of a contact, the purpose that was stated.",
)


@strawberry.type(
    description="Ai đã mở, không nêu tên. / Who opened it, without a name; "
    "once a day for each role and purpose."
)
class LedgerEntry:
    number: int = strawberry.field(
        description="Thứ tự hiển thị trong sổ của phản ánh, không có khoảng trống. / Counts what was shown "
        "of this report; there is no gap."
    )
    report_code: str
    subject: types.Subject
    role: types.Role
    unit: UnitSummary = strawberry.field(
        description="Đơn vị dưới năm người hiện đơn vị cấp trên. / "
        "Of a unit under five people, the one above it."
    )
    day: date = strawberry.field(description="Ngày tại Hà Nội. / The day in Ha Noi.")
    purpose: types.Purpose
    delay_rule: str | None = strawberry.field(
        description="Căn cứ khiến dòng này hiện muộn. / By which rule it was shown late."
    )


@strawberry.type(
    description="Tổng của một tháng, sau thời hạn hoãn dài nhất. / A month's total, after the longest delay: "
    "what the audit log has of it since the month was over."
)
class LedgerMonth:
    month: date = strawberry.field(description="Ngày đầu tháng. / Its first day.")
    entries: int
    digest: str = strawberry.field(description="SHA-256.")


@strawberry.type
class LedgerQuery:
    @strawberry.field(
        description="24 tháng gần nhất đã hiện đủ. / The newest 24 months of which everything is shown.",
        metadata={**public(), **rows(MONTHS)},
    )
    async def ledger_months(self, info: Info) -> list[LedgerMonth] | None:
        found = await info.context.services.ledger.months(info.context.principal)
        return [LedgerMonth(month=one.month, entries=one.entries, digest=one.digest) for one in found]

    @strawberry.field(
        description="Ai đã mở phản ánh hoặc liên hệ của tôi, mới hiện trước; "
        "cần đăng nhập trong 15 phút qua. / Who opened my reports and contacts, the newest shown "
        "first; after a sign-in of the last 15 minutes.",
        metadata=step_up("aal1", FRESH),
    )
    async def my_ledger(
        self,
        info: Info,
        code: Annotated[str | None, strawberry.argument(description=CODE)] = None,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[LedgerEntry] | None:
        context = info.context
        async with context.parsing("ledger.read"):
            citizen, page = context.citizen(), context.page("myLedger", first, after)
        found = await context.services.ledger.mine(citizen, page, code)
        return connection_of(
            context, "myLedger", found.items, found.positions, found.has_next, after, _entry_of
        )


def _entry_of(entry: types.Entry) -> LedgerEntry:
    return LedgerEntry(
        number=entry.number,
        report_code=entry.report,
        subject=entry.subject,
        role=entry.role,
        unit=summary_of(entry.unit),
        day=entry.day,
        purpose=entry.purpose,
        delay_rule=entry.delay_rule,
    )

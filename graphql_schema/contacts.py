"""How the person behind a report is reached: left, taken away, and opened one at a time for a purpose."""

from typing import Annotated, Any

import strawberry

from backend.contacts.types import NameShown, Purpose
from foundation.errors import Refusal
from foundation.ids import parse_report_code
from graphql_schema.contact_problems import ContactUnavailable, NoContact
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, problem_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE

strawberry.enum(
    NameShown,
    name="NameShown",
    description="Họ tên: chỉ người xử lý thấy khi mở; không ai thấy (không lưu). / The name: for who opens "
    "the contact alone; for nobody, so it is not kept.",
)
strawberry.enum(
    Purpose,
    name="ContactPurpose",
    description="Mục đích: gọi lại, hẹn đến nơi, khẩn cấp, theo yêu cầu của cơ quan có thẩm quyền. / Why a "
    "contact is opened: call back, visit, emergency, a request by the law (with caseNumber).",
)


@strawberry.input(
    description="Để lại thông tin liên hệ; cần số điện thoại, email hoặc họ tên. / Leave contact details; at "
    "least one of them."
)
class GiveContactInput:
    code: str = strawberry.field(description=CODE)
    name: str | None = strawberry.field(default=None, description="1–120 ký tự. / 1–120 characters.")
    phone: str | None = strawberry.field(
        default=None, description="Số di động Việt Nam. / A Vietnamese mobile number."
    )
    email: str | None = None
    name_shown: NameShown
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Xóa thông tin liên hệ. / Take the contact details away.")
class RemoveContactInput:
    code: str = strawberry.field(description=CODE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(
    description="Mở thông tin liên hệ: mỗi lần là một lần đọc mới, được ghi lại. / Open contact details: "
    "each time is a new reading, which is recorded before it happens."
)
class OpenContactInput:
    code: str = strawberry.field(description=CODE)
    purpose: Purpose
    case_number: str | None = strawberry.field(
        default=None,
        description="Số văn bản, như 128/UBND-VP; bắt buộc với LEGAL_REQUEST. / Number of the document.",
    )


@strawberry.type(description="Đã lưu hoặc đã xóa. / Kept, or taken away.")
class ContactChanged:
    code: str
    version: int
    kept: bool


@strawberry.type(description="Thông tin liên hệ. / How the person is reached. Not to be stored by an app.")
class OpenedContact:
    code: str
    name: str | None = strawberry.field(description="Null: không để lại. / Null: it was not left.")
    phone: str | None = strawberry.field(description="E.164.")
    email: str | None


GiveContactPayload = Annotated[
    ContactChanged | NotFound | Forbidden | InvalidInput | ContactUnavailable | IdempotencyMismatch,
    strawberry.union("GiveContactPayload"),
]
RemoveContactPayload = Annotated[
    ContactChanged | NotFound | Forbidden | InvalidInput | NoContact | IdempotencyMismatch,
    strawberry.union("RemoveContactPayload"),
]
OpenContactPayload = Annotated[
    OpenedContact | NotFound | Forbidden | InvalidInput | NoContact | ContactUnavailable,
    strawberry.union("OpenContactPayload"),
]


@strawberry.type
class ContactMutation:
    @strawberry.mutation(
        description="Để lại thông tin liên hệ. / Leave contact details for one's own report."
    )
    async def give_contact(self, info: Info, input: GiveContactInput) -> GiveContactPayload:
        context = info.context
        try:
            async with context.parsing("report.give_contact"):
                citizen, code = context.citizen(), parse_report_code(input.code)
                key = context.idempotency(input.idempotency_key)
            given = await context.services.contacts.give(
                citizen, code, input.name, input.phone, input.email, input.name_shown, key
            )
        except Refusal as refusal:
            problem: GiveContactPayload = _problem(context, refusal, GiveContactPayload)
            return problem
        return ContactChanged(code=given.code, version=given.version, kept=given.kept)

    @strawberry.mutation(description="Xóa thông tin liên hệ. / Take one's contact details away.")
    async def remove_contact(self, info: Info, input: RemoveContactInput) -> RemoveContactPayload:
        context = info.context
        try:
            async with context.parsing("report.remove_contact"):
                citizen, code = context.citizen(), parse_report_code(input.code)
                key = context.idempotency(input.idempotency_key)
            given = await context.services.contacts.remove(citizen, code, key)
        except Refusal as refusal:
            problem: RemoveContactPayload = _problem(context, refusal, RemoveContactPayload)
            return problem
        return ContactChanged(code=given.code, version=given.version, kept=given.kept)

    @strawberry.mutation(
        description="Mở thông tin liên hệ, có mục đích. / Open contact details of a report one handles."
    )
    async def open_contact(self, info: Info, input: OpenContactInput) -> OpenContactPayload:
        context = info.context
        try:
            async with context.parsing("report.open_contact"):
                official, code = context.official(), parse_report_code(input.code)
            contact = await context.services.contacts.open(official, code, input.purpose, input.case_number)
        except Refusal as refusal:
            problem: OpenContactPayload = _problem(context, refusal, OpenContactPayload)
            return problem
        return OpenedContact(code=code, name=contact.name, phone=contact.phone, email=contact.email)


def _problem(context: GraphQLContext, refusal: Refusal, payload: object) -> Any:
    return problem_of(refusal, context.language, payload)

"""Templates of a unit: found, filled for a report, made, changed, retired."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.work.templates import Template as Made
from backend.work.templates import TemplateKind
from foundation.errors import Refusal
from foundation.ids import parse_report_code
from graphql_schema.context import Info
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    VersionConflict,
    problem_of,
)
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE, SEARCH
from graphql_schema.sizes import rows
from graphql_schema.work_problems import NameTaken, TooManyTemplates

KIND = "Template"
TEMPLATES = 20
"""Of a unit, usually."""
BODY = "1–4000 ký tự; {code}, {unit}, {ward}, {category} được điền. / These four places are filled in."

strawberry.enum(TemplateKind, name="TemplateKind", description="Hỏi, trả lời, đóng. / What it is for.")


@strawberry.input(description="Tạo mẫu, hoặc phiên bản mới của mẫu. / A template, or a new version of one.")
class SaveTemplateInput:
    id: strawberry.ID | None = strawberry.field(default=None, description="Mẫu cần sửa. / To change one.")
    expected_version: int = strawberry.field(
        default=0, description="Của mẫu cần sửa. / Of the one to change."
    )
    unit: str = strawberry.field(description="Mã đơn vị. / The unit's code.")
    kind: TemplateKind
    title: str = strawberry.field(description="1–100 ký tự. / 1–100 characters.")
    body: str = strawberry.field(description=BODY)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Ngừng dùng mẫu. / Out of use.")
class RetireTemplateInput:
    id: strawberry.ID
    expected_version: int
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Mẫu trả lời của một đơn vị. / A unit's template.")
class Template:
    id: strawberry.ID
    unit: str
    kind: TemplateKind
    title: str
    body: str = strawberry.field(description=BODY)
    version: int
    changed_at: datetime


@strawberry.type(description="Mẫu đã điền. / The text for one report: a proposal, to be sent as one's own.")
class FilledTemplate:
    text: str


@strawberry.type(description="Đã thực hiện. / Done.")
class TemplateChanged:
    id: strawberry.ID


FillTemplateResult = Annotated[
    FilledTemplate | NotFound | Forbidden | InvalidInput, strawberry.union("FillTemplateResult")
]
SaveTemplatePayload = Annotated[
    TemplateChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NameTaken
    | TooManyTemplates
    | IdempotencyMismatch,
    strawberry.union("SaveTemplatePayload"),
]
RetireTemplatePayload = Annotated[
    TemplateChanged | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("RetireTemplatePayload"),
]


@strawberry.type
class TemplateQuery:
    @strawberry.field(description="Mẫu của một đơn vị. / A unit's templates.", metadata=rows(TEMPLATES))
    async def templates(
        self,
        info: Info,
        unit: str,
        kind: TemplateKind | None = None,
        search: Annotated[str | None, strawberry.argument(description=SEARCH)] = None,
    ) -> list[Template] | None:
        context = info.context
        async with context.parsing("template.list"):
            official = context.official()
        found = await context.services.work.templates.templates(official, unit, kind, search)
        return [_template_of(info, one) for one in found]

    @strawberry.field(description="Điền mẫu cho một phản ánh. / A template's text for one report.")
    async def fill_template(
        self,
        info: Info,
        template: strawberry.ID,
        code: Annotated[str, strawberry.argument(description=CODE)],
    ) -> FillTemplateResult:
        context = info.context
        try:
            async with context.parsing("template.fill"):
                official, canonical = context.official(), parse_report_code(code)
                found = context.codecs.global_ids.parse_uuid(KIND, template)
            return FilledTemplate(text=await context.services.work.templates.fill(official, found, canonical))
        except Refusal as refusal:
            problem: FillTemplateResult = problem_of(refusal, context.language, FillTemplateResult)
            return problem


@strawberry.type
class TemplateMutation:
    @strawberry.mutation(description="Tạo hoặc sửa mẫu. / Make a template, or a new version of one.")
    async def save_template(self, info: Info, input: SaveTemplateInput) -> SaveTemplatePayload:
        context = info.context
        ids = context.codecs.global_ids
        try:
            async with context.parsing("template.save"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                template = None if input.id is None else ids.parse_uuid(KIND, input.id)
            saved = await context.services.work.templates.save(
                official,
                template,
                input.expected_version,
                input.unit,
                input.kind,
                input.title,
                input.body,
                key,
            )
        except Refusal as refusal:
            problem: SaveTemplatePayload = problem_of(refusal, context.language, SaveTemplatePayload)
            return problem
        return TemplateChanged(id=strawberry.ID(ids.of_uuid(KIND, saved)))

    @strawberry.mutation(description="Ngừng dùng mẫu. / Take a template out of use.")
    async def retire_template(self, info: Info, input: RetireTemplateInput) -> RetireTemplatePayload:
        context = info.context
        try:
            async with context.parsing("template.retire"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                template = context.codecs.global_ids.parse_uuid(KIND, input.id)
            await context.services.work.templates.retire(official, template, input.expected_version, key)
        except Refusal as refusal:
            problem: RetireTemplatePayload = problem_of(refusal, context.language, RetireTemplatePayload)
            return problem
        return TemplateChanged(id=input.id)


def _template_of(info: Info, template: Made) -> Template:
    return Template(
        id=strawberry.ID(info.context.codecs.global_ids.of_uuid(KIND, template.id)),
        unit=template.unit,
        kind=template.kind,
        title=template.title,
        body=template.body,
        version=template.version,
        changed_at=template.changed_at,
    )

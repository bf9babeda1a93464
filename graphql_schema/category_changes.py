"""What administrators do to categories: made, renamed, ordered, ended."""

from typing import Annotated

import strawberry

from backend.administration.types import Done
from foundation.errors import NotFound as NotFoundRefusal
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import (
    AlreadyEnded,
    CodeTaken,
    Forbidden,
    IdempotencyMismatch,
    IncompleteRules,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from graphql_schema.registers import CHANGING, VERSION, Asked, changed, expected_version, idempotency_key
from graphql_schema.routing import Category, category_of

NAME = "1–200 ký tự. / 1–200 characters."


@strawberry.input(description="Lĩnh vực mới, ở cuối danh sách. / A new category at the end of the list.")
class CreateCategoryInput:
    code: str = strawberry.field(
        description="2–40 chữ thường không dấu, gạch dưới. / 2–40 lower-case letters and underscores."
    )
    name_vi: str = strawberry.field(description=NAME)
    name_en: str = strawberry.field(description=NAME)
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Đổi tên. / Other names.")
class RenameCategoryInput:
    code: str
    expected_version: int = expected_version()
    name_vi: str = strawberry.field(description=NAME)
    name_en: str = strawberry.field(description=NAME)
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Một lĩnh vực trong thứ tự. / A category in its place.")
class OrderedCategoryInput:
    code: str
    expected_version: int = expected_version()


@strawberry.input(description="Thứ tự hiển thị mới. / Another order.")
class OrderCategoriesInput:
    categories: list[OrderedCategoryInput] = strawberry.field(
        description="Tất cả lĩnh vực đang dùng. / All that have not ended."
    )
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Kết thúc: phản ánh mới không chọn được. / No new report has it.")
class EndCategoryInput:
    code: str
    expected_version: int = expected_version()
    idempotency_key: str = idempotency_key()


@strawberry.type(description="Đã thực hiện. / Done.")
class CategoryChanged:
    code: str
    version: int = strawberry.field(description=VERSION)
    category: Category | None


CreateCategoryPayload = Annotated[
    CategoryChanged | Forbidden | InvalidInput | CodeTaken | IncompleteRules | IdempotencyMismatch,
    strawberry.union("CreateCategoryPayload"),
]
RenameCategoryPayload = Annotated[
    CategoryChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | AlreadyEnded
    | IdempotencyMismatch,
    strawberry.union("RenameCategoryPayload"),
]
OrderCategoriesPayload = Annotated[
    CategoryChanged | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("OrderCategoriesPayload"),
]
EndCategoryPayload = Annotated[
    CategoryChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | AlreadyEnded
    | IdempotencyMismatch,
    strawberry.union("EndCategoryPayload"),
]


async def _read(context: GraphQLContext, done: Done) -> Category:
    found = await context.services.categories.categories(context.principal, True)
    for category in found:
        if category.code == done.code:
            return category_of(category, context.language)
    raise NotFoundRefusal


def _done(done: Done, category: Category | None) -> CategoryChanged:
    return CategoryChanged(code=done.code, version=done.version, category=category)


@strawberry.type
class CategoryMutation:
    @strawberry.mutation(description="Tạo lĩnh vực. / A new category.", metadata=CHANGING)
    async def create_category(self, info: Info, input: CreateCategoryInput) -> CreateCategoryPayload:
        context = info.context
        asked = Asked(action="category.create", key=input.idempotency_key, payload=CreateCategoryPayload)
        payload: CreateCategoryPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.categories.create(
                who, input.code, input.name_vi, input.name_en, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Đổi tên lĩnh vực. / Other names.", metadata=CHANGING)
    async def rename_category(self, info: Info, input: RenameCategoryInput) -> RenameCategoryPayload:
        context = info.context
        asked = Asked(action="category.rename", key=input.idempotency_key, payload=RenameCategoryPayload)
        payload: RenameCategoryPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.categories.rename(
                who, input.code, input.expected_version, input.name_vi, input.name_en, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Sắp xếp lĩnh vực. / Another order.", metadata=CHANGING)
    async def order_categories(self, info: Info, input: OrderCategoriesInput) -> OrderCategoriesPayload:
        context = info.context
        asked = Asked(action="category.order", key=input.idempotency_key, payload=OrderCategoriesPayload)
        # Twice the same is never the whole list: the service refuses, and records it.
        codes = {one.code for one in input.categories}
        given = input.categories if len(codes) == len(input.categories) else []
        versions = {one.code: one.expected_version for one in given}
        payload: OrderCategoriesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.categories.order(who, versions, key),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Kết thúc lĩnh vực. / No new report has it.", metadata=CHANGING)
    async def end_category(self, info: Info, input: EndCategoryInput) -> EndCategoryPayload:
        context = info.context
        asked = Asked(action="category.end", key=input.idempotency_key, payload=EndCategoryPayload)
        payload: EndCategoryPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.categories.end(
                who, input.code, input.expected_version, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

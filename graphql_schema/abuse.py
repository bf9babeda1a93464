"""Blocks of senders who abuse reports (chặn người gửi): made by a report, seen and appealed by the sender."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import strawberry

from backend.abuse import errors, types
from foundation.errors import Refusal
from foundation.ids import show_report_code
from graphql_schema.access import public, step_up
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.errors import (
    PROBLEMS,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    Problem,
    plain,
    problem_of,
)
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of

REASONS, MINE = 20, 50
BLOCK = "Mã lần chặn. / The block's code."
Change = Callable[[], Awaitable[types.BlockChanged]]


@strawberry.type(
    description="Không có người gửi để chặn. / Nobody to block: a channel's, or the sender left."
)
class NoSender(Problem):
    pass


@strawberry.type(description="Đã chặn vì phản ánh này. / Its sender was blocked for this report before.")
class BlockedBefore(Problem):
    pass


@strawberry.type(description="Đã khiếu nại. / Appealed already: once a block.")
class AppealedBefore(Problem):
    pass


@strawberry.type(description="Đã hết hạn hoặc đã quyết định. / The block has ended or is decided.")
class BlockOver(Problem):
    pass


@strawberry.type(description="Cần người khác quyết định. / Who blocked does not decide that it stays.")
class OwnBlock(Problem):
    pass


@strawberry.type(description="Chưa có khiếu nại. / Nobody has appealed; it can only be lifted.")
class NoAppeal(Problem):
    pass


PROBLEMS |= {
    errors.NoSender: (NoSender, plain(NoSender)),
    errors.BlockedBefore: (BlockedBefore, plain(BlockedBefore)),
    errors.AppealedBefore: (AppealedBefore, plain(AppealedBefore)),
    errors.BlockOver: (BlockOver, plain(BlockOver)),
    errors.OwnBlock: (OwnBlock, plain(OwnBlock)),
    errors.NoAppeal: (NoAppeal, plain(NoAppeal)),
}


@strawberry.type(description="Lý do chặn. / For what somebody may be blocked.")
class BlockReason:
    code: str
    name: str


@strawberry.type(
    description="Một lần chặn: người gửi phản ánh này chưa gửi được phản ánh mới. / "
    "Whoever sent this report sends no new ones for a time. Nobody's name is in it."
)
class SenderBlock:
    code: str
    report_code: str
    shown_report_code: str
    unit: UnitSummary
    reason: str = strawberry.field(description="Mã của `blockReasons`. / A code of `blockReasons`.")
    note: str | None
    blocked_at: datetime
    until: datetime
    appeal: str | None
    appealed_at: datetime | None
    lifted: bool | None = strawberry.field(
        description="null khi chưa quyết định. / null: nobody has decided."
    )
    decision: str | None
    decided_at: datetime | None
    mine: bool = strawberry.field(description="Do chính người hỏi chặn. / Made by the asking official.")


@strawberry.input(description="Chặn người gửi một phản ánh. / Block whoever sent a report.")
class BlockSenderInput:
    code: str = strawberry.field(description=CODE)
    reason: str = strawberry.field(description="Mã của `blockReasons`. / A code of `blockReasons`.")
    note: str = strawberry.field(description="Giải thích, người bị chặn đọc được. / The sender reads it.")
    days: int = strawberry.field(description="Số ngày, 1 đến 90. / 1 to 90.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Khiếu nại, một lần. / Appeal against one's own block, once.")
class AppealBlockInput:
    block: str = strawberry.field(description=BLOCK)
    text: str
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Bỏ hoặc giữ. / Lift a block, or say on an appeal that it stays.")
class DecideBlockInput:
    block: str = strawberry.field(description=BLOCK)
    lift: bool
    text: str = strawberry.field(description="Lý do, người bị chặn đọc được. / The sender reads it.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class BlockChanged:
    block: str = strawberry.field(description=BLOCK)


BlockSenderPayload = Annotated[
    BlockChanged | NotFound | Forbidden | InvalidInput | NoSender | BlockedBefore | IdempotencyMismatch,
    strawberry.union("BlockSenderPayload"),
]
AppealBlockPayload = Annotated[
    BlockChanged | NotFound | Forbidden | InvalidInput | AppealedBefore | BlockOver | IdempotencyMismatch,
    strawberry.union("AppealBlockPayload"),
]
DecideBlockPayload = Annotated[
    BlockChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | OwnBlock
    | NoAppeal
    | BlockOver
    | IdempotencyMismatch,
    strawberry.union("DecideBlockPayload"),
]


async def _changed(context: GraphQLContext, payload: object, change: Change) -> Any:
    try:
        done = await change()
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    return BlockChanged(block=done.code)


def _shown(block: types.Block) -> SenderBlock:
    return SenderBlock(
        code=block.code,
        report_code=block.report,
        shown_report_code=show_report_code(block.report),
        unit=summary_of(block.unit),
        reason=block.reason,
        note=block.note,
        blocked_at=block.blocked_at,
        until=block.until,
        appeal=block.appeal,
        appealed_at=block.appealed_at,
        lifted=block.lifted,
        decision=block.decision,
        decided_at=block.decided_at,
        mine=block.mine,
    )


@strawberry.type
class AbuseQuery:
    @strawberry.field(
        description="Các lý do chặn. / For what somebody may be blocked.",
        metadata={**public(), **rows(REASONS)},
    )
    async def block_reasons(self, info: Info) -> list[BlockReason] | None:
        context = info.context
        found = await context.services.blocks.reasons(context.principal)
        return [
            BlockReason(code=each.code, name=each.name_vi if context.language == "vi" else each.name_en)
            for each in found
        ]

    @strawberry.field(
        description="Các lần chính mình bị chặn, mới trước. / One's own blocks, the newest first.",
        metadata=rows(MINE),
    )
    async def my_blocks(self, info: Info) -> list[SenderBlock] | None:
        context = info.context
        async with context.parsing("abuse.read_own"):
            citizen = context.citizen()
        return [_shown(block) for block in await context.services.blocks.mine(citizen)]

    @strawberry.field(
        description="Các lần chặn, mới trước; cho trực điều hành thành phố. / "
        "Blocks, the newest first; for the city's operators.",
        metadata=step_up("aal2"),
    )
    async def sender_blocks(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
        waiting: Annotated[
            bool,
            strawberry.argument(description="Chỉ những khiếu nại chưa quyết định. / Undecided appeals only."),
        ] = False,
    ) -> Connection[SenderBlock] | None:
        context = info.context
        async with context.parsing("abuse.read_blocks"):
            official, page = context.official(), context.page("senderBlocks", first, after)
        found = await context.services.blocks.listed(official, page, waiting=waiting)
        return connection_of(
            context, "senderBlocks", found.items, found.positions, found.has_next, after, _shown
        )


@strawberry.type
class AbuseMutation:
    @strawberry.mutation(
        description="Chặn người gửi một phản ánh trong một thời hạn. / "
        "Whoever sent a report sends no new ones for a time; for heads of units and the city's operators.",
        metadata=step_up("aal2"),
    )
    async def block_sender(self, info: Info, input: BlockSenderInput) -> BlockSenderPayload:
        context = info.context

        async def change() -> types.BlockChanged:
            async with context.parsing("report.block_sender"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
            blocks = context.services.blocks
            return await blocks.block(official, input.code, input.reason, input.note, input.days, key)

        payload: BlockSenderPayload = await _changed(context, BlockSenderPayload, change)
        return payload

    @strawberry.mutation(description="Khiếu nại việc bị chặn. / Appeal against one's own block, once.")
    async def appeal_block(self, info: Info, input: AppealBlockInput) -> AppealBlockPayload:
        context = info.context

        async def change() -> types.BlockChanged:
            async with context.parsing("abuse.appeal"):
                citizen, key = context.citizen(), context.idempotency(input.idempotency_key)
            return await context.services.blocks.appeal(citizen, input.block, input.text, key)

        payload: AppealBlockPayload = await _changed(context, AppealBlockPayload, change)
        return payload

    @strawberry.mutation(
        description="Bỏ chặn, hoặc giữ sau khiếu nại. / Lift a block, or say on an appeal that it stays.",
        metadata=step_up("aal2"),
    )
    async def decide_block(self, info: Info, input: DecideBlockInput) -> DecideBlockPayload:
        context = info.context

        async def change() -> types.BlockChanged:
            async with context.parsing("abuse.decide"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
            return await context.services.blocks.decide(official, input.block, input.lift, input.text, key)

        payload: DecideBlockPayload = await _changed(context, DecideBlockPayload, change)
        return payload

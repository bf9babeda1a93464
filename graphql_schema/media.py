"""Files of reports (tệp đính kèm): photos and documents. Their octets are read under `/media`."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from backend.media import types as domain
from foundation.errors import NotFound as NotFoundRefusal
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import MediaKind, MediaState, Size
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    TooManyFiles,
    VersionConflict,
    problem_of,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.node import Node
from graphql_schema.sizes import rows

KIND = "Media"
FILES = 3
"""Of a report, usually; at most thirty."""
IDEMPOTENCY_KEY = (
    "16–64 ký tự ASCII, mới cho mỗi thao tác. / 16–64 ASCII characters, fresh for each intention."
)

Change = Callable[[OfficialPrincipal, UUID, int, Idempotency], Awaitable[domain.MediaChanged]]


@strawberry.type(description="Một tệp của phản ánh. / A file of a report.")
class Media(Node):
    kind: MediaKind
    state: MediaState
    content_type: str = strawberry.field(description="Dạng được lưu. / Of what is stored: image/jpeg, …")
    width: int | None = strawberry.field(description="Của dạng lớn nhất. / Of the largest form, in pixels.")
    height: int | None
    octets: int = strawberry.field(description="Của dạng lớn nhất. / Of the largest form.")
    path: str = strawberry.field(
        description="GET với token và proof; thêm ?size=thumb|large|full. / GET it with token and proof; "
        "add ?size=thumb|large|full. A released file is read without."
    )
    sizes: list[Size] = strawberry.field(metadata=rows(3))
    created_at: datetime
    version: int = strawberry.field(description="Gửi lại làm expectedVersion. / Send it back.")


@strawberry.input(description="Công khai hoặc thu hồi một tệp. / Show a file to the public, or take it back.")
class MediaInput:
    media: strawberry.ID = strawberry.field(description="Mã toàn cục của tệp. / The file's global id.")
    expected_version: int = strawberry.field(
        description="Phiên bản đang thấy. / The version that the person sees."
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class MediaChanged:
    media: strawberry.ID
    report_code: str
    version: int
    state: MediaState


@strawberry.input(
    description="Một vùng, điểm ảnh từ góc trên trái. / An area, in pixels from the upper left."
)
class AreaInput:
    x: int
    y: int
    width: int
    height: int


@strawberry.input(description="Che mặt người, biển số. / Black out faces and plates of a photo.")
class RedactMediaInput:
    media: strawberry.ID = strawberry.field(description="Ảnh gốc; được giữ lại. / The original; it is kept.")
    expected_version: int = strawberry.field(
        description="Phiên bản đang thấy. / The version that the person sees."
    )
    areas: list[AreaInput] = strawberry.field(
        description="1–50 vùng của dạng lớn nhất. / 1 to 50 areas of the largest form."
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


ReleaseMediaPayload = Annotated[
    MediaChanged | NotFound | Forbidden | InvalidInput | VersionConflict | ReportMerged | IdempotencyMismatch,
    strawberry.union("ReleaseMediaPayload"),
]
WithdrawMediaPayload = Annotated[
    MediaChanged | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("WithdrawMediaPayload"),
]


RedactMediaPayload = Annotated[
    MediaChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | ReportMerged
    | IdempotencyMismatch
    | TooManyFiles,
    strawberry.union("RedactMediaPayload"),
]


def media_of(context: GraphQLContext, media: domain.Media) -> Media:
    """A file as the schema shows it."""
    global_id = context.codecs.global_ids.of_uuid(KIND, media.id)
    return Media(
        id=strawberry.ID(global_id),
        kind=media.kind,
        state=media.state,
        content_type=media.content.value,
        width=media.width,
        height=media.height,
        octets=media.octets,
        path=f"/media/{global_id}",
        sizes=list(media.sizes),
        created_at=media.created_at,
        version=media.version,
    )


async def _changed(
    context: GraphQLContext, action: str, given: MediaInput, payload: object, change: Change
) -> Any:
    try:
        async with context.parsing(action):
            official = context.official()
            media_id = context.codecs.global_ids.parse_uuid(KIND, given.media)
            idempotency = context.idempotency(given.idempotency_key)
        changed = await change(official, media_id, given.expected_version, idempotency)
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    return MediaChanged(
        media=given.media, report_code=changed.report_code, version=changed.version, state=changed.state
    )


@strawberry.type
class MediaMutation:
    @strawberry.mutation(description="Cán bộ công khai một tệp. / An officer shows a file to the public.")
    async def release_media(self, info: Info, input: MediaInput) -> ReleaseMediaPayload:
        context = info.context
        payload: ReleaseMediaPayload = await _changed(
            context, "media.release", input, ReleaseMediaPayload, context.services.media_changes.release
        )
        return payload

    @strawberry.mutation(description="Thu hồi tệp đã công khai. / A file is no longer shown to the public.")
    async def withdraw_media(self, info: Info, input: MediaInput) -> WithdrawMediaPayload:
        context = info.context
        payload: WithdrawMediaPayload = await _changed(
            context, "media.withdraw", input, WithdrawMediaPayload, context.services.media_changes.withdraw
        )
        return payload

    @strawberry.mutation(
        description="Tạo bản ảnh đã che để công khai. / A rendition with areas black, to be released."
    )
    async def redact_media(self, info: Info, input: RedactMediaInput) -> RedactMediaPayload:
        context = info.context
        try:
            async with context.parsing("media.redact"):
                official = context.official()
                if context.services.redactions is None:
                    raise NotFoundRefusal
                media_id = context.codecs.global_ids.parse_uuid(KIND, input.media)
                idempotency = context.idempotency(input.idempotency_key)
            areas = [domain.Area(area.x, area.y, area.width, area.height) for area in input.areas]
            changed = await context.services.redactions.redact(
                official, media_id, input.expected_version, areas, idempotency
            )
        except Refusal as refusal:
            problem: RedactMediaPayload = problem_of(refusal, context.language, RedactMediaPayload)
            return problem
        return MediaChanged(
            media=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, changed.id)),
            report_code=changed.report_code,
            version=changed.version,
            state=changed.state,
        )

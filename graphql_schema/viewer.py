"""Who is asking, as they see themselves."""

from datetime import datetime
from typing import Annotated

import strawberry

from foundation.identity.principal import CitizenPrincipal, VerifiedSession
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of


@strawberry.type(description="Lần đăng nhập này. / The sign-in.")
class SignIn:
    level: str = strawberry.field(description="aal1, aal2 hoặc aal3. / The level that was reached.")
    signed_in_at: datetime = strawberry.field(
        description="Lần xác thực gần nhất. / When the person last proved it."
    )


@strawberry.type(description="Công dân. / A citizen.")
class Citizen:
    id: strawberry.ID = strawberry.field(description="Mã mờ, ổn định. / Opaque and stable.")
    sign_in: SignIn


@strawberry.type(description="Nhiệm vụ đang có hiệu lực. / A duty in force.")
class Duty:
    kind: str = strawberry.field(description="handler, lead, city_operator, platform_admin, …")
    unit_code: str


@strawberry.type(description="Cán bộ. / An official.")
class Official:
    name: str
    unit: UnitSummary = strawberry.field(description="Đơn vị công tác của phiên này. / The working unit.")
    duties: list[Duty] = strawberry.field(metadata=rows(5))
    sign_in: SignIn


Viewer = Annotated[Citizen | Official, strawberry.union("Viewer", description="Người hỏi. / Who asks.")]


def _sign_in_of(session: VerifiedSession) -> SignIn:
    return SignIn(level=session.acr, signed_in_at=session.auth_time)


async def _official(context: GraphQLContext) -> Official:
    async with context.parsing("official.me"):
        principal = context.official()
    profile = await context.services.officials.me(principal)
    return Official(
        name=profile.name,
        unit=summary_of(profile.unit),
        duties=[Duty(kind=duty.kind, unit_code=duty.unit_code) for duty in profile.duties],
        sign_in=_sign_in_of(principal.session),
    )


@strawberry.type
class ViewerQuery:
    @strawberry.field(description="Người đang hỏi. / Who is asking.")
    async def viewer(self, info: Info) -> Viewer | None:
        context = info.context
        if not isinstance(context.principal, CitizenPrincipal):
            return await _official(context)
        sealed = context.codecs.global_ids.of_uuid("Citizen", context.principal.citizen_id)
        return Citizen(id=strawberry.ID(sealed), sign_in=_sign_in_of(context.principal.session))

"""The api's few routes beside GraphQL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from foundation.health import Health
from foundation.identity.challenges import IdentityRefusal

if TYPE_CHECKING:
    from services.gateway import ApiGateway

LONGEST_LOGOUT = 16_384


def health_routes(health: Health) -> Sequence[HTTPRouteHandler]:
    """`/health/live`: the process answers. `/health/ready`: it can do its work; why not is told elsewhere."""

    @get("/health/live")
    async def live() -> Response[None]:
        return Response(None, status_code=503 if health.silent() else 200)

    @get("/health/ready")
    async def ready() -> Response[None]:
        return Response(None, status_code=200 if (await health.report()).ready else 503)

    return [live, ready]


def backchannel_logout_route(gateway: "ApiGateway") -> HTTPRouteHandler:
    """Keycloak says that a session ended (OpenID Connect Back-Channel Logout 1.0, 2.5)."""

    @post("/identity/backchannel-logout", request_max_body_size=LONGEST_LOGOUT)
    async def backchannel_logout(request: Request) -> Response[None]:  # type: ignore[type-arg]  # no user, no auth
        tokens = parse_qs((await request.body()).decode("ascii", "replace")).get("logout_token", [])
        headers = {"cache-control": "no-store"}
        if len(tokens) != 1:
            return Response(None, status_code=400, headers=headers)
        try:
            peer = request.client.host if request.client else None
            await gateway.end_session(tokens[0], peer, request.headers.getall("x-forwarded-for", []))
        except IdentityRefusal:
            return Response(None, status_code=400, headers=headers)
        return Response(None, status_code=200, headers=headers)

    return backchannel_logout

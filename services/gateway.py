"""Who calls the api: identity, then duties; the first use of each session is an event."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import asyncpg

from audit.refusals import RefusalCounter
from backend.citizens.service import CitizenService
from backend.devices.notes import SessionNotes
from backend.tenancy.service import TenancyService
from foundation.clock import Clock
from foundation.clock_watch import ClockWatch
from foundation.database.database import Database
from foundation.errors import Refusal
from foundation.identity import step_up
from foundation.identity.apps import App, AppDoor, AppRefusal, check_client
from foundation.identity.authenticator import Authenticator
from foundation.identity.challenges import IdentityRefusal, StepUpRequired, Unauthenticated
from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    Principal,
    VerifiedSession,
)
from foundation.identity.revocation import note_first_use
from foundation.limits.refusals import LimitRefusal, TooManyRequests
from foundation.recording import LOGON, Activity, AuditEvent, EventClass
from graphql_schema.live.ends import ConnectAgain
from graphql_schema.transport import RequestParts
from services.limits import ApiLimits, resource_of
from services.networks import Networks

SIGN_IN = AuditEvent("session.open", EventClass.AUTHENTICATION, LOGON)


class ApiGateway:
    """Implements `graphql_schema.http.Gateway`."""

    def __init__(
        self,
        *,
        database: Database,
        tenancy: TenancyService,
        citizens: CitizenService,
        clock: Clock,
        networks: Networks,
        limits: ApiLimits,
        refusals: RefusalCounter,
        apps: AppDoor,
        notes: SessionNotes,
    ) -> None:
        self._watch: ClockWatch | None = None
        self._apps = apps
        self._notes = notes
        self._limits = limits
        self._refusals = refusals
        self._authenticator: Authenticator | None = None
        self._database = database
        self._tenancy = tenancy
        self._citizens = citizens
        self._clock = clock
        self._networks = networks

    def open(self, authenticator: Authenticator, watch: ClockWatch | None = None) -> None:
        """Begin to let people in. While `watch` says that the clock is off, nobody is."""
        self._authenticator = authenticator
        self._watch = watch

    async def end_session(self, logout_token: str, peer: str | None, forwarded_for: Sequence[str]) -> None:
        """Back-channel logout. Raises an IdentityRefusal, counted. Never limited: an end must not wait."""
        try:
            await self._door().end_session(logout_token)
        except IdentityRefusal as refusal:
            self._refusals.add(self._networks.of(peer, forwarded_for), refusal.code)
            raise

    def origin_of(self, parts: RequestParts) -> Origin:
        """The request's id, network and language."""
        network = self._networks.of(parts.peer, parts.forwarded_for)
        kind = self._networks.kind_of(parts.peer, parts.forwarded_for)
        return Origin(parts.request_id, network, parts.language, kind)

    async def before_reading(self, parts: RequestParts, origin: Origin) -> None:
        """Raise a LimitRefusal when this network must wait, an AppRefusal for an app not served; counted.

        ClockOff is one: by a wrong clock no token, proof or deadline can be judged.
        """
        try:
            self._check_clock()
            await self._limits.before_reading(origin, parts.authorization, parts.dpop)
            self._app_of(parts)
        except (LimitRefusal, AppRefusal) as refusal:
            self._refusals.add(origin.network, refusal.code)
            raise

    async def authenticate(self, parts: RequestParts, origin: Origin) -> Principal:
        """Who calls. Raises an IdentityRefusal or NoDutyHere, both recorded."""
        try:
            return await self._authenticated(parts, origin)
        except Refusal as refusal:
            # Nobody is proven: counted by network and reason, so that nobody can fill the log. In memory, so
            # that a flood takes no connections from those who are let in.
            self._refusals.add(origin.network, refusal.code)
            await self._limits.not_let_in(origin, parts.dpop, refusal)
            raise

    async def again(self, parts: RequestParts, origin: Origin) -> Principal:
        """Who asks for one more thing on a connection that `authenticate` let in. Raises as that."""
        try:
            self._check_clock()
            session = await self._door().again(parts.authorization, parts.dpop)
            return await self._principal_of(session, origin)
        except Refusal as refusal:
            self._refusals.add(origin.network, refusal.code)
            raise

    async def stays(self, parts: RequestParts, principal: Principal) -> None:
        """Return when who was let in may still be, with the same duties.

        Raises the Refusal that a new connection would meet; ConnectAgain when the database can't be asked, or
        the duties have changed.
        """
        if not isinstance(principal, CitizenPrincipal | OfficialPrincipal):
            raise Unauthenticated
        session = principal.session
        try:
            self._check_clock()
            await self._door().stays(session, parts.authorization, parts.dpop)
            if isinstance(principal, CitizenPrincipal):
                return
            now = await self._tenancy.principal_of(session, principal.origin)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise ConnectAgain from error
        if (now.duties, now.units) != (principal.duties, principal.units):
            raise ConnectAgain

    def check_step_up(self, principal: Principal, acr: str, max_age: timedelta | None) -> None:
        """Raise StepUpRequired unless the sign-in has this level and age."""
        if not isinstance(principal, CitizenPrincipal | OfficialPrincipal):
            raise StepUpRequired(acr, None if max_age is None else int(max_age.total_seconds()))
        step_up.require(principal.session, acr=acr, max_age=max_age, now=self._clock.now())

    async def refused(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None:
        """Record a refusal that no unit of work has seen."""
        await self._database.record_refusal(principal, intent, refusal)

    @asynccontextmanager
    async def limited(self, principal: Principal, names: Sequence[str]) -> AsyncIterator[None]:
        """Around the execution of root fields and a document, by name. Raises a LimitRefusal before it."""
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._limits.of_operations(principal, names))
            except LimitRefusal as refusal:
                await self._must_wait(principal, refusal)
                raise
            yield

    async def _must_wait(self, principal: Principal, refusal: LimitRefusal) -> None:
        known = not isinstance(principal, AnonymousPrincipal)
        if known and isinstance(refusal, TooManyRequests) and refusal.new:
            intent = AuditEvent("request.wait", activity=Activity.READ, resource=resource_of(refusal))
            await self._database.record_refusal(principal, intent, refusal)
        else:
            # Once a minute is an event; the rest of a flood is counted, whoever sends it.
            self._refusals.add(principal.origin.network, refusal.code)

    async def _authenticated(self, parts: RequestParts, origin: Origin) -> Principal:
        session = await self._door().authenticate(parts.method, parts.path, parts.authorization, parts.dpop)
        app = self._app_of(parts)
        check_client(app, session.azp)
        self._limits.let_in(session)
        principal = await self._principal_of(session, origin)
        # Another key in a browser session that is known was never noted: that is a first use too.
        if session.unseen or (session.due and not await self._notes.touch(principal, app)):
            await self._note_first_use(principal, app)
        return principal

    def _app_of(self, parts: RequestParts) -> App | None:
        return self._apps.check(parts.app, signed_in=bool(parts.authorization))

    async def _principal_of(
        self, session: VerifiedSession, origin: Origin
    ) -> CitizenPrincipal | OfficialPrincipal:
        if session.organisation is None:
            return await self._citizens.principal_of(session, origin)
        return await self._tenancy.principal_of(session, origin)

    async def _note_first_use(self, principal: CitizenPrincipal | OfficialPrincipal, app: App | None) -> None:
        async with self._database.unit_of_work(principal, SIGN_IN) as work:
            first = await note_first_use(work.connection, principal.session)
            if await self._notes.write(work, principal, app) or first:
                if isinstance(principal, OfficialPrincipal):
                    await self._tenancy.note_activity(work)
                await work.record(SIGN_IN)
                await work.commit()

    def _check_clock(self) -> None:
        if self._watch is not None:
            self._watch.check()

    def _door(self) -> Authenticator:
        if self._authenticator is None:
            raise RuntimeError("the api is not open")
        return self._authenticator

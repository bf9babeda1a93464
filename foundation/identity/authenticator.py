"""Who calls: token, proof, revocation, in this order: the one door before every route that is not public."""

import asyncio
import re
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import structlog

from foundation.clock import Clock
from foundation.identity import revocation
from foundation.identity.challenges import (
    MalformedRequest,
    ProofMissing,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    Unauthenticated,
)
from foundation.identity.client_assertion import ClientAssertion
from foundation.identity.counted_http import CountedTransport
from foundation.identity.introspection import Introspector
from foundation.identity.logout_tokens import LogoutTokenVerifier
from foundation.identity.principal import VerifiedSession
from foundation.identity.proofs import LONGEST_PROOF, Proof, verify_proof
from foundation.identity.realm_keys import RealmKeys
from foundation.identity.tokens import LONGEST_TOKEN, TokenVerifier
from foundation.settings import IdentitySettings

SWEEP_SECONDS = 30.0
EXPIRING = timedelta(seconds=15)
"""Tokens with less time left may expire on the way to Keycloak."""
_CREDENTIALS = re.compile(r"([A-Za-z]+) +([A-Za-z0-9_.-]+)")

log = structlog.get_logger()

Limited = Callable[[VerifiedSession], Awaitable[None]]
Confirm = Callable[[str, VerifiedSession], Awaitable[None]]


async def unlimited(session: VerifiedSession) -> None:
    """No limit."""


class Authenticator:
    """Verifies requests of one service. Open it before serving, close it after.

    `limited` is asked when token and proof fit and nothing is remembered of them yet, and raises a Refusal: a
    person who sends too many would fill the memory of proofs.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        pool: revocation.Executor,
        clock: Clock,
        http: httpx.AsyncClient,
        limited: Limited = unlimited,
    ) -> None:
        self._limited = limited
        self._origin = settings.public_url
        self._pool = pool
        self._clock = clock
        self._http = http
        citizens = RealmKeys(settings.citizens.issuer, http)
        officials = RealmKeys(settings.officials.issuer, http)
        self._tokens = TokenVerifier.of_both(settings, citizens, officials)
        self._logouts = LogoutTokenVerifier(settings, citizens, officials)
        self._introspector = Introspector(
            issuer=settings.officials.issuer,
            assertion=ClientAssertion(settings.introspection),
            http=http,
            clock=clock,
            remember_seconds=settings.introspection_seconds,
        )

    async def open(self) -> None:
        """Begin to remember proofs: those made before now are refused if nothing was remembered until now."""
        await self._pool.fetchval("SELECT identity.proofs_since()")

    async def close(self) -> None:
        """Let go of the connections to Keycloak."""
        await self._http.aclose()

    async def authenticate(
        self, method: str, path: str, authorization: Sequence[str], dpop: Sequence[str]
    ) -> VerifiedSession:
        """The session behind a request, or an IdentityRefusal that names what is missing.

        `path` is the route's, without query; `authorization` and `dpop` are all values of these headers.
        The proof is used up, whatever comes of the request. `unseen` and `due` tell what is to be noted.
        """
        token, proof_text = credentials_of(authorization, dpop)
        now = self._clock.now()
        session = await self._tokens.verify(token, now)
        proof = verify_proof(
            proof_text, method=method, url=self._origin + path, token=token, jkt=session.jkt, now=now
        )
        return await self._admitted(token, session, proof, now)

    async def again(self, authorization: Sequence[str], dpop: Sequence[str]) -> VerifiedSession:
        """The session of a connection that was let in before and asks for something more.

        As `authenticate`, but the connection stands for the proof, which was used up when it began.
        """
        token, _ = credentials_of(authorization, dpop)
        now = self._clock.now()
        session = await self._tokens.verify(token, now)
        # `admit` counts uses of proofs: this one is ours, and no client can have made it.
        used = Proof(jti=f"connection:{secrets.token_urlsafe(16)}", issued_at=now)
        return await self._admitted(token, session, used, now)

    async def stays(
        self, session: VerifiedSession, authorization: Sequence[str], dpop: Sequence[str]
    ) -> None:
        """Raise an IdentityRefusal when the token has run out or Keycloak ended an official's session.

        Keycloak is asked anew, for an answer that is remembered would add its age to what an end takes. Ends
        that were noted are not looked for: who follows changes is told of them by the feed.
        """
        now = self._clock.now()
        if session.expires_at <= now:
            raise TokenExpired
        if self._tokens.is_official(session):
            token, _ = credentials_of(authorization, dpop)
            await self._confirm(self._introspector.confirm_now, token, session, now)

    async def _admitted(
        self, token: str, session: VerifiedSession, proof: Proof, now: datetime
    ) -> VerifiedSession:
        await self._limited(session)
        admission = await revocation.admit(self._pool, session, proof)
        if self._tokens.is_official(session):
            await self._confirm(self._introspector.confirm, token, session, now)
        match admission:
            case revocation.Admission.UNSEEN:
                return session.as_unseen()
            case revocation.Admission.DUE:
                return session.as_due()
        return session

    async def _confirm(self, ask: Confirm, token: str, session: VerifiedSession, now: datetime) -> None:
        try:
            await ask(token, session)
        except SessionEnded:
            # Noted, so that it stays dead when Keycloak revives it: somebody disabled and enabled again. A
            # token that ran out meanwhile is no end.
            if session.expires_at - now > EXPIRING:
                await revocation.note_end(self._pool, revocation.end_by_introspection(session, now))
            raise

    async def end_session(self, logout_token: str) -> None:
        """Back-channel logout. Raises MalformedRequest, TokenInvalid, IdentityUnavailable."""
        await revocation.note_end(self._pool, await self._logouts.verify(logout_token, self._clock.now()))

    async def sweep(self) -> None:
        """Forget used proofs and ended sessions that can't come back."""
        await self._pool.execute("SELECT identity.sweep()")

    async def sweep_forever(self) -> None:
        """`sweep` each half minute, until cancelled. A database that is away is tried again."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("proofs_not_swept", fault=type(error).__name__)


def credentials_of(authorization: Sequence[str], dpop: Sequence[str]) -> tuple[str, str]:
    """(token, proof) of a request's headers, exactly one each. Raises an IdentityRefusal."""
    if not authorization:
        raise Unauthenticated
    if len(authorization) > 1:
        raise MalformedRequest("one Authorization header is allowed")
    if len(dpop) > 1:
        raise MalformedRequest("one DPoP header is allowed")
    if len(authorization[0]) > LONGEST_TOKEN + len("DPoP "):
        raise MalformedRequest("the token is too long")
    match = _CREDENTIALS.fullmatch(authorization[0])
    if match is None:
        raise MalformedRequest("Authorization must be DPoP and a token")
    # A bound token sent as Bearer is a stolen one (RFC 9449, 7.2).
    if match[1].lower() != "dpop":
        raise TokenInvalid("the scheme must be DPoP")
    if not dpop:
        raise ProofMissing
    if len(dpop[0]) > LONGEST_PROOF:
        raise MalformedRequest("the DPoP proof is too long")
    return match[2], dpop[0]


def keycloak_http(ca_file: Path, seconds: float = 3.0) -> httpx.AsyncClient:
    """The client for Keycloak: TLS with our CA alone, short timeouts, no redirects."""
    context = ssl.create_default_context(cafile=str(ca_file))
    return httpx.AsyncClient(
        transport=CountedTransport(httpx.AsyncHTTPTransport(verify=context, trust_env=False)),
        timeout=httpx.Timeout(seconds),
        follow_redirects=False,
        trust_env=False,
    )

"""OpenBao as requests wait for it: aiohttp, one pool, a token that a certificate earns, a circuit breaker."""

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog

from foundation.settings import OpenBaoSettings

FAILURES = 3
"""So many in a row, and nobody is kept waiting for a while."""
OPEN_SECONDS = 5.0
_RENEW_SHARE = 0.5
_CONNECTIONS = 16

log = structlog.get_logger()


class SealingUnavailable(Exception):
    """OpenBao is away, sealed, or refuses us: nothing can be sealed or opened just now."""


class NotOpened(ValueError):
    """What was to be opened was sealed under another key or for another context, or was changed."""


@dataclass(slots=True)
class Session:
    """A connection pool with the token that its certificate earned."""

    http: aiohttp.ClientSession
    token: str
    renew_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What OpenBao said."""

    status: int
    body: dict[str, Any]


class Bao:
    """One role at one OpenBao. Opens its connections when it is first asked."""

    def __init__(self, settings: OpenBaoSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.session: Session | None = None
        self._monotonic = monotonic
        self._before: Session | None = None
        self._entering = asyncio.Lock()
        self._failures = 0
        self._closed_until = 0.0

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What OpenBao answers to `body` at `path`. Raises SealingUnavailable, NotOpened (status 400)."""
        return (await self._guarded(lambda: self._call("POST", path, body))).body

    async def check(self) -> None:
        """Raise SealingUnavailable unless OpenBao is open to us. Asked each time: it may be sealed since."""
        await self._guarded(lambda: self._call("GET", "auth/token/lookup-self", None))

    async def close(self) -> None:
        """Let go of the connections."""
        for session in (self._before, self.session):
            if session is not None:
                await session.http.close()
        self._before = self.session = None

    async def _guarded(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        now = self._monotonic()
        if now < self._closed_until:
            raise SealingUnavailable("circuit open")
        if self._failures >= FAILURES:
            # One tries; the others are turned away until it knows.
            self._closed_until = now + OPEN_SECONDS
        try:
            async with asyncio.timeout(self.settings.seconds):  # for all of it, a sign-in too
                answer = await call()
        except (aiohttp.ClientError, OSError, SealingUnavailable) as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = self._monotonic() + OPEN_SECONDS
            # The kind alone: texts of errors may hold what was sent.
            log.warning("sealing_unavailable", fault=type(error).__name__, failures=self._failures)
            raise SealingUnavailable(type(error).__name__) from None
        self._failures, self._closed_until = 0, 0.0
        if answer.status == HTTPStatus.BAD_REQUEST:
            # An answer, not a fault: what somebody else keeps changed must not close the way for all.
            raise NotOpened("not sealed for this")
        return answer

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        session = await self._enter()
        answer = await self._send(session, method, path, body)
        if answer.status == HTTPStatus.FORBIDDEN:
            # The token is over before its time: OpenBao was restored, or somebody revoked it.
            session = await self._enter(instead_of=session)
            answer = await self._send(session, method, path, body)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.BAD_REQUEST):
            raise SealingUnavailable(str(answer.status))
        return answer

    async def _send(
        self, session: Session, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        headers = {"X-Vault-Token": session.token}
        async with session.http.request(method, f"/v1/{path}", json=body, headers=headers) as response:
            return await _answer(response)

    async def _enter(self, instead_of: Session | None = None) -> Session:
        session = self.session
        if session is not None and session is not instead_of and self._monotonic() < session.renew_at:
            return session
        async with self._entering:
            session = self.session
            if session is None or session is instead_of:
                return await self._log_in()
            if self._monotonic() >= session.renew_at and not await self._renew(session):
                return await self._log_in()
            return session

    async def _renew(self, session: Session) -> bool:
        answer = await self._send(session, "POST", "auth/token/renew-self")
        if answer.status != HTTPStatus.OK:
            return False
        session.renew_at = self._renewal(answer)
        return True

    async def _log_in(self) -> Session:
        """A new pool too: certificate and key may have been replaced."""
        http = self._pool()
        try:
            async with http.post("/v1/auth/cert/login", json={"name": self.settings.role}) as response:
                answer = await _answer(response)
            if answer.status != HTTPStatus.OK:
                raise SealingUnavailable(str(answer.status))
            session = Session(http, answer.body["auth"]["client_token"], self._renewal(answer))
        except BaseException:
            await http.close()
            raise
        if self._before is not None:
            await self._before.http.close()
        # Others may still wait for answers by the one that is replaced.
        self._before, self.session = self.session, session
        return session

    def _pool(self) -> aiohttp.ClientSession:
        settings = self.settings
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.load_cert_chain(settings.certificate_file, settings.key_file)
        return aiohttp.ClientSession(
            settings.url,
            connector=aiohttp.TCPConnector(ssl=context, limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=settings.seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def _renewal(self, answer: Answer) -> float:
        lease: int = answer.body["auth"]["lease_duration"]
        return self._monotonic() + lease * _RENEW_SHARE


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    octets = await response.read()
    try:
        body = json.loads(octets) if octets else {}
    except ValueError:
        raise SealingUnavailable("no JSON") from None
    return Answer(response.status, body)

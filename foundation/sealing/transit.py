"""OpenBao's transit as the hot path calls it: httpx, one pool, a token that is renewed, a circuit breaker.

Contexts are part of derived keys; transit's associated data would not survive a rewrap
(docs/decisions/0039-contact.md).
"""

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import structlog

from foundation.settings import ContactSettings

BATCH = 100
"""Items of a call. OpenBao refuses more than 1000 keys and values in one body."""
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
class _Session:
    """A connection pool with the token that its certificate earned."""

    http: httpx.AsyncClient
    token: str
    renew_at: float


class Transit:
    """One key of OpenBao's transit. Opens its connections when it is first asked."""

    def __init__(self, settings: ContactSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._session: _Session | None = None
        self._before: _Session | None = None
        self._entering = asyncio.Lock()
        self._failures = 0
        self._closed_until = 0.0

    async def encrypt(self, items: Sequence[tuple[bytes, bytes]]) -> list[str]:
        """Seal each (octets, context), in order. Raises SealingUnavailable."""
        batch = [{"plaintext": _b64(octets), "context": _b64(context)} for octets, context in items]
        return [one["ciphertext"] for one in await self._all("encrypt", batch)]

    async def decrypt(self, items: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Open each (sealed, context), in order. Raises SealingUnavailable, NotOpened."""
        batch = [{"ciphertext": sealed, "context": _b64(context)} for sealed, context in items]
        return [base64.b64decode(one["plaintext"]) for one in await self._all("decrypt", batch)]

    async def check(self) -> None:
        """Raise SealingUnavailable unless we are let in."""
        await self._guarded(self._enter)

    async def close(self) -> None:
        """Let go of the connections."""
        for session in (self._before, self._session):
            if session is not None:
                await session.http.aclose()
        self._before = self._session = None

    async def _all(self, verb: str, batch: list[dict[str, str]]) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for start in range(0, len(batch), BATCH):
            part = batch[start : start + BATCH]
            found += await self._guarded(partial(self._one, verb, part))
        return found

    async def _guarded(self, call: Callable[[], Any]) -> Any:
        now = self._monotonic()
        if now < self._closed_until:
            raise SealingUnavailable("circuit open")
        if self._failures >= FAILURES:
            # One tries; the others are turned away until it knows.
            self._closed_until = now + OPEN_SECONDS
        try:
            async with asyncio.timeout(self._settings.seconds):  # for all of it, a sign-in too
                answer = await call()
        except (httpx.HTTPError, OSError, SealingUnavailable) as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = self._monotonic() + OPEN_SECONDS
            # The kind alone: texts of errors may hold what was sent.
            log.warning("sealing_unavailable", fault=type(error).__name__, failures=self._failures)
            raise SealingUnavailable(type(error).__name__) from None
        self._failures, self._closed_until = 0, 0.0
        return answer

    async def _one(self, verb: str, batch: list[dict[str, str]]) -> list[dict[str, str]]:
        path = f"/v1/transit/{verb}/{self._settings.key}"
        session = await self._enter()
        response = await self._post(session, path, batch)
        if response.status_code == httpx.codes.FORBIDDEN:
            # The token is over before its time: OpenBao was restored, or somebody revoked it.
            session = await self._enter(instead_of=session)
            response = await self._post(session, path, batch)
        if response.status_code == httpx.codes.BAD_REQUEST and verb == "decrypt":
            raise NotOpened("not sealed for this")
        if not response.is_success:
            raise SealingUnavailable(str(response.status_code))
        results: list[dict[str, str]] = response.json()["data"]["batch_results"]
        return results

    async def _post(self, session: _Session, path: str, batch: list[dict[str, str]]) -> httpx.Response:
        return await session.http.post(
            path, json={"batch_input": batch}, headers={"X-Vault-Token": session.token}
        )

    async def _enter(self, instead_of: _Session | None = None) -> _Session:
        session = self._session
        if session is not None and session is not instead_of and self._monotonic() < session.renew_at:
            return session
        async with self._entering:
            session = self._session
            if session is None or session is instead_of:
                return await self._log_in()
            if self._monotonic() >= session.renew_at and not await self._renew(session):
                return await self._log_in()
            return session

    async def _renew(self, session: _Session) -> bool:
        response = await session.http.post(
            "/v1/auth/token/renew-self", headers={"X-Vault-Token": session.token}
        )
        if not response.is_success:
            return False
        session.renew_at = self._renewal(response)
        return True

    async def _log_in(self) -> _Session:
        """A new pool too: certificate and key may have been replaced."""
        settings = self._settings
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.load_cert_chain(settings.certificate_file, settings.key_file)
        http = httpx.AsyncClient(
            base_url=settings.url,
            verify=context,
            timeout=settings.seconds,
            trust_env=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )
        try:
            response = await http.post("/v1/auth/cert/login", json={"name": settings.role})
            if not response.is_success:
                raise SealingUnavailable(str(response.status_code))
            session = _Session(http, response.json()["auth"]["client_token"], self._renewal(response))
        except BaseException:
            await http.aclose()
            raise
        if self._before is not None:
            await self._before.http.aclose()
        # Others may still wait for answers by the one that is replaced.
        self._before, self._session = self._session, session
        return session

    def _renewal(self, response: httpx.Response) -> float:
        lease: int = response.json()["auth"]["lease_duration"]
        return self._monotonic() + lease * _RENEW_SHARE


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")

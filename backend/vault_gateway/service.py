"""Passes calls to the vault, within limits of size and time, and its answers back."""

import asyncio
import re
from typing import Any

import httpx
import structlog

from backend.vault_gateway.errors import (
    BY_CODE,
    UseNonce,
    VaultRefused,
    VaultTooLarge,
    VaultUnauthenticated,
    VaultUnavailable,
)
from backend.vault_gateway.types import Credentials, Notes

LARGEST_REQUEST = 64 * 1024
LARGEST_ANSWER = 256 * 1024
LARGEST_NOTES = 64 * 1024
LONGEST_HEADER = 8_192 + 4_096
RETRY_SECONDS = 2
MOST_RETRY_SECONDS = 300
_NONCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OCTETS = "application/octet-stream"

log = structlog.get_logger()


class VaultGateway:
    """`http` has the vault's origin as its base, our certificate, and trusts one authority alone."""

    def __init__(self, http: httpx.AsyncClient, seconds: float) -> None:
        self._http = http
        self._seconds = seconds

    async def call(self, frame: bytes, credentials: Credentials) -> bytes:
        """The vault's octets for these octets. Raises a VaultRefused."""
        if len(frame) > LARGEST_REQUEST:
            raise VaultTooLarge
        # Two are never taken for one; the rest is for the vault to judge.
        if not (len(credentials.authorization) == len(credentials.proof) == 1):
            raise VaultUnauthenticated
        headers = [
            (b"vault-authorization", _header(credentials.authorization[0])),
            (b"vault-dpop", _header(credentials.proof[0])),
            (b"content-type", _OCTETS.encode()),
            (b"accept-encoding", b"identity"),
        ]
        request = self._http.build_request("POST", "/v1/call", content=frame, headers=headers)
        status, octets = await self._sent(request, LARGEST_ANSWER)
        if status == httpx.codes.OK:
            return octets
        raise refusal_of(octets)

    async def notes(self) -> Notes:
        """The vault's keyset of now. Raises VaultUnavailable."""
        status, octets = await self._sent(self._http.build_request("GET", "/v1/keyset"), LARGEST_NOTES)
        value = _object(octets) if status == httpx.codes.OK else {}
        certificate, keyset = value.get("certificate"), value.get("keyset")
        if not isinstance(certificate, str) or not isinstance(keyset, str):
            raise VaultUnavailable(retry_after=RETRY_SECONDS)
        return Notes(certificate, keyset)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _sent(self, request: httpx.Request, most: int) -> tuple[int, bytes]:
        """Status and body. Raises VaultUnavailable: too late, too long, or not at all."""
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._http.send(request, stream=True)
                try:
                    octets = bytearray()
                    async for chunk in response.aiter_raw():
                        octets += chunk
                        if len(octets) > most:
                            raise VaultUnavailable(retry_after=RETRY_SECONDS)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            log.warning("vault_away", fault=type(error).__name__)
            raise VaultUnavailable(retry_after=RETRY_SECONDS) from error
        return response.status_code, bytes(octets)


def refusal_of(octets: bytes) -> VaultRefused:
    """The refusal that the vault names; whatever else it says is not passed on."""
    value = _object(octets)
    kind = BY_CODE.get(str(value.get("code")), VaultUnavailable)
    if kind is UseNonce:
        nonce = value.get("nonce")
        if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
            return VaultUnavailable(retry_after=RETRY_SECONDS)
        return UseNonce(nonce=nonce)
    if kind is VaultUnavailable:
        seconds = value.get("retryAfterSeconds")
        known = (
            isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds <= MOST_RETRY_SECONDS
        )
        return VaultUnavailable(retry_after=seconds if known else RETRY_SECONDS)
    return kind()


def _object(octets: bytes) -> dict[str, Any]:
    try:
        value = httpx.Response(200, content=octets).json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _header(value: str) -> bytes:
    """A header's value to be copied. Raises VaultUnauthenticated for what no token or proof looks like."""
    if len(value) > LONGEST_HEADER or not (value.isascii() and value.isprintable()):
        raise VaultUnauthenticated
    return value.encode("ascii")

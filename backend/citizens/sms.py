"""The port to an SMS gateway, and the plain HTTP kind of it."""

import ssl
from typing import Any, Protocol, Self
from uuid import UUID

import httpx

from foundation.phones import Phone
from foundation.settings import SmsSettings, read_secret

_SECONDS = 5.0
_TRY_LATER = frozenset({408, 425, 429})


class SmsUnavailable(Exception):
    """The gateway does not answer, or says to come back: send again later."""


class SmsRefused(Exception):
    """The gateway will not send this, now or later. The text says the status, never the number."""


class SmsPort(Protocol):
    """Sends a message once for each `reference`: sent again with the same one it is the same message."""

    async def send(self, to: Phone, text: str, reference: UUID) -> None:
        """Hand a message over. Raises SmsUnavailable, SmsRefused."""
        ...


class HttpSmsGateway:
    """POST {url} {"to", "from", "text", "reference"} with a bearer token; 2xx: taken."""

    def __init__(self, settings: SmsSettings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http

    @classmethod
    def of(cls, settings: SmsSettings) -> Self:
        """Trusts the authority that the settings name, and no proxy of the environment."""
        trusted: ssl.SSLContext | bool = True
        if settings.ca_file is not None:
            trusted = ssl.create_default_context(cafile=str(settings.ca_file))
        http = httpx.AsyncClient(verify=trusted, timeout=_SECONDS, follow_redirects=False, trust_env=False)
        return cls(settings, http)

    async def send(self, to: Phone, text: str, reference: UUID) -> None:
        """Hand a message over. Raises SmsUnavailable, SmsRefused."""
        body: dict[str, Any] = {
            "to": to.e164,
            "from": self._settings.sender,
            "text": text,
            "reference": str(reference),
        }
        token = read_secret(self._settings.token_file).decode("ascii")
        try:
            answer = await self._http.post(
                self._settings.url, json=body, headers={"Authorization": f"Bearer {token}"}
            )
        except httpx.HTTPError as error:
            # From None: the library's error shows the request, and the request the number.
            raise SmsUnavailable(type(error).__name__) from None
        if answer.is_success:
            return
        if answer.is_server_error or answer.status_code in _TRY_LATER:
            raise SmsUnavailable(str(answer.status_code))
        raise SmsRefused(str(answer.status_code))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

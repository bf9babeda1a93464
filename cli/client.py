"""A client that signs in for real and talks to the API as the apps do: DPoP-bound tokens, one a audience.

async with IocClient(home, Person.from_home(home, "minh"), endpoints) as client:
    answer = await client.graphql("query { me { unit { code } } }")
"""

import contextlib
import json
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from joserfc.jwk import ECKey

from cli.login import LoginRefused, Passkey, Person, SignIn, Tokens, TotpCodes, make_proof
from foundation.identity.body_proofs import digest_of

__all__ = ["ApiRefused", "Endpoints", "IocClient", "LoginRefused", "Passkey", "Person"]

_SPARE_SECONDS = 20


class ApiRefused(Exception):
    """The API answered with an HTTP error. `body` is its JSON, `www_authenticate` what is missing."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code} {response.text[:300]}")
        self.status = response.status_code
        self.www_authenticate = response.headers.get("www-authenticate", "")
        self.body: Any = response.json() if "json" in response.headers.get("content-type", "") else None


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the sign-in lacks: a level, an age in seconds (formats.md, step-up)."""

    acr_values: str
    max_age: int | None


def challenge_of(response: httpx.Response) -> Challenge | None:
    """The step-up that an answer asks for, None when it asks for none."""
    if 'error="insufficient_user_authentication"' not in response.headers.get("www-authenticate", ""):
        return None
    details = response.json()["errors"][0]["extensions"]
    return Challenge(details["acrValues"], details.get("maxAge"))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running stack listens. URLs are origins without a slash at the end."""

    keycloak_url: str
    api_url: str
    ca_file: Path


def https_client(ca_file: Path) -> httpx.AsyncClient:
    """Trusts our authority alone and nothing of the environment: no proxy sees a token."""
    context = ssl.create_default_context(cafile=str(ca_file))
    return httpx.AsyncClient(verify=context, timeout=30, trust_env=False)


class IocClient:
    """One person on one device. With `remember`, the session outlives the process (HOME/run, mode 0600).

    `device`: the key that the device has for good, as an enrolled one.
    """

    def __init__(
        self,
        home: Path,
        person: Person,
        endpoints: Endpoints,
        *,
        acr_values: str | None = None,
        audience: str = "ioc-backend",
        remember: bool = False,
        language: str = "vi",
        passkey: Passkey | None = None,
        device: ECKey | None = None,
    ) -> None:
        self.person = person
        self.endpoints = endpoints
        self.audience = audience
        self.language = language
        self._device = device
        self.key = device or ECKey.generate_key("P-256")
        self.tokens: Tokens | None = None
        self.passkey = passkey
        self._acr_values = acr_values
        self._file = home / "run" / f"session-{person.name}-{audience}.json" if remember else None
        self._codes = TotpCodes(home / "run" / "totp-used.json")
        self.http = https_client(endpoints.ca_file)

    async def __aenter__(self) -> Self:
        try:
            self._restore()
            if self.tokens is None or self._acr_values:
                await self.sign_in(self._acr_values)
            else:
                await self.access_token()
        except BaseException:
            await self.http.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    @property
    def issuer(self) -> str:
        """The issuer of the person's realm."""
        return f"{self.endpoints.keycloak_url}/realms/{self.person.realm}"

    async def sign_in(self, acr_values: str | None = None, max_age: int | None = None) -> None:
        """Sign in, or step up within the same browser session. The first token is discarded unsent."""
        asked = {"acr_values": acr_values, "max_age": None if max_age is None else str(max_age)}
        self.tokens = await self._sign_in().tokens(
            self.person, **{name: value for name, value in asked.items() if value is not None}
        )
        await self.refresh()

    async def refresh(self) -> None:
        """Another access token of the one audience. Raises LoginRefused when the session has ended."""
        if self.tokens is None:
            raise LoginRefused("not signed in")
        self.tokens = await self._sign_in().narrowed(self.person, self.tokens, self.audience)
        self._remember()

    async def narrowed(self, audience: str) -> str:
        """An access token of the same session for another service alone. Raises LoginRefused."""
        await self.access_token()
        if self.tokens is None:
            raise LoginRefused("not signed in")
        other = await self._sign_in().narrowed(self.person, self.tokens, audience)
        if other.access is None:
            raise LoginRefused("no access token")
        return other.access

    async def sign_out(self) -> None:
        """End the session at Keycloak and forget it here."""
        if self.tokens is None:
            raise LoginRefused("not signed in")
        id_token, self.tokens = self.tokens.id_token, None
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        await self._sign_in().sign_out(id_token, f"{self.endpoints.api_url}/app/signed-out")

    async def access_token(self) -> str:
        """A token with time left, refreshed or signed in for again when need be."""
        if self.tokens is None or self.tokens.refresh_expires_at < time.time():
            await self.sign_in(self._acr_values)
        elif self.tokens.access is None or self.tokens.access_expires_at < time.time() + _SPARE_SECONDS:
            await self._refresh_or_sign_in()
        if self.tokens is None or self.tokens.access is None:
            raise LoginRefused("no access token")
        return self.tokens.access

    async def graphql(
        self, document: str, variables: dict[str, Any] | None = None, **extra: Any
    ) -> dict[str, Any]:
        """POST a document; the whole answer {data, errors, …}. Raises ApiRefused on an HTTP error.

        A step-up challenge (RFC 9470) is followed once: the refused request has not run.
        """
        body = {"query": document, "variables": variables or {}, **extra}
        return await self._answered(lambda: self.raw(json=body))

    async def graphql_signed(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """As `graphql`, with a proof that signs the body too (mobile_contract/README.md)."""
        octets = json.dumps({"query": document, "variables": variables}, ensure_ascii=False).encode()
        return await self._answered(lambda: self._signed(octets))

    async def _signed(self, octets: bytes) -> httpx.Response:
        headers = await self.headers(digest=digest_of(octets))
        return await self.raw(content=octets, headers=[*headers, ("Content-Type", "application/json")])

    async def _answered(self, send: Callable[[], Awaitable[httpx.Response]]) -> dict[str, Any]:
        response = await send()
        if self._file is not None and 'error="invalid_token"' in response.headers.get("www-authenticate", ""):
            await self._begin_anew()
            response = await send()
        challenge = challenge_of(response)
        if challenge is not None:
            await self.sign_in(challenge.acr_values, challenge.max_age)
            response = await send()
        if response.is_error:
            raise ApiRefused(response)
        answer: dict[str, Any] = response.json()
        return answer

    async def raw(
        self,
        method: str = "POST",
        path: str = "/graphql",
        *,
        headers: list[tuple[str, str]] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """One request as it stands. `headers` replace all of the client's own, for tests that forge."""
        if headers is None:
            headers = await self.headers(method, path)
        return await self.http.request(method, self.endpoints.api_url + path, headers=headers, **request)

    async def headers(
        self, method: str = "POST", path: str = "/graphql", **changes: Any
    ) -> list[tuple[str, str]]:
        """Authorization, a fresh DPoP proof and the language. `changes` replace claims of the proof."""
        token = await self.access_token()
        proof = make_proof(self.key, method, self.endpoints.api_url + path, token, **changes)
        return [("Authorization", f"DPoP {token}"), ("DPoP", proof), ("Accept-Language", self.language)]

    def _sign_in(self) -> SignIn:
        redirect_uri = f"{self.endpoints.api_url}/app/callback"
        return SignIn(self.http, self.issuer, redirect_uri, self.key, self._codes, self.passkey)

    async def _refresh_or_sign_in(self) -> None:
        try:
            await self.refresh()
        except LoginRefused:
            # A remembered session may have been ended elsewhere; a live one must not revive itself silently.
            if self._file is None:
                raise
            await self._begin_anew()

    async def _begin_anew(self) -> None:
        """Sign in as on a new device: the remembered session was ended elsewhere.

        Keycloak, where it may live on, would hand it out again, so it ends there too (the contract says so).
        """
        with contextlib.suppress(LoginRefused, httpx.HTTPError):
            await self.sign_out()
        self.http.cookies.clear()
        self.key = self._device or ECKey.generate_key("P-256")
        await self.sign_in(self._acr_values)

    def _restore(self) -> None:
        if self._file is None or not self._file.exists():
            return
        kept = json.loads(self._file.read_text(encoding="utf-8"))
        if self._device is not None and ECKey.import_key(kept["key"]).thumbprint() != self.key.thumbprint():
            return
        if kept["issuer"] == self.issuer and kept["tokens"]["refresh_expires_at"] > time.time():
            self.key = ECKey.import_key(kept["key"])
            self.tokens = Tokens(**kept["tokens"])
            for cookie in kept.get("cookies", []):
                self.http.cookies.set(**cookie)

    def _remember(self) -> None:
        if self._file is None or self.tokens is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        kept = {
            "issuer": self.issuer,
            "key": self.key.as_dict(private=True),
            "tokens": asdict(self.tokens),
            # The browser's: without them a step-up would be a new session.
            "cookies": [
                {"name": each.name, "value": each.value or "", "domain": each.domain, "path": each.path}
                for each in self.http.cookies.jar
            ],
        }
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file)
        draft.replace(self._file)

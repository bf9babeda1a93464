"""The real sign-in, as an app's system browser performs it: PAR, PKCE, password, TOTP or passkey, tokens.

Pages are read by the names of their form fields, never by their words, so the language does not matter.
"""

import asyncio
import fcntl
import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pyotp
from joserfc import jwt
from joserfc.jwk import ECKey

from foundation.ids import b64u, unb64u

CLIENT_OF_REALM = {"ihanoi": "ihanoi-app", "hanoi-ioc": "ioc-ipad"}
AUDIENCES_OF_REALM = {"ihanoi": ("ioc-backend",), "hanoi-ioc": ("ioc-backend", "ioc-vault")}
_MOST_PAGES = 12
_TOTP_PERIOD = 30
_CHALLENGE = re.compile(r"""\bchallenge\s*:\s*["']([A-Za-z0-9_-]+)["']""")
_PASSWORD, _CODE, _PASSKEY = "password", "otp", "authenticatorData"


class LoginRefused(Exception):
    """Keycloak did not let the person in. The text says on which page, and with which error."""


@dataclass(frozen=True, slots=True)
class Person:
    """A demo person, as HOME/secrets/people.json keeps them."""

    name: str
    realm: str
    password: str
    totp_secret: str | None = None
    organisation: str | None = None

    @classmethod
    def from_home(cls, home: Path, name: str) -> "Person":
        """Raises KeyError when nobody has this name."""
        entry = json.loads((home / "secrets" / "people.json").read_text(encoding="utf-8"))[name]
        fields = ("realm", "password", "totp_secret", "organisation")
        return cls(name=name, **{key: entry[key] for key in fields})

    @property
    def client_id(self) -> str:
        """The public client of the realm's app."""
        return CLIENT_OF_REALM[self.realm]

    def scope(self, *audiences: str) -> str:
        """What the app asks for: identity, the one working organisation, and the audiences."""
        organisation = [f"organization:u-{self.organisation.lower()}"] if self.organisation else []
        return " ".join(["openid", *organisation, *(f"aud-{audience}" for audience in audiences)])


@dataclass(slots=True)
class Tokens:
    """What a session holds on the device. `access` is the token of one audience, None before narrowing."""

    refresh: str
    refresh_expires_at: float
    id_token: str
    access: str | None = None
    access_expires_at: float = 0.0


def make_proof(key: ECKey, method: str, url: str, token: str | None = None, **changes: Any) -> str:
    """A DPoP proof (RFC 9449, 4.2). `changes` replace claims, for tests that forge."""
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url,
        "iat": int(time.time()),
    }
    if token is not None:
        claims["ath"] = b64u(hashlib.sha256(token.encode("ascii")).digest())
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, {**claims, **changes}, key, algorithms=["ES256"], default_type=None)


class Passkey(Protocol):
    """A passkey that a person holds: an authenticator with user verification."""

    def assertion(self, challenge: str, origin: str) -> dict[str, str]:
        """The fields of Keycloak's form for this challenge (base64url), asked for by a page of `origin`."""
        ...


@dataclass(slots=True)
class Form:
    """A form of a page, with its inputs."""

    action: str
    values: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """The forms of a page with their inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", "")))
            self._open = True
        elif tag == "input" and self._open and "name" in attributes:
            unchecked = attributes.get("type") in {"radio", "checkbox"} and "checked" not in attributes
            if not unchecked:
                self.forms[-1].values[attributes["name"]] = attributes.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


class _Notice(HTMLParser):
    """What a page of Keycloak's theme says is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        identifier, classes = attributes.get("id", ""), attributes.get("class", "")
        self._open = identifier.startswith("input-error") or "kc-feedback-text" in classes

    def handle_endtag(self, tag: str) -> None:
        self._open = False

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.words.append(data.strip())


def notice_on(page: str) -> str:
    """The page's own words about what is wrong, empty when it has none."""
    parser = _Notice()
    parser.feed(page)
    return " ".join(parser.words)


def form_with(page: str, names: set[str]) -> Form | None:
    """The first form of a page with one of these inputs."""
    parser = _Forms()
    parser.feed(page)
    return next((form for form in parser.forms if names & form.values.keys()), None)


class TotpCodes:
    """Codes of t, t-30 and t+30, each once: Keycloak refuses a second use. A file shares what is used."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def next(self, person: Person) -> str:
        """An unused code, waiting up to half a minute when all three are used up."""
        if person.totp_secret is None:
            raise LoginRefused(f"{person.name} has no TOTP secret, but Keycloak asks for a code")
        while True:
            step = self._take(person.name, int(time.time()) // _TOTP_PERIOD)
            if step is not None:
                return pyotp.TOTP(person.totp_secret).at(step * _TOTP_PERIOD)
            await asyncio.sleep(_TOTP_PERIOD - time.time() % _TOTP_PERIOD + 0.1)

    def _take(self, name: str, now: int) -> int | None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            used: dict[str, list[int]] = json.loads(file.read() or "{}")
            mine = [step for step in used.get(name, []) if step >= now - 2]
            free = next((step for step in (now, now - 1, now + 1) if step not in mine), None)
            if free is not None:
                used[name] = [*mine, free]
                file.seek(0)
                file.truncate()
                json.dump(used, file)
            return free


@dataclass(slots=True)
class SignIn:
    """One person's way through Keycloak. `browser` keeps the cookies, so a step-up is one page only."""

    browser: httpx.AsyncClient
    issuer: str
    redirect_uri: str
    key: ECKey
    codes: TotpCodes
    passkey: Passkey | None = None

    @property
    def _endpoints(self) -> str:
        return f"{self.issuer}/protocol/openid-connect"

    async def tokens(self, person: Person, **asked: str) -> Tokens:
        """Sign in and return tokens whose first access token is discarded unsent. Raises LoginRefused.

        `asked` joins the request: `acr_values` and `max_age` step up within the browser's session (RFC 9470).
        """
        verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        request_uri = await self._push(person, verifier, state, nonce, asked)
        answer = await self._browse(person, request_uri)
        if answer.get("iss") != self.issuer or answer.get("state") != state:
            raise LoginRefused("the answer is not from this issuer or not to this request")
        if "code" not in answer:
            raise LoginRefused(f"{answer.get('error')}: {answer.get('error_description')}")
        body = await self.post_token(
            person,
            grant_type="authorization_code",
            code=answer["code"],
            redirect_uri=self.redirect_uri,
            code_verifier=verifier,
        )
        if payload_of(body["id_token"]).get("nonce") != nonce:
            raise LoginRefused("the id token is not for this sign-in")
        return tokens_of(body)

    async def narrowed(self, person: Person, held: Tokens, audience: str) -> Tokens:
        """Refresh to an access token of exactly one audience."""
        body = await self.post_token(
            person, grant_type="refresh_token", refresh_token=held.refresh, scope=person.scope(audience)
        )
        if payload_of(body["access_token"]).get("aud") != audience:
            raise LoginRefused(f"the access token is not for {audience} alone")
        tokens = tokens_of({"id_token": held.id_token, **body})
        tokens.access = body["access_token"]
        return tokens

    async def post_token(self, person: Person, **form: str) -> dict[str, Any]:
        """The token endpoint with a proof of this device's key."""
        url = f"{self._endpoints}/token"
        response = await self.browser.post(
            url,
            data={"client_id": person.client_id, **form},
            headers={"DPoP": make_proof(self.key, "POST", url)},
        )
        return _json_of(response)

    async def sign_out(self, id_token: str, after_url: str) -> None:
        """RP-initiated logout: the session ends at Keycloak."""
        response = await self.browser.get(
            f"{self._endpoints}/logout",
            params={"id_token_hint": id_token, "post_logout_redirect_uri": after_url},
        )
        if response.status_code != httpx.codes.FOUND:
            raise LoginRefused(f"sign-out answered {response.status_code}")

    async def _push(
        self, person: Person, verifier: str, state: str, nonce: str, asked: Mapping[str, str]
    ) -> str:
        form = {
            "response_type": "code",
            "client_id": person.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": person.scope(*AUDIENCES_OF_REALM[person.realm]),
            "state": state,
            "nonce": nonce,
            "code_challenge": b64u(hashlib.sha256(verifier.encode("ascii")).digest()),
            "code_challenge_method": "S256",
            "dpop_jkt": self.key.thumbprint(),
            **asked,
        }
        pushed = _json_of(await self.browser.post(f"{self._endpoints}/ext/par/request", data=form))
        return str(pushed["request_uri"])

    async def _browse(self, person: Person, request_uri: str) -> dict[str, str]:
        """Follow pages until Keycloak sends the browser back to the app; the answer's parameters."""
        response = await self.browser.get(
            f"{self._endpoints}/auth", params={"client_id": person.client_id, "request_uri": request_uri}
        )
        password_given = False
        for _ in range(_MOST_PAGES):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if target.startswith(self.redirect_uri + "?"):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                response = await self.browser.get(target)
                continue
            form = form_with(response.text, self.fields())
            if form is None or (_PASSWORD in form.values and password_given):
                said = notice_on(response.text) or f"stopped at a page with status {response.status_code}"
                raise LoginRefused(said)
            password_given = password_given or _PASSWORD in form.values
            filled = {**form.values, **await self.answers(person, form, response.text)}
            response = await self.browser.post(urljoin(str(response.url), form.action), data=filled)
        raise LoginRefused("too many pages")

    def fields(self) -> set[str]:
        """Names of fields by which a page that can be answered is known."""
        return {_PASSWORD, _CODE, *([_PASSKEY] if self.passkey else [])}

    async def answers(self, person: Person, form: Form, page: str) -> dict[str, str]:
        """What the person enters on a page."""
        if _PASSWORD in form.values:
            return {"username": person.name, _PASSWORD: person.password}
        if _CODE in form.values or self.passkey is None:
            return {_CODE: await self.codes.next(person)}
        return self.passkey.assertion(challenge_of(page), origin_of(self.issuer))


def tokens_of(body: Mapping[str, Any]) -> Tokens:
    """The token endpoint's answer, the access token left out."""
    now = time.time()
    return Tokens(
        refresh=body["refresh_token"],
        refresh_expires_at=now + body["refresh_expires_in"],
        id_token=body["id_token"],
        access_expires_at=now + body["expires_in"],
    )


def challenge_of(page: str) -> str:
    """The challenge that a WebAuthn page's script hands to the authenticator. Raises LoginRefused."""
    match = _CHALLENGE.search(page)
    if match is None:
        raise LoginRefused("the page has no challenge")
    return match[1]


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def payload_of(token: str) -> dict[str, Any]:
    """A token's payload as its own client may read it: it came over TLS from the issuer."""
    payload: dict[str, Any] = json.loads(unb64u(token.split(".")[1]))
    return payload


def _json_of(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    if response.is_error:
        raise LoginRefused(f"{response.status_code} {body.get('error')}: {body.get('error_description')}")
    return body

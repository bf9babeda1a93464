"""Keycloak's administrator for tests: people of a test's own, and the ends that an administrator can make."""

import asyncio
import base64
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx

from cli.client import IocClient, Person
from cli.login import CLIENT_OF_REALM, make_proof
from foundation.identity.principal import VerifiedSession
from services.seed import load_people
from stack.realms import OTP_PARAMETERS, alias_of
from tests.backend.world import connect
from tests.conftest import RunningStack
from tests.identity.software_passkey import SoftwarePasskey
from tests.identity.test_revocation import pool_of

_PATIENCE_SECONDS = 40


async def until(ask: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Ask until the answer is `wanted`; fail with the last answer when it does not come."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    answer = await ask()
    while answer != wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.25)
        answer = await ask()
    assert answer == wanted


@dataclass(frozen=True)
class TestPerson(Person):
    """A person whom a test made; `id` is the subject of the tokens."""

    __test__ = False
    id: str = ""


class Administration:
    """Keycloak's administrator."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._http = httpx.AsyncClient(
            base_url=stack.endpoints.keycloak_url,
            verify=ssl.create_default_context(cafile=str(stack.endpoints.ca_file)),
            timeout=30,
        )

    async def __aenter__(self) -> Self:
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": "admin",
            "password": (self._stack.home / "secrets" / "keycloak-admin").read_text().strip(),
        }
        response = await self._http.post("/realms/master/protocol/openid-connect/token", data=form)
        response.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    def client(self, person: Person, **options: Any) -> IocClient:
        return IocClient(self._stack.home, person, self._stack.endpoints, **options)

    async def new_person(self, realm: str, organisation: str | None = None) -> TestPerson:
        """Somebody with a password and a TOTP secret, a member of the unit's organisation if one is named."""
        name, password = f"test-{secrets.token_hex(6)}", secrets.token_urlsafe(15)
        totp = base64.b32encode(secrets.token_bytes(20)).decode()
        user: dict[str, Any] = {
            "username": name,
            "enabled": True,
            "firstName": "Thử",
            "lastName": "Nguyễn",
            "attributes": {"phone": ["+84912345678"]} if realm == "ihanoi" else {},
            "credentials": [
                {"type": "password", "value": password, "temporary": False},
                {
                    "type": "otp",
                    "secretData": json.dumps({"value": totp}),
                    "credentialData": json.dumps(OTP_PARAMETERS),
                },
            ],
        }
        created = await self._call("POST", f"/admin/realms/{realm}/users", json=user)
        subject = created.headers["location"].rpartition("/")[2]
        if organisation:
            members = f"/admin/realms/{realm}/organizations/{await self._organisation(organisation)}/members"
            await self._call("POST", members, content=subject, headers={"Content-Type": "application/json"})
        return TestPerson(name, realm, password, totp, organisation, id=subject)

    def employ(self, person: TestPerson) -> None:
        """Tenancy knows the official, who handles reports where his organisation is."""
        duty = {"kind": "handler", "unit": person.organisation}
        official = {"id": person.id, "family_name": "Nguyễn", "given_name": "Thử", "duties": [duty]}
        issuer = f"{self._stack.endpoints.keycloak_url}/realms/{person.realm}"
        with connect(self._stack.database("backend_migrator")) as connection:
            connection.execute("SET ROLE backend_owner")
            load_people(connection, {"officials": [official]}, issuer)

    async def update_person(self, person: Person, **changes: Any) -> None:
        await self._call("PUT", self._path(person), json=changes)

    async def store_passkey(self, person: Person, passkey: SoftwarePasskey) -> None:
        """What is done after an enrolment in person: the administrator stores the public key."""
        await self.update_person(person, credentials=[passkey.as_stored()])

    async def get(self, path: str) -> Any:
        """What stands at a path below /admin/realms."""
        return (await self._call("GET", f"/admin/realms/{path}")).json()

    async def credential_types(self, person: Person) -> list[str]:
        """What a person may sign in with."""
        found = await self._call("GET", f"{self._path(person)}/credentials")
        return sorted(each["type"] for each in found.json())

    async def make_realm(self, realm: dict[str, Any]) -> None:
        await self._call("POST", "/admin/realms", json=realm)

    async def remove_realm(self, name: str) -> None:
        await self._call("DELETE", f"/admin/realms/{name}")

    async def revoke(self, client: IocClient, token: str) -> None:
        """Revoke a token at Keycloak, as whoever found it may (RFC 7009)."""
        form = {"client_id": client.person.client_id, "token": token}
        await self._call("POST", f"{_protocol(client)}/revoke", data=form)

    @asynccontextmanager
    async def short_tokens(self, realm: str, seconds: int) -> AsyncIterator[None]:
        """Access tokens of the realm's app live this long, for sign-ins within."""
        path = f"/admin/realms/{realm}/clients"
        found = await self._call("GET", f"{path}?clientId={CLIENT_OF_REALM[realm]}")
        (app,) = found.json()
        attributes = {**app["attributes"], "access.token.lifespan": str(seconds)}
        await self._call("PUT", f"{path}/{app['id']}", json={**app, "attributes": attributes})
        try:
            yield
        finally:
            await self._call("PUT", f"{path}/{app['id']}", json=app)

    async def delete_person(self, person: Person) -> None:
        await self._call("DELETE", self._path(person))

    async def reset_password(self, person: Person) -> None:
        new = {"type": "password", "value": secrets.token_urlsafe(15), "temporary": False}
        await self._call("PUT", f"{self._path(person)}/reset-password", json=new)

    async def remove_session(self, realm: str, sid: str) -> None:
        await self._call("DELETE", f"/admin/realms/{realm}/sessions/{sid}")

    async def new_member(self, realm: str, username: str, groups: tuple[str, ...]) -> str:
        """Somebody with a password, in these groups alone ("a/b": made when there is none); the id."""
        credential = {"type": "password", "value": secrets.token_urlsafe(15), "temporary": False}
        user = {
            "username": username,
            "email": f"{username}@ioc.hanoi.example",
            "firstName": "Thử",
            "lastName": "Nguyễn",
            "enabled": True,
            "credentials": [credential],
        }
        created = await self._call("POST", f"/admin/realms/{realm}/users", json=user)
        subject = created.headers["location"].rpartition("/")[2]
        for each in await self.get(f"{realm}/users/{subject}/groups"):
            await self._call("DELETE", f"/admin/realms/{realm}/users/{subject}/groups/{each['id']}")
        for name in groups:
            group = await self._group(realm, name)
            await self._call("PUT", f"/admin/realms/{realm}/users/{subject}/groups/{group}")
        return str(subject)

    async def _group(self, realm: str, name: str) -> str:
        parent, _, child = name.partition("/")
        (found,) = await self.get(f"{realm}/groups?search={parent}&exact=true")
        if not child:
            return str(found["id"])
        children = await self.get(f"{realm}/groups/{found['id']}/children")
        if not any(each["name"] == child for each in children):
            await self._call(
                "POST", f"/admin/realms/{realm}/groups/{found['id']}/children", json={"name": child}
            )
            children = await self.get(f"{realm}/groups/{found['id']}/children")
        return str(next(each["id"] for each in children if each["name"] == child))

    async def join(self, realm: str, subject: str, unit: str) -> None:
        """One more organisation for somebody."""
        members = f"/admin/realms/{realm}/organizations/{await self._organisation(unit)}/members"
        await self._call("POST", members, content=subject, headers={"Content-Type": "application/json"})

    async def leave_organisation(self, person: Person) -> None:
        assert isinstance(person, TestPerson)
        assert person.organisation is not None
        organisation = await self._organisation(person.organisation)
        path = f"/admin/realms/{person.realm}/organizations/{organisation}/members/{person.id}"
        await self._call("DELETE", path)

    async def until_end_is_noted(self, session: VerifiedSession) -> None:
        """Wait until the directory has noted an end of this person."""
        pool: asyncpg.Pool = await pool_of(self._stack.database("backend_superuser"))
        query = "SELECT EXISTS (SELECT FROM identity.session_end WHERE iss = $1 AND sub = $2)"
        try:
            await until(lambda: pool.fetchval(query, session.iss, session.sub), True)
        finally:
            await pool.close()

    async def wide_token(self, client: IocClient) -> str:
        """An access token of all the audiences of the sign-in, which no app may send."""
        body = await self._refresh(client, scope=client.person.scope("ioc-backend", "ioc-vault"))
        return str(body.json()["access_token"])

    async def refresh_without_proof(self, client: IocClient) -> httpx.Response:
        return await self._refresh(client, proof=False)

    async def push(self, client: IocClient, **changes: str | None) -> httpx.Response:
        """A pushed authorization request; a change to None leaves the field out."""
        form = {
            "response_type": "code",
            "client_id": client.person.client_id,
            "redirect_uri": f"{client.endpoints.api_url}/app/callback",
            "scope": "openid",
            "code_challenge": "A" * 43,
            "code_challenge_method": "S256",
            **changes,
        }
        sent = {name: value for name, value in form.items() if value is not None}
        return await self._http.post(f"{_protocol(client)}/ext/par/request", data=sent)

    async def open_sign_in_page(self, client: IocClient) -> dict[str, str]:
        """What an app is told that opens the sign-in page without pushing its request first."""
        response = await self._http.get(
            f"{_protocol(client)}/auth",
            params={
                "response_type": "code",
                "client_id": client.person.client_id,
                "redirect_uri": f"{client.endpoints.api_url}/app/callback",
                "scope": "openid",
            },
        )
        query = parse_qs(urlsplit(response.headers["location"]).query)
        return {name: values[0] for name, values in query.items()}

    async def _refresh(self, client: IocClient, proof: bool = True, **form: str) -> httpx.Response:
        assert client.tokens is not None
        url = f"{client.issuer}/protocol/openid-connect/token"
        whole = {
            "grant_type": "refresh_token",
            "client_id": client.person.client_id,
            "refresh_token": client.tokens.refresh,
            **form,
        }
        headers = {"DPoP": make_proof(client.key, "POST", url)} if proof else {}
        return await client.http.post(url, data=whole, headers=headers)

    async def _organisation(self, unit: str) -> str:
        found = await self._call("GET", "/admin/realms/hanoi-ioc/organizations?max=500")
        return next(str(each["id"]) for each in found.json() if each["alias"] == alias_of(unit))

    async def _call(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = await self._http.request(method, path, **request)
        response.raise_for_status()
        return response

    @staticmethod
    def _path(person: Person) -> str:
        assert isinstance(person, TestPerson)
        return f"/admin/realms/{person.realm}/users/{person.id}"


def _protocol(client: IocClient) -> str:
    return f"/realms/{client.person.realm}/protocol/openid-connect"

"""Administration of one realm by python-keycloak's asynchronous calls, in the words of the directory.

Faults are told apart here: `Delayed` is tried again, a `Refused` is for good. Traps that this avoids: an
update with attributes alone wipes name and address, so what is there is read and written back; a credential
that was deleted ends no session, so a logout follows.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakConnectionError, KeycloakError

from directory.errors import Delayed, Invalid, Protected, Refused, Taken, UnknownTarget
from foundation.identity.client_token import ClientToken

SECONDS = 15
CODE = "unit_code"
OFFICIAL = "ioc_official"
"""The account's official, by code: who made an account is known even when the answer was lost."""
FACTORS = frozenset(
    {"password", "otp", "webauthn", "webauthn-passwordless", "recovery-authn-codes", "password-history"}
)
"""Credentials that a reset takes away. The password too: whoever stole it would enrol a second factor."""
FRESH_START = ("UPDATE_PASSWORD", "CONFIGURE_TOTP")
_REFUSALS: Mapping[int, type[Refused]] = {400: Invalid, 403: Protected, 404: UnknownTarget, 409: Taken}

User = dict[str, Any]


@asynccontextmanager
async def faults_told_apart() -> AsyncIterator[None]:
    """Raise Delayed for what heals and a Refused for what does not."""
    try:
        yield
    except KeycloakConnectionError as error:
        raise Delayed("keycloak_away") from error
    except KeycloakError as error:
        refusal = _REFUSALS.get(error.response_code or 0)
        if refusal is None:
            raise Delayed("keycloak_failed") from error
        raise refusal from error
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        raise Delayed("keycloak_away") from error
    except (KeyError, ValueError, TypeError) as error:
        raise Delayed("keycloak_nonsense") from error


class _Connection(KeycloakOpenIDConnection):
    """Signs in by private_key_jwt, which python-keycloak does not know, over our own TLS client."""

    def __init__(self, server_url: str, realm: str, token: ClientToken, http: httpx.AsyncClient) -> None:
        super().__init__(server_url=server_url, realm_name=realm, timeout=SECONDS)
        self._client_token = token
        self.async_s = http

    async def a_get_token(self) -> None:
        self._client_token.forget()
        await self._bear()

    async def a_refresh_token(self) -> None:
        await self.a_get_token()

    async def a__refresh_if_required(self) -> None:
        await self._bear()

    async def _bear(self) -> None:
        self.headers = {
            "Authorization": f"Bearer {await self._client_token.get()}",
            "Content-Type": "application/json",
        }


class Realm:
    """One realm as one client may administer it. Raises Delayed and Refused."""

    def __init__(self, keycloak_url: str, realm: str, token: ClientToken, http: httpx.AsyncClient) -> None:
        self.issuer = f"{keycloak_url}/realms/{realm}"
        self._admin_path = f"admin/realms/{realm}"
        self._connection = _Connection(f"{keycloak_url}/", realm, token, http)
        self._admin = KeycloakAdmin(connection=self._connection)

    async def user(self, user_id: str) -> User:
        """The account."""
        user: User = await _read(self._admin.a_get_user(user_id))
        return user

    async def user_by_name(self, username: str) -> User | None:
        """The account with exactly this user name; None also for those this client may not see."""
        found = await _read(self._admin.a_get_users({"username": username, "exact": "true"}))
        return found[0] if found else None

    async def create_user(self, account: User) -> str:
        """Make an account; its id."""
        return str(await _read(self._admin.a_create_user(account)))

    async def change_user(self, user_id: str, **changes: Any) -> None:
        """Change members that can be changed by themselves: `enabled`, `requiredActions`."""
        await _read(self._admin.a_update_user(user_id, changes))

    async def set_attributes(self, user_id: str, **attributes: list[str]) -> None:
        """Set attributes and leave everything else as it is."""
        user = await self.user(user_id)
        user["attributes"] = {**user.get("attributes", {}), **attributes}
        await _read(self._admin.a_update_user(user_id, user))

    async def delete_user(self, user_id: str) -> None:
        """Delete the account; none there is as well."""
        try:
            await _read(self._admin.a_delete_user(user_id))
        except UnknownTarget:
            return

    async def log_out(self, user_id: str) -> None:
        """End all sessions of a person."""
        await _read(self._admin.a_user_logout(user_id))

    async def sessions(self, user_id: str) -> list[str]:
        """The ids of a person's sessions."""
        return [str(session["id"]) for session in await _read(self._admin.a_get_sessions(user_id))]

    async def end_session(self, sid: str) -> None:
        """End one session; none there is as well."""
        async with faults_told_apart():
            response = await self._connection.a_raw_delete(f"{self._admin_path}/sessions/{sid}")
        if response.status_code == httpx.codes.FORBIDDEN:
            raise Protected
        if not (response.is_success or response.status_code == httpx.codes.NOT_FOUND):
            raise Delayed("keycloak_failed")

    async def take_factors(self, user_id: str) -> int:
        """Delete every credential; how many."""
        taken = 0
        for credential in await _read(self._admin.a_get_credentials(user_id)):
            if credential["type"] in FACTORS:
                await _read(self._admin.a_delete_credential(user_id, credential["id"]))
                taken += 1
        return taken

    async def set_password(self, user_id: str, password: str) -> None:
        """A password that its owner must replace at the first sign-in."""
        await _read(self._admin.a_set_user_password(user_id, password, temporary=True))

    async def send_actions(self, user_id: str, client_id: str, redirect_uri: str, seconds: int) -> None:
        """A letter with a link that sets a password and a second factor, good for `seconds`."""
        await _read(
            self._admin.a_send_update_account(
                user_id,
                list(FRESH_START),
                client_id=client_id,
                lifespan=seconds,
                redirect_uri=redirect_uri,
            )
        )

    async def organisation(self, code: str) -> dict[str, Any] | None:
        """The organisation of a unit."""
        query = {"q": f"{CODE}:{code}", "briefRepresentation": "false"}
        found = await _read(self._admin.a_get_organizations(query))
        return next((each for each in found if each.get("alias") == alias_of(code)), None)

    async def put_organisation(self, code: str, name: str, enabled: bool) -> None:
        """Let the unit's organisation have this name; made when there is none."""
        wanted = {"name": name, "alias": alias_of(code), "enabled": enabled, "attributes": {CODE: [code]}}
        found = await self.organisation(code)
        if found is None:
            await _read(self._admin.a_create_organization(wanted))
        elif any(found.get(member) != value for member, value in wanted.items()):
            await _read(self._admin.a_update_organization(found["id"], {**found, **wanted}))

    async def units_of(self, user_id: str) -> dict[str, str]:
        """The organisations of a person: unit code and Keycloak's id, by alias for what is no unit's."""
        found = await _read(self._admin.a_get_user_organizations(user_id))
        return {str(each["alias"]).removeprefix("u-").upper(): str(each["id"]) for each in found}

    async def leave(self, user_id: str, organisation_id: str) -> None:
        """Take a person out of an organisation."""
        await _read(self._admin.a_organization_user_remove(user_id, organisation_id))

    async def join(self, user_id: str, organisation_id: str) -> None:
        """Make a person a member of an organisation."""
        await _read(self._admin.a_organization_user_add(user_id, organisation_id))


class ClearedRealm:
    """What may be done to cleared people: disabling, and ending sessions. Nothing else, on purpose.

    Keycloak has no right that disables and does not reset, so that this class is the wall: the client's key
    alone could do more to members of `cleared` (docs/decisions/0025-directory-queue.md).
    """

    def __init__(self, realm: Realm) -> None:
        self._realm = realm

    async def is_enabled(self, user_id: str) -> bool:
        """Whether the account can sign in."""
        return (await self._realm.user(user_id)).get("enabled") is True

    async def disable(self, user_id: str) -> None:
        """Disable and sign out."""
        await self._realm.change_user(user_id, enabled=False)
        await self._realm.log_out(user_id)

    async def log_out(self, user_id: str) -> None:
        """End all sessions."""
        await self._realm.log_out(user_id)


def alias_of(unit_code: str) -> str:
    """The alias of a unit's organisation (formats.md, public identifiers)."""
    return f"u-{unit_code.lower()}"


async def _read(call: Awaitable[Any]) -> Any:
    async with faults_told_apart():
        return await call

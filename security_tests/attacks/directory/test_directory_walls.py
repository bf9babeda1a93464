"""What Keycloak itself keeps from the directory's clients, and what our code keeps."""

import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from cli.client import IocClient
from directory.keycloak_admin import ClearedRealm
from foundation.clock import SystemClock
from foundation.directory_queue import Operation
from foundation.identity.authenticator import keycloak_http
from foundation.settings import DirectorySettings, KeycloakClientSettings, load
from security_tests.attacks.directory.test_directory_askings import reset_words
from security_tests.attacks.directory.thief import Thief
from services.directory import client_token
from tests.conftest import RunningStack
from tests.directory.rig import HOAN_KIEM, SOC_SON, Official, said_by, step_of
from tests.identity.administration import Administration

REALM = "hanoi-ioc"
PROTECTED = "directory.protected"
Call = Callable[..., Awaitable[int]]


@pytest.fixture(scope="session")
async def settings(running_stack: RunningStack) -> DirectorySettings:
    return load(running_stack.home / "settings" / "directory.toml", DirectorySettings)


async def caller(
    settings: DirectorySettings, client: KeycloakClientSettings
) -> tuple[httpx.AsyncClient, Call]:
    """Calls Keycloak's administration with the key of a client: the status."""
    http = keycloak_http(settings.keycloak_ca_file, 20.0)
    token = await client_token(settings, REALM, client, http, SystemClock()).get()

    async def call(method: str, path: str, **request: Any) -> int:
        url = f"{settings.keycloak_url}/admin/realms/{REALM}/{path}"
        answer = await http.request(method, url, headers={"Authorization": f"Bearer {token}"}, **request)
        return answer.status_code

    return http, call


@pytest.fixture(scope="session")
async def directory_key(settings: DirectorySettings) -> AsyncIterator[Call]:
    """Whoever stole the key of `ioc-directory`."""
    assert settings.administration is not None
    http, call = await caller(settings, settings.administration.client)
    yield call
    await http.aclose()


@pytest.fixture(scope="session")
async def cleared_key(settings: DirectorySettings) -> AsyncIterator[Call]:
    """Whoever stole the key of `ioc-directory-cleared`."""
    assert settings.administration is not None
    http, call = await caller(settings, settings.administration.cleared_client)
    yield call
    await http.aclose()


class Person:
    """An official with an account."""

    def __init__(self, official: Official, subject: str) -> None:
        self.official = official
        self.subject = subject


async def person(thief: Thief, running_stack: RunningStack, *groups: str) -> Person:
    """Somebody with a password, in these groups alone."""
    official = thief.official(HOAN_KIEM, "invited")
    async with Administration(running_stack) as keycloak:
        subject = await keycloak.new_member(REALM, official.username, groups)
    thief.rows(
        "UPDATE tenancy.official SET subject = %(subject)s, state = 'active' WHERE code = %(code)s",
        subject=subject,
        code=official.code,
    )
    return Person(official, subject)


@pytest.fixture(scope="session")
async def plain(thief: Thief, running_stack: RunningStack) -> Person:
    """An official like most."""
    return await person(thief, running_stack, "officials")


@pytest.fixture
async def cleared(thief: Thief, running_stack: RunningStack) -> Person:
    """A cleared official."""
    return await person(thief, running_stack, "cleared")


NEW_PASSWORD = {
    "type": "password",
    "value": base64.b32encode(secrets.token_bytes(20)).decode(),
    "temporary": False,
}
TOUCHES: list[tuple[str, str, Any]] = [
    ("GET", "users/{}", None),
    ("PUT", "users/{}", {"enabled": True}),
    ("PUT", "users/{}", {"requiredActions": ["CONFIGURE_TOTP"]}),
    ("PUT", "users/{}/reset-password", NEW_PASSWORD),
    ("GET", "users/{}/credentials", None),
    ("POST", "users/{}/logout", None),
    ("GET", "users/{}/sessions", None),
    ("DELETE", "users/{}", None),
]
NAMES = [f"{method} {path.format('x')} {sorted(body or {})}" for method, path, body in TOUCHES]


@pytest.mark.parametrize(("method", "path", "body"), TOUCHES, ids=NAMES)
async def test_directory_key_can_not_touch_a_cleared_person(
    directory_key: Call, cleared: Person, method: str, path: str, body: Any
) -> None:
    assert await directory_key(method, path.format(cleared.subject), json=body) == 403


@pytest.mark.parametrize("groups", [("cleared", "officials"), ("cleared/leaders",)], ids=["both", "subgroup"])
async def test_directory_key_can_not_touch_whoever_is_also_cleared(
    directory_key: Call, thief: Thief, running_stack: RunningStack, groups: tuple[str, ...]
) -> None:
    somebody = await person(thief, running_stack, *groups)
    path = f"users/{somebody.subject}/reset-password"
    assert await directory_key("PUT", path, json=NEW_PASSWORD) == 403


@pytest.mark.parametrize(("method", "path", "body"), TOUCHES, ids=NAMES)
async def test_key_of_the_cleared_can_not_touch_anybody_else(
    cleared_key: Call, plain: Person, method: str, path: str, body: Any
) -> None:
    assert await cleared_key(method, path.format(plain.subject), json=body) == 403


@pytest.mark.parametrize("client", ["ioc-directory", "ioc-directory-cleared", "ioc-directory-events"])
async def test_neither_key_can_touch_the_accounts_of_machines(
    directory_key: Call, cleared_key: Call, keycloak: Administration, client: str
) -> None:
    (machine,) = await keycloak.get(f"{REALM}/users?username=service-account-{client}&exact=true")
    path, change = f"users/{machine['id']}", {"enabled": False}
    assert (await directory_key("PUT", path, json=change), await cleared_key("PUT", path, json=change)) == (
        403,
        403,
    )


@pytest.mark.parametrize("group", ["cleared", "machines", "officials"])
async def test_neither_key_can_move_somebody_between_groups(
    directory_key: Call, cleared_key: Call, keycloak: Administration, plain: Person, group: str
) -> None:
    found = await keycloak.get(f"{REALM}/groups?search={group}&exact=true")
    path = f"users/{plain.subject}/groups/{found[0]['id']}"
    assert (await directory_key("PUT", path), await cleared_key("PUT", path)) == (403, 403)
    assert (await directory_key("DELETE", path), await cleared_key("DELETE", path)) == (403, 403)


@pytest.mark.parametrize("path", ["clients", "roles", "events", "admin-events", "groups", "components"])
async def test_neither_key_can_read_the_realm(directory_key: Call, cleared_key: Call, path: str) -> None:
    assert (await directory_key("GET", path), await cleared_key("GET", path)) == (403, 403)


async def test_directory_key_can_not_give_a_role(
    directory_key: Call, keycloak: Administration, plain: Person
) -> None:
    (realm_management,) = await keycloak.get(f"{REALM}/clients?clientId=realm-management")
    roles = await keycloak.get(f"{REALM}/clients/{realm_management['id']}/roles")
    admin = [role for role in roles if role["name"] == "realm-admin"]
    path = f"users/{plain.subject}/role-mappings/clients/{realm_management['id']}"
    assert await directory_key("POST", path, json=admin) == 403


async def test_key_of_the_cleared_sees_no_organisation(cleared_key: Call) -> None:
    assert await cleared_key("GET", "organizations") == 403


async def test_credentials_of_the_cleared_are_reset_by_no_program(
    thief: Thief, yen: IocClient, nga: IocClient, cleared: Person, keycloak: Administration
) -> None:
    code = cleared.official.code
    words = await reset_words(yen, nga, code)
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, *words) == PROTECTED
    path = f"{REALM}/users/{cleared.subject}/credentials"
    assert [each["type"] for each in await keycloak.get(path)] == ["password"]


async def test_cleared_person_is_disabled_by_the_second_client(
    thief: Thief, yen: IocClient, cleared: Person, keycloak: Administration
) -> None:
    thief.put(cleared.official, "suspended")
    asking = await said_by(yen, "SuspendOfficial", step_of(cleared.official))
    ended = await thief.done(Operation.OFFICIAL_DISABLE, cleared.official.code, {}, asking)
    assert ended.result == {"account": True, "cleared": True}
    assert (await keycloak.get(f"{REALM}/users/{cleared.subject}"))["enabled"] is False


async def test_cleared_person_is_enabled_by_no_program(thief: Thief, yen: IocClient, cleared: Person) -> None:
    asking = await said_by(yen, "ReinstateOfficial", step_of(cleared.official))
    assert await thief.refused(Operation.OFFICIAL_ENABLE, cleared.official.code, {}, asking) == PROTECTED


async def test_cleared_person_is_moved_by_no_program(thief: Thief, nga: IocClient, cleared: Person) -> None:
    thief.put(cleared.official, unit=SOC_SON)
    given = {**step_of(cleared.official), "toUnit": SOC_SON, "duties": []}
    asking = await said_by(nga, "TransferOfficial", given)
    refusal = await thief.refused(Operation.OFFICIAL_MOVE, cleared.official.code, {"toUnit": SOC_SON}, asking)
    assert refusal == PROTECTED


def test_our_code_can_only_disable_and_sign_out_the_cleared() -> None:
    # Keycloak has no right that disables and does not reset: this class is the wall.
    words = {name for name in vars(ClearedRealm) if not name.startswith("_")}
    assert words == {"is_enabled", "disable", "log_out"}


async def test_new_accounts_are_of_officials_and_of_no_other_group(
    directory_key: Call, keycloak: Administration
) -> None:
    name = f"neu.{secrets.token_hex(4)}"
    assert await directory_key("POST", "users", json={"username": name, "groups": ["/cleared"]}) == 500
    assert await directory_key("POST", "users", json={"username": name}) == 201
    (made,) = await keycloak.get(f"{REALM}/users?username={name}&exact=true")
    groups = await keycloak.get(f"{REALM}/users/{made['id']}/groups")
    assert [each["name"] for each in groups] == ["officials"]

"""aal3 is a passkey with user verification; nobody gives himself one. At the real Keycloak's own pages."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cli.client import IocClient, LoginRefused
from cli.login import AUDIENCES_OF_REALM, CLIENT_OF_REALM, TotpCodes, payload_of
from tests.conftest import RunningStack
from tests.identity.administration import Administration, TestPerson
from tests.identity.enrolment import Enrolment
from tests.identity.software_passkey import SoftwarePasskey

WEAK = "without-guards"


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    async with Administration(running_stack) as administration:
        yield administration


@pytest.fixture
def codes(running_stack: RunningStack) -> TotpCodes:
    return TotpCodes(running_stack.home / "run" / "totp-used.json")


@pytest.fixture
async def person(keycloak: Administration) -> TestPerson:
    person = await keycloak.new_person("hanoi-ioc", "00070")
    keycloak.employ(person)
    return person


@pytest.fixture
async def official(keycloak: Administration, person: TestPerson) -> AsyncIterator[IocClient]:
    """At aal2, by password and code."""
    async with keycloak.client(person) as client:
        yield client


@pytest.fixture
async def weak(running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Administration]:
    """A realm like the officials', with the guards against self-promotion taken out."""
    monkeypatch.setitem(CLIENT_OF_REALM, WEAK, "ioc-ipad")
    monkeypatch.setitem(AUDIENCES_OF_REALM, WEAK, ("ioc-backend",))
    file = running_stack.home / "keycloak" / "import" / "hanoi-ioc-realm.json"
    async with Administration(running_stack) as administration:
        await administration.make_realm(without_guards(json.loads(file.read_text(encoding="utf-8"))))
    # Rights in a new realm come with a new token.
    async with Administration(running_stack) as administration:
        yield administration
        await administration.remove_realm(WEAK)


def without_guards(realm: dict[str, Any]) -> dict[str, Any]:
    """People may register passkeys, and the highest level asks who has none to register one."""
    for action in realm["requiredActions"]:
        action["enabled"] = action["enabled"] or action["alias"] == "webauthn-register"
    for flow in realm["authenticationFlows"]:
        if flow["alias"] == "ioc aal3 passkey":
            flow["authenticationExecutions"] = flow["authenticationExecutions"][:1]
            flow["authenticationExecutions"][0]["requirement"] = "REQUIRED"
    # Who administers whom is not the question here, and its groups have ids that no other realm may have.
    kept = {name: said for name, said in realm.items() if "roup" not in name and "Permissions" not in name}
    clients = [client for client in realm["clients"] if client["clientId"] != "admin-permissions"]
    return {**kept, "realm": WEAK, "clients": clients, "users": [], "organizations": []}


def claims_of(client: IocClient) -> tuple[str, list[str]]:
    assert client.tokens is not None
    claims = payload_of(client.tokens.access or "")
    return claims["acr"], claims["amr"]


async def test_passkey_that_an_administrator_stored_gives_the_highest_level(
    keycloak: Administration, person: TestPerson
) -> None:
    passkey = SoftwarePasskey()
    await keycloak.store_passkey(person, passkey)
    async with keycloak.client(person, passkey=passkey) as client:
        await client.sign_in("aal3")
        response = await client.raw(json={"query": "{ viewer { ... on Official { signIn { level } } } }"})
        seen = claims_of(client), response.json()["data"]["viewer"]["signIn"]["level"]
        assert seen == (("aal3", ["pwd", "otp", "hwk"]), "aal3")


async def test_passkey_without_user_verification_is_refused(
    keycloak: Administration, person: TestPerson
) -> None:
    passkey = SoftwarePasskey(verifies=False)
    await keycloak.store_passkey(person, passkey)
    async with keycloak.client(person, passkey=passkey) as client:
        with pytest.raises(LoginRefused, match="Passkey"):
            await client.sign_in("aal3")


async def test_passkey_of_another_is_refused(keycloak: Administration, person: TestPerson) -> None:
    mine, other = SoftwarePasskey(), SoftwarePasskey()
    await keycloak.store_passkey(person, mine)
    other.credential_id = mine.credential_id
    async with keycloak.client(person, passkey=other) as client:
        with pytest.raises(LoginRefused, match="Passkey"):
            await client.sign_in("aal3")


async def test_official_can_not_register_a_passkey_by_asking_for_it(
    official: IocClient, codes: TotpCodes, keycloak: Administration
) -> None:
    newcomer = SoftwarePasskey()
    await Enrolment.of(official, codes, newcomer).tokens(official.person, kc_action="webauthn-register")
    assert "webauthn" not in await keycloak.credential_types(official.person)


async def test_official_without_a_passkey_is_offered_no_registration_at_the_highest_level(
    official: IocClient, codes: TotpCodes, keycloak: Administration
) -> None:
    newcomer = SoftwarePasskey()
    with pytest.raises(LoginRefused, match="status 401"):
        await Enrolment.of(official, codes, newcomer).tokens(official.person, acr_values="aal3")
    assert "webauthn" not in await keycloak.credential_types(official.person)


@pytest.mark.parametrize("page", ["/realms/hanoi-ioc/account/", "/realms/hanoi-ioc/account/credentials"])
async def test_there_is_no_account_console_to_register_at(official: IocClient, page: str) -> None:
    response = await official.http.get(official.endpoints.keycloak_url + page)
    assert response.status_code == httpx.codes.NOT_FOUND


async def test_without_the_guards_an_official_promotes_himself(
    weak: Administration, codes: TotpCodes
) -> None:
    """By the action and by the page: once registered the passkey is as good as any."""
    reached = []
    for asked in ({"kc_action": "webauthn-register"}, {"acr_values": "aal3"}):
        person, newcomer = await weak.new_person(WEAK), SoftwarePasskey()
        async with weak.client(person) as client:
            await Enrolment.of(client, codes, newcomer).tokens(person, **asked)
        async with weak.client(person, passkey=newcomer, acr_values="aal3") as client:
            reached.append(claims_of(client))
    assert reached == [("aal3", ["pwd", "otp", "hwk"])] * 2


async def test_even_where_registration_is_open_user_verification_is_needed(
    weak: Administration, codes: TotpCodes
) -> None:
    person = await weak.new_person(WEAK)
    newcomer = SoftwarePasskey(verifies=False)
    async with weak.client(person) as client:
        with pytest.raises(LoginRefused, match="Passkey"):
            await Enrolment.of(client, codes, newcomer).tokens(person, kc_action="webauthn-register")
    assert "webauthn" not in await weak.credential_types(person)

"""The real sign-in at the real Keycloak, and every way in which a session ends, at the service's door."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from cli.client import IocClient, LoginRefused
from cli.login import make_proof, payload_of
from foundation.clock import SystemClock
from foundation.identity.authenticator import Authenticator, keycloak_http
from foundation.identity.challenges import IdentityRefusal
from foundation.identity.principal import VerifiedSession
from foundation.settings import ApiSettings, load
from tests.conftest import RunningStack
from tests.identity.administration import Administration, until
from tests.identity.test_revocation import pool_of

PATH = "/graphql"


@pytest.fixture
async def pool(running_stack: RunningStack) -> AsyncIterator[asyncpg.Pool]:
    pool = await pool_of(running_stack.database("backend_app"))
    yield pool
    await pool.close()


@pytest.fixture
async def door(running_stack: RunningStack, pool: asyncpg.Pool) -> AsyncIterator[Authenticator]:
    """The service's door with the service's own settings, database and Keycloak."""
    settings = load(running_stack.home / "settings" / "api.toml", ApiSettings).identity
    authenticator = Authenticator(settings, pool, SystemClock(), keycloak_http(settings.keycloak_ca_file))
    await authenticator.open()
    yield authenticator
    await authenticator.close()


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    """Keycloak's administrator, and people of a test's own."""
    async with Administration(running_stack) as administration:
        yield administration


@pytest.fixture
async def citizen(keycloak: Administration) -> AsyncIterator[IocClient]:
    async with keycloak.client(await keycloak.new_person("ihanoi")) as client:
        yield client


@pytest.fixture
async def official(keycloak: Administration) -> AsyncIterator[IocClient]:
    async with keycloak.client(await keycloak.new_person("hanoi-ioc", "00070")) as client:
        yield client


async def knock(door: Authenticator, client: IocClient, token: str | None = None) -> VerifiedSession:
    """One request with the token that the client holds, or with `token`."""
    assert client.tokens is not None
    token = token or client.tokens.access
    assert token is not None
    proof = make_proof(client.key, "POST", client.endpoints.api_url + PATH, token)
    return await door.authenticate("POST", PATH, [f"DPoP {token}"], [proof])


async def refusal(door: Authenticator, client: IocClient, token: str | None = None) -> str | None:
    """The code of the refusal, None when let in."""
    try:
        await knock(door, client, token)
    except IdentityRefusal as refused:
        return refused.code
    return None


async def test_official_is_let_in_with_one_organisation(door: Authenticator, official: IocClient) -> None:
    session = await knock(door, official)
    assert (session.organisation, session.acr, session.amr) == ("00070", "aal2", ("pwd", "otp"))


async def test_citizen_is_let_in_with_a_password_alone(door: Authenticator, citizen: IocClient) -> None:
    session = await knock(door, citizen)
    assert (session.organisation, session.acr, session.amr) == (None, "aal1", ("pwd",))


async def test_citizen_steps_up_within_the_same_session(door: Authenticator, citizen: IocClient) -> None:
    before = await knock(door, citizen)
    await citizen.sign_in("aal2")
    after = await knock(door, citizen)
    assert (after.acr, after.sid) == ("aal2", before.sid)


async def test_highest_level_without_a_passkey_is_denied(official: IocClient) -> None:
    with pytest.raises(LoginRefused, match="401"):
        await official.sign_in("aal3")


async def test_narrowed_tokens_have_one_audience_each(keycloak: Administration, official: IocClient) -> None:
    vault = keycloak.client(official.person, audience="ioc-vault")
    vault.key, vault.tokens = official.key, official.tokens
    await vault.refresh()
    await vault.http.aclose()
    await official.refresh()
    assert official.tokens is not None
    assert vault.tokens is not None
    tokens = [official.tokens.access or "", vault.tokens.access or ""]
    assert [payload_of(token)["aud"] for token in tokens] == ["ioc-backend", "ioc-vault"]


async def test_token_of_both_audiences_is_refused(
    door: Authenticator, keycloak: Administration, official: IocClient
) -> None:
    body = await keycloak.wide_token(official)
    codes = sorted(payload_of(body)["aud"]), await refusal(door, official, body)
    assert codes == (["ioc-backend", "ioc-vault"], "identity.token_invalid")


async def test_token_with_another_devices_proof_is_refused(
    door: Authenticator, official: IocClient, citizen: IocClient
) -> None:
    assert official.tokens is not None
    assert await refusal(door, citizen, official.tokens.access) == "identity.proof_invalid"


async def test_sign_in_without_a_pushed_request_is_refused(
    keycloak: Administration, official: IocClient
) -> None:
    answer = await keycloak.open_sign_in_page(official)
    assert (answer["error"], answer["error_description"]) == (
        "invalid_request",
        "Pushed Authorization Request is only allowed.",
    )


async def test_pushed_request_without_pkce_is_refused(keycloak: Administration, official: IocClient) -> None:
    response = await keycloak.push(official, code_challenge=None, code_challenge_method=None)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_refresh_without_a_proof_is_refused(keycloak: Administration, official: IocClient) -> None:
    response = await keycloak.refresh_without_proof(official)
    assert (response.status_code, response.json()["error_description"]) == (400, "DPoP proof is missing")


async def test_request_without_a_proof_is_refused_by_the_service(citizen: IocClient) -> None:
    headers = [header for header in await citizen.headers() if header[0] != "DPoP"]
    response = await citizen.raw(headers=headers, json={"query": "{ __typename }"})
    assert (response.status_code, response.headers["www-authenticate"]) == (
        401,
        'DPoP error="invalid_dpop_proof", error_description="the DPoP header is missing", algs="ES256"',
    )


async def test_proof_for_another_origin_is_refused(citizen: IocClient) -> None:
    proof = make_proof(citizen.key, "POST", f"https://evil.test{PATH}", await citizen.access_token())
    headers = [(name, proof if name == "DPoP" else value) for name, value in await citizen.headers()]
    response = await citizen.raw(headers=headers, json={"query": "{ __typename }"})
    assert (
        response.status_code,
        'error_description="htu is not the' in response.headers["www-authenticate"],
    ) == (
        401,
        True,
    )


async def test_forged_host_header_is_refused_at_the_edge(citizen: IocClient) -> None:
    headers = [*await citizen.headers(), ("Host", "evil.test")]
    response = await citizen.raw(headers=headers, json={"query": "{ __typename }"})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
        421,
        "edge.wrong_host",
    )


async def test_citizens_sign_out_ends_access(door: Authenticator, citizen: IocClient) -> None:
    assert citizen.tokens is not None
    token = citizen.tokens.access
    assert await refusal(door, citizen) is None
    held = citizen.tokens
    await citizen.sign_out()
    citizen.tokens = held
    await until(lambda: refusal(door, citizen, token), "identity.session_ended")


async def test_officials_sign_out_ends_access(door: Authenticator, official: IocClient) -> None:
    held = official.tokens
    assert await refusal(door, official) is None
    await official.sign_out()
    official.tokens = held
    await until(lambda: refusal(door, official), "identity.session_ended")


async def test_session_that_an_administrator_removes_ends(
    door: Authenticator, keycloak: Administration, citizen: IocClient
) -> None:
    session = await knock(door, citizen)
    await keycloak.remove_session(citizen.person.realm, session.sid)
    await until(lambda: refusal(door, citizen), "identity.session_ended")


async def test_disabled_and_enabled_again_stays_dead(
    door: Authenticator, keycloak: Administration, citizen: IocClient
) -> None:
    assert await refusal(door, citizen) is None
    await keycloak.update_person(citizen.person, enabled=False)
    await until(lambda: refusal(door, citizen), "identity.session_ended")
    await keycloak.update_person(citizen.person, enabled=True)
    # Keycloak itself revives it: it hands out a new token of the old session.
    await citizen.refresh()
    assert await refusal(door, citizen) == "identity.session_ended"


async def test_official_disabled_and_enabled_again_stays_dead(
    door: Authenticator, keycloak: Administration, official: IocClient
) -> None:
    session = await knock(door, official)
    await keycloak.update_person(official.person, enabled=False)
    await keycloak.until_end_is_noted(session)
    await keycloak.update_person(official.person, enabled=True)
    await official.refresh()
    assert await refusal(door, official) == "identity.session_ended"


async def test_remembered_session_that_ended_here_but_lives_at_keycloak_is_left_behind(
    door: Authenticator, keycloak: Administration
) -> None:
    person = await keycloak.new_person("ihanoi")
    async with keycloak.client(person, remember=True) as before:
        session = await knock(door, before)
        await keycloak.update_person(person, enabled=False)
        await keycloak.until_end_is_noted(session)
        await keycloak.update_person(person, enabled=True)
    async with keycloak.client(person, remember=True) as after:
        answer = await after.graphql("{ __typename }")
    assert answer["data"] == {"__typename": "Query"}


async def test_reset_password_ends_access(
    door: Authenticator, keycloak: Administration, citizen: IocClient
) -> None:
    assert await refusal(door, citizen) is None
    await keycloak.reset_password(citizen.person)
    await until(lambda: refusal(door, citizen), "identity.session_ended")


async def test_official_who_leaves_the_organisation_loses_access(
    door: Authenticator, keycloak: Administration, official: IocClient
) -> None:
    session = await knock(door, official)
    await keycloak.leave_organisation(official.person)
    await keycloak.until_end_is_noted(session)
    assert await refusal(door, official) == "identity.session_ended"


async def test_deleted_person_loses_access(
    door: Authenticator, keycloak: Administration, citizen: IocClient
) -> None:
    assert await refusal(door, citizen) is None
    await keycloak.delete_person(citizen.person)
    await until(lambda: refusal(door, citizen), "identity.session_ended")


async def test_person_signs_in_anew_after_an_end(
    door: Authenticator, keycloak: Administration, citizen: IocClient
) -> None:
    session = await knock(door, citizen)
    await keycloak.remove_session(citizen.person.realm, session.sid)
    await until(lambda: refusal(door, citizen), "identity.session_ended")
    await citizen.sign_in()
    assert (await knock(door, citizen)).sid != session.sid


async def test_back_channel_logout_is_answered(running_stack: RunningStack, citizen: IocClient) -> None:
    response = await citizen.http.post(
        f"{running_stack.endpoints.api_url}/identity/backchannel-logout", data={"logout_token": "a.b.c"}
    )
    assert response.status_code == httpx.codes.BAD_REQUEST

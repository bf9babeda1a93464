"""Step-up at the real Keycloak: fields of a test's own ask for more; the client follows, in one session."""

from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec.structs import replace

from cli.client import IocClient, LoginRefused
from cli.login import payload_of
from foundation.settings import ApiSettings, load
from security_tests.attacks.identity.api_process import Api, free_port, started
from security_tests.attacks.identity.elsewhere import send_elsewhere
from tests.conftest import RunningStack
from tests.identity.administration import Administration, until
from tests.identity.ends import newcomer
from tests.identity.software_passkey import SoftwarePasskey


@pytest.fixture(scope="module")
def strict(running_stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The stack's api with fields that ask for more, on the stack's database and Keycloak."""
    settings = load(running_stack.home / "settings" / "api.toml", ApiSettings)
    folder = tmp_path_factory.mktemp("strict")
    module = "security_tests.attacks.identity.strict_api"
    # No edge stands before this process, so it asks for no certificate of one.
    elsewhere = replace(settings, listen_port=free_port(), tls=replace(settings.tls, client_ca_file=None))
    with started(elsewhere, running_stack.endpoints.ca_file, folder, module) as api:
        yield api


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    async with Administration(running_stack) as administration:
        yield administration


def session_of(client: IocClient) -> tuple[str, str]:
    """Session and level of the token that the client holds."""
    assert client.tokens is not None
    claims = payload_of(client.tokens.access or "")
    return claims["sid"], claims["acr"]


async def test_client_follows_the_challenge_for_a_level_in_the_same_session(
    keycloak: Administration, strict: Api
) -> None:
    person = await keycloak.new_person("ihanoi")
    async with send_elsewhere(keycloak.client(person), strict.url) as citizen:
        sid, level = session_of(citizen)
        answer = await citizen.graphql("{ papers }")
        assert (level, answer["data"], session_of(citizen)) == ("aal1", {"papers": "papers"}, (sid, "aal2"))


async def test_client_follows_the_challenge_for_a_passkey_in_the_same_session(
    keycloak: Administration, strict: Api
) -> None:
    person = await newcomer(keycloak, "hanoi-ioc")
    passkey = SoftwarePasskey()
    await keycloak.store_passkey(person, passkey)
    async with send_elsewhere(keycloak.client(person, passkey=passkey), strict.url) as official:
        sid, level = session_of(official)
        answer = await official.graphql("{ cadreFiles }")
        seen = level, answer["data"], session_of(official)
        assert seen == ("aal2", {"cadreFiles": "cadre files"}, (sid, "aal3"))


async def test_old_sign_in_is_renewed_when_a_field_asks_for_a_fresh_one(
    keycloak: Administration, strict: Api
) -> None:
    person = await keycloak.new_person("ihanoi")
    async with send_elsewhere(keycloak.client(person), strict.url) as citizen:
        before = auth_time(citizen)
        await until_older_than_fresh(citizen)
        answer = await citizen.graphql("{ fresh }")
        assert (answer["data"], auth_time(citizen) > before) == ({"fresh": "fresh"}, True)


async def test_remembered_session_steps_up_as_the_same_session(keycloak: Administration, strict: Api) -> None:
    person = await keycloak.new_person("ihanoi")
    async with send_elsewhere(keycloak.client(person, remember=True), strict.url) as first:
        sid, _ = session_of(first)
    async with send_elsewhere(keycloak.client(person, remember=True), strict.url) as second:
        await second.graphql("{ papers }")
        assert session_of(second) == (sid, "aal2")


async def test_official_without_a_passkey_is_told_so_and_runs_nothing(
    keycloak: Administration, strict: Api
) -> None:
    person = await newcomer(keycloak, "hanoi-ioc")
    async with send_elsewhere(keycloak.client(person), strict.url) as official:
        with pytest.raises(LoginRefused, match="status 401"):
            await official.graphql("{ cadreFiles }")


async def test_official_comes_back_in_a_living_browser_session(keycloak: Administration) -> None:
    person = await newcomer(keycloak, "hanoi-ioc")
    async with keycloak.client(person) as official:
        sid, _ = session_of(official)
        await official.sign_in()
        assert session_of(official) == (sid, "aal2")


async def test_second_step_up_within_a_minute_asks_for_nothing(keycloak: Administration) -> None:
    person = await newcomer(keycloak, "hanoi-ioc")
    passkey = SoftwarePasskey()
    await keycloak.store_passkey(person, passkey)
    async with keycloak.client(person, passkey=passkey) as official:
        await official.sign_in("aal3")
        await official.sign_in("aal3")
        assert (session_of(official)[1], passkey.count) == ("aal3", 1)


def auth_time(client: IocClient) -> int:
    assert client.tokens is not None
    return int(payload_of(client.tokens.access or "")["auth_time"])


async def until_older_than_fresh(client: IocClient) -> None:
    """The api's own word on it: its clock decides."""

    async def status() -> int:
        return (await client.raw(json={"query": "{ fresh }"})).status_code

    await until(status, 401)

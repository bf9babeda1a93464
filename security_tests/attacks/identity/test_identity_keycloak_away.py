"""Without Keycloak's word officials are refused; citizens go on with known keys; nothing is restarted."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from cli.client import IocClient
from security_tests.attacks.identity.api_process import Answer, Api
from security_tests.attacks.identity.conftest import ForgedWorld
from stack.processes import ProcessIdentity
from tests.conftest import RunningStack
from tests.identity.administration import Administration, until
from tests.identity.ends import VIEWER, Knocker, newcomer

LET_IN = Answer(200, None, None)
UNAVAILABLE = Answer(503, None, "identity.unavailable")
SAID = {
    "vi": "Dịch vụ xác thực đang gián đoạn. Hãy thử lại sau ít phút.",
    "en": "The sign-in service is interrupted. Please try again in a few minutes.",
}


def asked(api: Api, forged: ForgedWorld, token: str) -> Answer:
    return api.ask(token, forged.forger.proof(token))


@pytest.fixture
def away(api: Api, forged: ForgedWorld) -> Iterator[None]:
    """Both have been here; then nobody listens at Keycloak's address."""
    assert [asked(api, forged, token) for token in (forged.forger.official(), forged.forger.citizen())] == [
        LET_IN,
        LET_IN,
    ]
    forged.keycloak.stop()
    yield
    forged.keycloak.start()


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    async with Administration(running_stack) as administration:
        yield administration


@pytest.fixture
async def official(keycloak: Administration) -> AsyncIterator[IocClient]:
    async with keycloak.client(await newcomer(keycloak, "hanoi-ioc")) as client:
        yield client


@pytest.fixture
async def citizen(keycloak: Administration) -> AsyncIterator[IocClient]:
    async with keycloak.client(await newcomer(keycloak, "ihanoi")) as client:
        yield client


@pytest.fixture
def process(running_stack: RunningStack) -> Iterator[ProcessIdentity]:
    """Keycloak's own process. It goes on after the test."""
    (part,) = [each for each in running_stack.stack.supervisor.running() if each.name == "keycloak"]
    yield part.identity
    part.identity.send(signal.SIGCONT)


@pytest.mark.usefixtures("away")
def test_officials_are_refused_while_nobody_listens(api: Api, forged: ForgedWorld) -> None:
    assert asked(api, forged, forged.forger.official()) == UNAVAILABLE


@pytest.mark.usefixtures("away")
def test_citizens_go_on_while_nobody_listens(api: Api, forged: ForgedWorld) -> None:
    assert asked(api, forged, forged.forger.citizen()) == LET_IN


async def test_officials_are_let_in_again_without_a_restart(api: Api, forged: ForgedWorld) -> None:
    token = forged.forger.official()

    async def answer() -> Answer:
        return await asyncio.to_thread(asked, api, forged, token)

    forged.keycloak.stop()
    try:
        while_away = await answer()
    finally:
        forged.keycloak.start()
    # A connection that was kept may be found broken by the first who asks: he is told to come back.
    await until(answer, LET_IN)
    assert while_away == UNAVAILABLE


@pytest.mark.parametrize("language", SAID)
async def test_hanging_keycloak_refuses_officials_in_their_language_until_it_goes_on(
    language: str, official: IocClient, process: ProcessIdentity
) -> None:
    official.language = language

    async def answer() -> tuple[int, str | None]:
        response = await official.raw(json=VIEWER)
        errors = response.json().get("errors")
        return response.status_code, errors[0]["message"] if errors else None

    before = await answer()
    process.send(signal.SIGSTOP)
    await until(answer, (503, SAID[language]))
    process.send(signal.SIGCONT)
    await until(answer, (200, None))
    assert before == (200, None)


async def test_hanging_keycloak_lets_citizens_go_on(citizen: IocClient, process: ProcessIdentity) -> None:
    knocker = Knocker(citizen)
    await knocker.answer()
    process.send(signal.SIGSTOP)
    assert await knocker.answer() == (200, None)

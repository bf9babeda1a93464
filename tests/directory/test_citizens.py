"""Operations on citizens' accounts, on the real Keycloak."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cli.login import LoginRefused
from foundation.directory_queue import Operation
from foundation.ids import new_uuid
from foundation.phones import PhoneSeal
from tests.conftest import RunningStack
from tests.directory.rig import Office
from tests.identity.administration import Administration, TestPerson

REALM = "ihanoi"


@dataclass(frozen=True)
class Citizen:
    """A citizen of one test's own."""

    id: UUID
    person: TestPerson
    keycloak: Administration

    async def account(self) -> dict[str, Any]:
        return dict(await self.keycloak.get(f"{REALM}/users/{self.person.id}"))

    async def sessions(self) -> list[str]:
        found = await self.keycloak.get(f"{REALM}/users/{self.person.id}/sessions")
        return [each["id"] for each in found]


@pytest.fixture
async def citizen(office: Office, keycloak: Administration) -> Citizen:
    person, number = await keycloak.new_person(REALM), new_uuid()
    office.rows(
        "INSERT INTO citizens.citizen (id, issuer, subject) VALUES (%(id)s, %(issuer)s, %(subject)s)",
        id=number,
        issuer=f"{office.stack.endpoints.keycloak_url}/realms/{REALM}",
        subject=person.id,
    )
    return Citizen(number, person, keycloak)


@pytest.fixture(scope="session")
def seal(running_stack: RunningStack) -> PhoneSeal:
    """As the api has it."""
    return PhoneSeal.from_file(running_stack.home / "secrets" / "phone-seal")


async def test_proven_number_is_noted_and_nothing_else_is_lost(
    office: Office, citizen: Citizen, seal: PhoneSeal
) -> None:
    before = await citizen.account()
    sealed = seal.seal_text("+84987654321", "directory", citizen.id)
    await office.done(Operation.CITIZEN_VERIFY_PHONE, str(citizen.id), {"phone": sealed})
    after = await citizen.account()
    since = datetime.fromisoformat(after["attributes"].pop("phone_verified_at")[0])
    assert abs(datetime.now(UTC) - since) < timedelta(minutes=5)
    assert after["attributes"] == {"phone": ["+84987654321"], "phone_verified": ["+84987654321"]}
    assert (after["firstName"], after["lastName"]) == (before["firstName"], before["lastName"])


async def test_number_that_was_sealed_for_another_citizen_is_refused(
    office: Office, citizen: Citizen, seal: PhoneSeal
) -> None:
    sealed = seal.seal_text("+84987654321", "directory", new_uuid())
    code = await office.refused(Operation.CITIZEN_VERIFY_PHONE, str(citizen.id), {"phone": sealed})
    assert code == "directory.invalid"
    assert "phone_verified" not in (await citizen.account())["attributes"]


async def test_disabled_citizen_has_no_session_and_enabling_revives_none(
    office: Office, citizen: Citizen
) -> None:
    async with citizen.keycloak.client(citizen.person) as client:
        await office.done(Operation.CITIZEN_DISABLE, str(citizen.id), signer="worker")
        assert (await citizen.account())["enabled"] is False
        assert await citizen.sessions() == []
        await office.done(Operation.CITIZEN_ENABLE, str(citizen.id), signer="worker")
        assert (await citizen.account())["enabled"] is True
        with pytest.raises(LoginRefused):
            await client.refresh()


async def test_citizen_keeps_the_session_that_ends_all_others(office: Office, citizen: Citizen) -> None:
    async with citizen.keycloak.client(citizen.person), citizen.keycloak.client(citizen.person):
        kept = (await citizen.sessions())[1]
        parameters = {"person": citizen.person.id, "except_session": kept}
        await office.done(Operation.CITIZEN_END_SESSIONS, str(citizen.id), parameters)
        assert await citizen.sessions() == [kept]


async def test_deleted_citizen_is_unknown_to_keycloak(office: Office, citizen: Citizen) -> None:
    await office.done(Operation.CITIZEN_DELETE, str(citizen.id), signer="worker")
    found = await citizen.keycloak.get(f"{REALM}/users?username={citizen.person.name}&exact=true")
    assert found == []
    # Asked again, as after a lost answer.
    await office.done(Operation.CITIZEN_DELETE, str(citizen.id), signer="worker")


async def test_api_can_not_delete_a_citizen(office: Office, citizen: Citizen) -> None:
    assert await office.refused(Operation.CITIZEN_DELETE, str(citizen.id)) == "directory.forged"
    assert (await citizen.account())["enabled"] is True


async def test_unknown_citizen_is_refused(office: Office) -> None:
    code = await office.refused(Operation.CITIZEN_DISABLE, str(new_uuid()), signer="worker")
    assert code == "directory.unknown_target"

"""Every operation on the real Keycloak, asked as api and worker ask it."""

import secrets
from pathlib import Path
from typing import Any

import pytest

from cli.activation import activate, link_in
from cli.client import IocClient, https_client
from cli.login import LoginRefused, Person
from cli.mail import letters, read, text_of
from foundation.directory_queue import Operation
from foundation.identity.body_proofs import digest_of
from foundation.ids import new_uuid
from tests.conftest import RunningStack
from tests.directory.rig import (
    CITY,
    EVERY_LETTER,
    HOAN_KIEM,
    SOC_SON,
    Office,
    Official,
    asking_of,
    body_of,
    invitation_of,
    said_by,
    step_of,
)
from tests.identity.administration import Administration

REALM = "hanoi-ioc"


class Records:
    """What Keycloak knows."""

    def __init__(self, keycloak: Administration) -> None:
        self._keycloak = keycloak

    async def user(self, official: Official) -> dict[str, Any]:
        path = f"{REALM}/users?username={official.username}&exact=true"
        (found,) = await self._keycloak.get(path)
        return dict(found)

    async def units(self, official: Official) -> set[str]:
        subject = (await self.user(official))["id"]
        found = await self._keycloak.get(f"{REALM}/organizations/members/{subject}/organizations")
        return {each["alias"] for each in found}

    async def credentials(self, official: Official) -> set[str]:
        subject = (await self.user(official))["id"]
        return {each["type"] for each in await self._keycloak.get(f"{REALM}/users/{subject}/credentials")}

    async def sessions(self, official: Official) -> list[str]:
        subject = (await self.user(official))["id"]
        return [each["id"] for each in await self._keycloak.get(f"{REALM}/users/{subject}/sessions")]


@pytest.fixture
def records(keycloak: Administration) -> Records:
    return Records(keycloak)


async def created(office: Office, asker: IocClient, unit: str = HOAN_KIEM) -> Official:
    """An official with an account at Keycloak."""
    official = office.official(unit)
    asking = await said_by(asker, "InviteOfficial", invitation_of(official))
    await office.done(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
    return official


def letters_to(stack: RunningStack, official: Official) -> list[str]:
    """The texts of the letters to an official, the oldest first."""
    found = [read(file) for file in letters(Path(stack.home) / "mail")]
    return [text_of(each) for each in found if each["x-recipients"] == official.account["email"]]


async def activated(stack: RunningStack, official: Official) -> Person:
    """The official has followed the newest letter's link."""
    link = link_in(letters_to(stack, official)[-1])
    async with https_client(stack.endpoints.ca_file) as browser:
        password, secret = await activate(browser, link)
    return Person(official.username, REALM, password, secret, official.unit)


def client_of(stack: RunningStack, person: Person) -> IocClient:
    return IocClient(stack.home, person, stack.endpoints)


async def test_invitation_makes_one_account_with_every_vietnamese_letter(
    office: Office, yen: IocClient, records: Records, running_stack: RunningStack
) -> None:
    official = await created(office, yen)
    user = await records.user(official)
    assert (user["firstName"], user["lastName"], user["enabled"]) == (EVERY_LETTER, "Nguyễn", True)
    assert set(user["requiredActions"]) == {"UPDATE_PASSWORD", "CONFIGURE_TOTP"}
    assert await records.units(official) == {"u-00070"}
    assert await records.credentials(official) == set()
    assert len(letters_to(running_stack, official)) == 1
    (row,) = office.rows("SELECT subject FROM tenancy.official WHERE code = %(code)s", code=official.code)
    assert row["subject"] == user["id"]
    assert office.events("directory.official.create", f"official:{official.code}") == ["allow"]


async def test_invited_official_activates_with_a_second_factor_and_signs_in(
    office: Office, yen: IocClient, running_stack: RunningStack, records: Records
) -> None:
    official = await created(office, yen)
    person = await activated(running_stack, official)
    async with client_of(running_stack, person) as client:
        assert client.tokens is not None
    assert await records.credentials(official) == {"password", "otp"}


async def test_link_of_an_invitation_is_good_once(
    office: Office, yen: IocClient, running_stack: RunningStack
) -> None:
    official = await created(office, yen)
    await activated(running_stack, official)
    with pytest.raises(LoginRefused):
        await activated(running_stack, official)


async def test_invitation_once_more_sends_another_letter_to_the_same_account(
    office: Office, yen: IocClient, running_stack: RunningStack, records: Records
) -> None:
    official = await created(office, yen)
    before = (await records.user(official))["id"]
    again = await said_by(yen, "ResendInvitation", {"code": official.code, "idempotencyKey": "k" * 20})
    await office.done(Operation.OFFICIAL_CREATE, official.code, official.account, again)
    assert (await records.user(official))["id"] == before
    assert len(letters_to(running_stack, official)) == 2


async def test_invitation_once_more_can_not_change_the_address(office: Office, yen: IocClient) -> None:
    official = await created(office, yen)
    again = await said_by(yen, "ResendInvitation", {"code": official.code, "idempotencyKey": "k" * 20})
    other = {**official.account, "email": "ke.trom@ioc.hanoi.example"}
    code = await office.refused(Operation.OFFICIAL_CREATE, official.code, other, again)
    assert code == "directory.asking_invalid"


async def test_user_name_of_somebody_else_is_refused(
    office: Office, yen: IocClient, keycloak: Administration
) -> None:
    name = f"trung.{secrets.token_hex(4)}"
    await keycloak.new_member(REALM, name, ("officials",))
    official = office.official(username=name)
    taken = official.account
    asking = await said_by(yen, "InviteOfficial", {**taken, "duties": [], "idempotencyKey": "k" * 20})
    assert await office.refused(Operation.OFFICIAL_CREATE, official.code, taken, asking) == "directory.taken"


async def test_disabling_ends_sessions_and_enabling_revives_none(
    office: Office, yen: IocClient, running_stack: RunningStack, records: Records
) -> None:
    official = await created(office, yen)
    person = await activated(running_stack, official)
    async with client_of(running_stack, person) as client:
        office.put(official, "suspended")
        asking = await said_by(yen, "SuspendOfficial", step_of(official))
        await office.done(Operation.OFFICIAL_DISABLE, official.code, {}, asking)
        assert (await records.user(official))["enabled"] is False
        office.put(official, "active")
        asking = await said_by(yen, "ReinstateOfficial", step_of(official))
        await office.done(Operation.OFFICIAL_ENABLE, official.code, {}, asking)
        assert (await records.user(official))["enabled"] is True
        with pytest.raises(LoginRefused):
            await client.refresh()


async def test_worker_disables_who_was_idle_without_an_officer(
    office: Office, yen: IocClient, records: Records
) -> None:
    official = await created(office, yen)
    office.put(official, "suspended")
    await office.done(Operation.OFFICIAL_DISABLE, official.code, {"idle": True}, signer="worker")
    assert (await records.user(official))["enabled"] is False


async def test_end_leaves_every_organisation(office: Office, yen: IocClient, records: Records) -> None:
    official = await created(office, yen)
    office.put(official, "ended")
    asking = await said_by(yen, "EndOfficial", step_of(official))
    await office.done(Operation.OFFICIAL_END, official.code, {}, asking)
    assert (await records.user(official))["enabled"] is False
    assert await records.units(official) == set()


async def test_move_leaves_the_old_organisation_and_joins_the_new_one(
    office: Office, nga: IocClient, records: Records
) -> None:
    official = await created(office, nga)
    office.put(official, unit=SOC_SON)
    given = {**step_of(official), "toUnit": SOC_SON, "duties": []}
    asking = await said_by(nga, "TransferOfficial", given)
    await office.done(Operation.OFFICIAL_MOVE, official.code, {"toUnit": SOC_SON}, asking)
    assert await records.units(official) == {"u-00376"}


async def test_somebody_in_two_organisations_is_in_one_after_a_move(
    office: Office, nga: IocClient, records: Records, keycloak: Administration
) -> None:
    official = await created(office, nga)
    await keycloak.join(REALM, (await records.user(official))["id"], "D0001")
    office.put(official, unit=SOC_SON)
    given = {**step_of(official), "toUnit": SOC_SON, "duties": []}
    asking = await said_by(nga, "TransferOfficial", given)
    await office.done(Operation.OFFICIAL_MOVE, official.code, {"toUnit": SOC_SON}, asking)
    assert await records.units(official) == {"u-00376"}


async def test_reset_by_two_takes_every_credential_and_sends_a_link(
    office: Office, yen: IocClient, nga: IocClient, running_stack: RunningStack, records: Records
) -> None:
    official = await created(office, yen)
    person = await activated(running_stack, official)
    async with client_of(running_stack, person) as client:
        office.put(official, "active")
        ended = await reset(office, official, yen, nga)
        assert ended.result == {"credentials": 2}
        with pytest.raises(LoginRefused):
            await client.refresh()
    assert await records.credentials(official) == set()
    assert await records.sessions(official) == []
    assert len(letters_to(running_stack, official)) == 2
    with pytest.raises(LoginRefused):
        await client_of(running_stack, person).sign_in()
    again = await activated(running_stack, official)
    async with client_of(running_stack, again) as client:
        assert client.tokens is not None


async def reset(office: Office, official: Official, first: IocClient, second: IocClient) -> Any:
    """A reset that the first asks for and the second confirms."""
    body = body_of("AskCredentialReset", {"code": official.code, "note": "mất", "idempotencyKey": "k" * 20})
    asked = await asking_of(first, body)
    given = {
        "code": official.code,
        "request": "0" * 16,
        "digest": digest_of(body),
        "idempotencyKey": "k" * 20,
    }
    confirmed = await said_by(second, "ConfirmCredentialReset", given)
    return await office.done(Operation.OFFICIAL_RESET, official.code, {}, asked, confirmed)


async def test_sessions_end_but_the_one_that_is_kept(
    office: Office, yen: IocClient, running_stack: RunningStack, records: Records
) -> None:
    official = await created(office, yen)
    person = await activated(running_stack, official)
    async with client_of(running_stack, person) as one, client_of(running_stack, person):
        subject, kept = (await records.user(official))["id"], (await records.sessions(official))[0]
        await office.done(
            Operation.OFFICIAL_END_SESSIONS, official.code, {"person": subject, "except_session": kept}
        )
        assert await records.sessions(official) == [kept]
        await office.done(Operation.SESSION_END, kept, {"realm": "officials", "person": subject})
        assert await records.sessions(official) == []
        with pytest.raises(LoginRefused):
            await one.refresh()


async def test_session_that_is_over_ends_quietly(office: Office) -> None:
    parameters = {"realm": "officials", "person": str(new_uuid())}
    await office.done(Operation.SESSION_END, str(new_uuid()), parameters)


async def test_organisation_is_made_renamed_and_disabled(office: Office, keycloak: Administration) -> None:
    code = "D0977"
    for name, enabled in (
        ("Sở Thử nghiệm", True),
        ("Sở Thử nghiệm (mới)", True),
        ("Sở Thử nghiệm (mới)", False),
    ):
        parameters = {"name": name, "enabled": enabled}
        await office.done(Operation.ORGANISATION_PUT, code, parameters, signer="worker")
        (found,) = await keycloak.get(f"{REALM}/organizations?q=unit_code:{code}&briefRepresentation=false")
        assert (found["name"], found["alias"], found["enabled"]) == (name, "u-d0977", enabled)
        assert found["attributes"] == {"unit_code": [code]}


async def test_organisation_that_lives_keeps_its_members(office: Office, keycloak: Administration) -> None:
    (before,) = await keycloak.get(f"{REALM}/organizations?q=unit_code:{CITY}&briefRepresentation=false")
    parameters = {"name": before["name"], "enabled": True}
    await office.done(Operation.ORGANISATION_PUT, CITY, parameters, signer="worker")
    (after,) = await keycloak.get(f"{REALM}/organizations?q=unit_code:{CITY}&briefRepresentation=false")
    assert after == before


async def test_then_is_enqueued_when_the_request_is_over(office: Office) -> None:
    request = await office.ask(
        Operation.SESSION_END,
        str(new_uuid()),
        {"realm": "officials", "person": str(new_uuid())},
        then="notifications.none",
    )
    await office.ended(request)
    found = office.rows(
        "SELECT args FROM jobs.procrastinate_jobs WHERE task_name = 'notifications.none'"
        " AND args ->> 'request' = %(id)s",
        id=str(request),
    )
    assert found == [{"args": {"request": str(request)}}]


async def test_what_was_signed_is_forgotten_when_the_request_is_over(office: Office, yen: IocClient) -> None:
    official = office.official()
    asking = await said_by(yen, "InviteOfficial", invitation_of(official))
    request = await office.ask(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
    await office.ended(request)
    (row,) = office.rows("SELECT jws FROM directory.request WHERE id = %(id)s", id=request)
    assert row["jws"] is None
    assert office.rows("SELECT 1 AS one FROM directory.asking WHERE request_id = %(id)s", id=request) == []

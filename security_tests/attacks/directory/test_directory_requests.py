"""Requests that no process of ours signed, or that say something else than what was signed."""

import time

import pytest
from joserfc.jwk import ECKey

from cli.client import IocClient
from foundation.directory_queue import Operation
from foundation.ids import new_uuid
from security_tests.attacks.directory.thief import Thief
from tests.directory.rig import Official, invitation_of, said_by

FORGED = "directory.forged"


async def asking_for(officer: IocClient, official: Official):  # type: ignore[no-untyped-def]  # a test's shorthand
    """What an officer's device really signs for this invitation."""
    return await said_by(officer, "InviteOfficial", invitation_of(official))


async def test_row_signed_by_a_key_of_ones_own_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, key=ECKey.generate_key("P-256")) == FORGED


async def test_row_that_names_a_known_key_but_is_signed_by_another_is_refused(
    thief: Thief, yen: IocClient
) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    header = {"kid": thief.key("api").thumbprint()}
    key = ECKey.generate_key("P-256")
    assert await thief.forged(official, asking, key=key, header=header) == FORGED


async def test_worker_key_can_not_invite(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, signer="worker") == FORGED


async def test_worker_key_under_the_name_of_the_api_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, key=thief.key("worker")) == FORGED


async def test_api_key_without_an_officer_can_not_invite(thief: Thief) -> None:
    assert await thief.forged(thief.official()) == FORGED


async def test_api_key_can_not_disable_without_an_officer(thief: Thief) -> None:
    code = thief.code_of("minh")
    refusal = await thief.refused(Operation.OFFICIAL_DISABLE, code, {"idle": True})
    assert refusal == FORGED


async def test_worker_can_not_reset(thief: Thief) -> None:
    assert await thief.refused(Operation.OFFICIAL_RESET, thief.code_of("minh"), signer="worker") == FORGED


async def test_api_key_can_not_change_organisations(thief: Thief) -> None:
    parameters = {"name": "Chiếm", "enabled": False}
    assert await thief.refused(Operation.ORGANISATION_PUT, "00070", parameters) == FORGED


@pytest.mark.parametrize(
    "row", [{"operation": "official.enable"}, {"target": "0" * 16}], ids=["operation", "target"]
)
async def test_row_that_says_something_else_than_what_was_signed_is_refused(
    thief: Thief, yen: IocClient, row: dict[str, str]
) -> None:
    official = thief.official()
    assert await thief.forged(official, await asking_for(yen, official), row=row) == FORGED


async def test_what_was_signed_for_one_row_is_refused_in_another(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, jti=str(new_uuid())) == FORGED


async def test_officer_word_that_the_process_did_not_sign_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, asked=["0" * 64]) == FORGED


@pytest.mark.parametrize("age", [-7200, 7200], ids=["past", "future"])
async def test_request_signed_for_another_time_is_refused(thief: Thief, yen: IocClient, age: int) -> None:
    official, now = thief.official(), int(time.time()) + age
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, iat=now, exp=now + 86_400) == FORGED


async def test_request_that_would_live_longer_than_a_day_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, exp=int(time.time()) + 86_500) == FORGED


async def test_request_whose_time_is_over_is_refused(thief: Thief, yen: IocClient) -> None:
    official, now = thief.official(), int(time.time())
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, iat=now - 20, exp=now - 10) == "directory.expired"


@pytest.mark.parametrize(
    ("name", "value"),
    [("v", 2), ("params", []), ("then", 7), ("op", "official.everything"), ("iat", True)],
)
async def test_request_of_another_form_is_refused(
    thief: Thief, yen: IocClient, name: str, value: object
) -> None:
    official = thief.official()
    asking = await asking_for(yen, official)
    assert await thief.forged(official, asking, **{name: value}) == FORGED


async def test_row_written_by_the_api_role_without_a_signature_is_refused(thief: Thief) -> None:
    official, request = thief.official(), new_uuid()
    row = {"signer": "api", "operation": "official.create", "target": official.code, "jws": "x"}
    thief.write(request, row)
    assert await thief.refusal_of(request, official) == FORGED


async def test_refusal_is_an_event(thief: Thief) -> None:
    official = thief.official()
    await thief.forged(official)
    assert thief.events("directory.official.create", f"official:{official.code}") == ["deny"]

"""Officers' words: stolen, replayed, of somebody else, about something else. The api's key signs them all."""

import json
from typing import Any

import pytest

from cli.client import IocClient
from foundation.directory_queue import Asking, Operation
from foundation.identity.body_proofs import digest_of
from security_tests.attacks.directory.thief import Thief
from tests.conftest import RunningStack
from tests.directory.rig import (
    SOC_SON,
    Official,
    asking_of,
    body_of,
    invitation_of,
    said_by,
    step_of,
)

INVALID, NOT_ENTITLED = "directory.asking_invalid", "directory.asker_not_entitled"
KEY = "k" * 20


async def invited(officer: IocClient, official: Official, **changes: Any) -> Asking:
    return await said_by(officer, "InviteOfficial", invitation_of(official), **changes)


async def test_word_can_not_be_used_for_two_requests(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await invited(yen, official)
    await thief.done(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
    again = await thief.ask(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
    assert (await thief.ended(again)).code == "directory.replayed"


async def test_proof_of_another_body_is_refused(thief: Thief, yen: IocClient) -> None:
    official, other = thief.official(), thief.official()
    signed = await invited(yen, other)
    asking = Asking(
        body=body_of("InviteOfficial", invitation_of(official)), token=signed.token, proof=signed.proof
    )
    assert await thief.refused_to_make(official, asking) == INVALID


async def test_proof_without_a_digest_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await asking_of(yen, body_of("InviteOfficial", invitation_of(official)), digest=None)
    assert await thief.refused_to_make(official, asking) == INVALID


async def test_token_with_the_proof_of_another_key_is_refused(
    thief: Thief, yen: IocClient, nga: IocClient
) -> None:
    official = thief.official()
    mine, others = await invited(nga, official), await invited(yen, official)
    asking = Asking(body=mine.body, token=others.token, proof=mine.proof)
    assert await thief.refused_to_make(official, asking) == INVALID


@pytest.mark.parametrize(
    "changes",
    [{"htm": "GET"}, {"htu": "https://elsewhere.example/graphql"}, {"ath": "x" * 43}, {"jti": ""}],
    ids=["method", "url", "token", "jti"],
)
async def test_proof_for_another_request_is_refused(
    thief: Thief, yen: IocClient, changes: dict[str, str]
) -> None:
    official = thief.official()
    assert await thief.refused_to_make(official, await invited(yen, official, **changes)) == INVALID


@pytest.mark.parametrize("seconds", [-600, 600], ids=["old", "future"])
async def test_proof_of_another_time_is_refused(thief: Thief, yen: IocClient, seconds: int) -> None:
    import time

    official = thief.official()
    asking = await invited(yen, official, iat=int(time.time()) + seconds)
    assert await thief.refused_to_make(official, asking) == INVALID


async def test_token_for_another_service_is_refused(thief: Thief, running_stack: RunningStack) -> None:
    official = thief.official()
    async with running_stack.client("son", audience="ioc-vault") as son:
        asking = await invited(son, official)
    assert await thief.refused_to_make(official, asking) == INVALID


async def test_citizen_token_is_refused(thief: Thief, running_stack: RunningStack) -> None:
    official = thief.official()
    async with running_stack.client("lan") as lan:
        asking = await invited(lan, official)
    assert await thief.refused_to_make(official, asking) == INVALID


@pytest.mark.parametrize("member", ["unit", "username", "email", "familyName", "givenName"])
async def test_parameter_that_the_officer_did_not_say_is_refused(
    thief: Thief, yen: IocClient, member: str
) -> None:
    official = thief.official()
    asking = await invited(yen, official)
    parameters = {**official.account, member: "D0001" if member == "unit" else "khac.nguoi@ioc.hanoi.example"}
    assert await thief.refused_to_make(official, asking, parameters=parameters) == INVALID


async def test_parameter_beyond_what_the_officer_said_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    asking = await invited(yen, official)
    parameters = {**official.account, "enabled": True}
    assert await thief.refused_to_make(official, asking, parameters=parameters) == INVALID


async def test_word_about_another_operation_is_refused(thief: Thief, nga: IocClient) -> None:
    official = thief.official(state="suspended")
    asking = await said_by(nga, "SuspendOfficial", step_of(official))
    assert await thief.refused(Operation.OFFICIAL_ENABLE, official.code, {}, asking) == INVALID


async def test_word_about_another_target_is_refused(thief: Thief, nga: IocClient) -> None:
    named, meant = thief.official(), thief.official()
    asking = await said_by(nga, "ReinstateOfficial", step_of(named))
    assert await thief.refused(Operation.OFFICIAL_ENABLE, meant.code, {}, asking) == INVALID


async def test_document_outside_the_contract_says_nothing(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    document = "mutation A($input: InviteOfficialInput!) { inviteOfficial(input: $input) { __typename } }"
    body = json.dumps({"query": document, "variables": {"input": invitation_of(official)}}).encode()
    assert await thief.refused_to_make(official, await asking_of(yen, body)) == INVALID


async def test_body_with_a_member_twice_says_nothing(thief: Thief, yen: IocClient) -> None:
    official = thief.official()
    body = body_of("InviteOfficial", invitation_of(official))
    assert await thief.refused_to_make(official, await asking_of(yen, b'{"query":"x",' + body[1:])) == INVALID


async def test_officer_without_the_duty_is_refused(thief: Thief, minh: IocClient) -> None:
    official = thief.official()
    assert await thief.refused_to_make(official, await invited(minh, official)) == NOT_ENTITLED


async def test_officer_of_another_unit_is_refused(thief: Thief, yen: IocClient) -> None:
    official = thief.official(SOC_SON)
    assert await thief.refused_to_make(official, await invited(yen, official)) == NOT_ENTITLED


async def test_officer_can_not_fetch_somebody_out_of_another_unit(
    thief: Thief, yen: IocClient, nga: IocClient
) -> None:
    official = thief.official(SOC_SON)
    asking = await invited(nga, official)
    await thief.done(Operation.OFFICIAL_CREATE, official.code, official.account, asking)
    thief.put(official, unit="00070")
    given = {**step_of(official), "toUnit": "00070", "duties": []}
    asking = await said_by(yen, "TransferOfficial", given)
    refusal = await thief.refused(Operation.OFFICIAL_MOVE, official.code, {"toUnit": "00070"}, asking)
    assert refusal == NOT_ENTITLED


async def test_officer_can_not_enable_himself(thief: Thief, yen: IocClient) -> None:
    code = thief.code_of("yen")
    asking = await said_by(yen, "ReinstateOfficial", {**step_of(thief.official()), "code": code})
    assert await thief.refused(Operation.OFFICIAL_ENABLE, code, {}, asking) == NOT_ENTITLED


async def reset_words(
    first: IocClient, second: IocClient, target: str, digest: str | None = None
) -> tuple[Asking, Asking]:
    """Both halves of a reset of `target`."""
    body = body_of("AskCredentialReset", {"code": target, "note": "mất", "idempotencyKey": KEY})
    asked = await asking_of(first, body)
    given = {
        "code": target,
        "request": "0" * 16,
        "digest": digest or digest_of(body),
        "idempotencyKey": KEY,
    }
    return asked, await said_by(second, "ConfirmCredentialReset", given)


async def test_one_officer_twice_can_not_reset(thief: Thief, yen: IocClient) -> None:
    code = thief.code_of("minh")
    words = await reset_words(yen, yen, code)
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, *words) == NOT_ENTITLED


async def test_one_officer_alone_can_not_reset(thief: Thief, yen: IocClient) -> None:
    code = thief.code_of("minh")
    asked, _ = await reset_words(yen, yen, code)
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, asked) == "directory.forged"


async def test_second_officer_who_confirmed_something_else_can_not_reset(
    thief: Thief, yen: IocClient, nga: IocClient
) -> None:
    code = thief.code_of("minh")
    words = await reset_words(yen, nga, code, digest=digest_of(b"{}"))
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, *words) == INVALID


async def test_two_who_both_ask_and_none_confirms_can_not_reset(
    thief: Thief, yen: IocClient, nga: IocClient
) -> None:
    code = thief.code_of("minh")
    (first, _), (second, _) = await reset_words(yen, yen, code), await reset_words(nga, nga, code)
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, first, second) == INVALID


async def test_second_officer_without_the_duty_can_not_reset(
    thief: Thief, yen: IocClient, minh: IocClient
) -> None:
    code = thief.code_of("thao")
    words = await reset_words(yen, minh, code)
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, *words) == NOT_ENTITLED


async def test_officer_can_not_be_one_of_the_two_who_reset_him(
    thief: Thief, yen: IocClient, nga: IocClient
) -> None:
    code = thief.code_of("yen")
    words = await reset_words(yen, nga, code)
    assert await thief.refused(Operation.OFFICIAL_RESET, code, {}, *words) == NOT_ENTITLED


async def test_parameters_are_not_vouched_for_by_who_may_not_ask(
    thief: Thief, minh: IocClient, yen: IocClient
) -> None:
    official = thief.official()
    evil = {**official.account, "email": "ke.trom@ioc.hanoi.example"}
    thief.rows(
        "UPDATE tenancy.official SET email = %(email)s WHERE code = %(code)s",
        email=evil["email"],
        code=official.code,
    )
    given = {**evil, "duties": [], "idempotencyKey": KEY}
    refused = await thief.refused_to_make(
        official, await said_by(minh, "InviteOfficial", given), parameters=evil
    )
    assert refused == NOT_ENTITLED
    again = await said_by(yen, "ResendInvitation", {"code": official.code, "idempotencyKey": KEY})
    assert await thief.refused_to_make(official, again, parameters=evil) == INVALID


async def test_invitation_of_one_can_not_make_the_account_of_another(thief: Thief, yen: IocClient) -> None:
    invited_one, other = thief.official(), thief.official()
    asking = await invited(yen, invited_one)
    refused = await thief.refused_to_make(other, asking, parameters=invited_one.account)
    assert refused == "directory.invalid"
